// Programs on the reference device: order, rounding of stored values, parts of buffers, weights with data.
#include "NaiveEvaluator.h"
#include "compiler/support/Error.h"
#include <catch2/catch.hpp>

using namespace mlir;
using namespace tgc::kernel;
using namespace tgc::kernel::test;

namespace {

const char *text = R"(
kernel.func @scale(%x: memref<3xf32>, %w: memref<3xf32>, %y: memref<3xbf16>) axes(%a = 3) {
  %v = kernel.load %x[%a] : memref<3xf32>
  %u = kernel.load %w[%a] : memref<3xf32>
  %p = arith.mulf %v, %u : f32
  %t = arith.truncf %p : f32 to bf16
  kernel.store %t, %y[%a] : memref<3xbf16>
}
kernel.func @into(%x: memref<3xbf16>, %y: memref<3xf32, strided<[2], offset: 1>>) axes(%a = 3) {
  %v = kernel.load %x[%a] : memref<3xbf16>
  %e = arith.extf %v : bf16 to f32
  kernel.store %e, %y[%a] : memref<3xf32, strided<[2], offset: 1>>
}
kernel.func @zero(%y: memref<3xf32, strided<[2]>>) axes(%a = 3) {
  %z = arith.constant 7.0 : f32
  kernel.store %z, %y[%a] : memref<3xf32, strided<[2]>>
}
kernel.program @main {
  %x = kernel.input "x" : memref<3xf32>
  %w = kernel.weight "w" from(dense<[1.0, 2.0, 3.0]> : tensor<3xf32>) : memref<3xf32>
  %t = kernel.buffer : memref<3xbf16>
  %y = kernel.output "y" : memref<6xf32>
  %odd = memref.reinterpret_cast %y to offset: [1], sizes: [3], strides: [2] : memref<6xf32> to memref<3xf32, strided<[2], offset: 1>>
  %even = memref.reinterpret_cast %y to offset: [0], sizes: [3], strides: [2] : memref<6xf32> to memref<3xf32, strided<[2]>>
  kernel.launch @scale(%x, %w, %t) : memref<3xf32>, memref<3xf32>, memref<3xbf16>
  kernel.launch @into(%t, %odd) : memref<3xbf16>, memref<3xf32, strided<[2], offset: 1>>
  kernel.launch @zero(%even) : memref<3xf32, strided<[2]>>
}
)";

std::vector<char> bytesOf(std::vector<float> values) {
  return {reinterpret_cast<char *>(values.data()), reinterpret_cast<char *>(values.data() + values.size())};
}

} // namespace

TEST_CASE("a program runs its launches") {
  ParsedModule parsed;
  parsed.func(text);
  ProgramOp program = *parsed.module->getOps<ProgramOp>().begin();
  NamedBytes outputs = evaluateProgram(*parsed.module, program, {{"x", bytesOf({1.001f, 1, 2})}});
  std::vector<float> y(6);
  REQUIRE(outputs.at("y").size() == 24);
  std::memcpy(y.data(), outputs.at("y").data(), 24);
  // 1.001 is 1 in bf16.
  CHECK(y == std::vector<float>{7, 1, 7, 2, 7, 6});
  outputs = evaluateProgram(*parsed.module, program, {{"x", bytesOf({1, 1, 1})}, {"w", bytesOf({4, 5, 6})}});
  std::memcpy(y.data(), outputs.at("y").data(), 24);
  CHECK(y == std::vector<float>{7, 4, 7, 5, 7, 6});
}

TEST_CASE("missing and short data are the caller's mistakes") {
  ParsedModule parsed;
  parsed.func(text);
  ProgramOp program = *parsed.module->getOps<ProgramOp>().begin();
  auto kindOf = [&](const NamedBytes &bound) {
    try {
      evaluateProgram(*parsed.module, program, bound);
    } catch (const tgc::Error &error) {
      return error.kind();
    }
    return tgc::ErrorKind::Internal;
  };
  CHECK(kindOf({}) == tgc::ErrorKind::BadInput);
  CHECK(kindOf({{"x", bytesOf({1, 2})}}) == tgc::ErrorKind::BadInput);
}
