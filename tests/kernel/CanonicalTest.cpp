// The canonical text does not depend on names and orders that mean nothing, and does on everything else.
#include "compiler/kernel/Canonical.h"
#include "NaiveEvaluator.h"
#include "compiler/kernel/transforms/Access.h"
#include "compiler/kernel/transforms/Launches.h"
#include <catch2/catch.hpp>

using namespace mlir;
using namespace tgc::kernel;
using namespace tgc::kernel::test;

namespace {

const char *const kernels[] = {
    R"(kernel.func @conv(%in: memref<2x8x8x4xf32>, %w: memref<6x3x3x4xf32> {free}, %b: memref<6xf32>, %res: memref<2x8x8x6xf32>, %out: memref<2x8x8x6xf32>)
      axes(%b0 = 2, %y = 8, %x = 8, %o = 6, %r = 3, %s = 3, %c = 4) {
    %a = kernel.load %in[%b0, %y + %r - 1, %x + %s - 1, %c] : memref<2x8x8x4xf32> else 0.0
    %f = kernel.load %w[%o, %r, %s, %c] : memref<6x3x3x4xf32>
    %t = kernel.contract %a, %f over(%r, %s, %c) : f32, f32 -> f32
    %bias = kernel.load %b[%o] : memref<6xf32>
    %u = arith.addf %t, %bias : f32
    %old = kernel.load %res[%b0, %y, %x, %o] : memref<2x8x8x6xf32>
    %v = arith.addf %u, %old : f32
    %one = arith.constant 1.0 : f32
    %n = arith.negf %v : f32
    %e = math.exp %n : f32
    %d = arith.addf %e, %one : f32
    %sig = arith.divf %one, %d : f32
    %silu = arith.mulf %v, %sig : f32
    kernel.store %silu, %out[%b0, %y, %x, %o] : memref<2x8x8x6xf32>
  })",
    R"(kernel.func @norm(%x: memref<5x4x3x2xf32>, %g: memref<24xf32>, %w: memref<24xf32>, %y: memref<5x4x3x2xf32>)
      axes(%m = 5, %h = 4, %i = 3, %r = 2) {
    %a = kernel.load %x[%m, %h, %i, %r] : memref<5x4x3x2xf32>
    %mean, %var = kernel.moments %a over(%h, %i, %r) : f32 -> f32, f32
    %eps = arith.constant 1.0e-5 : f32
    %v = arith.addf %var, %eps : f32
    %s = math.rsqrt %v : f32
    %d = arith.subf %a, %mean : f32
    %n = arith.mulf %d, %s : f32
    %gamma = kernel.load %g[%h * 6 + %i * 2 + %r] : memref<24xf32>
    %beta = kernel.load %w[%h * 6 + %i * 2 + 1 - %r] : memref<24xf32>
    %u = arith.mulf %n, %gamma : f32
    %z = arith.addf %u, %beta : f32
    kernel.store %z, %y[%m, %h, %i, %r] if (%h - 1 >= 0, 2 - %i - %r >= 0) : memref<5x4x3x2xf32>
  })",
    R"(kernel.func @attend(%q: memref<6x2x4xf32>, %k: memref<7x2x4xf32>, %v: memref<7x2x5xf32>, %o: memref<6x2x5xf32>)
      axes(%h = 2, %m = 6, %n = 7, %d = 4, %e = 5) {
    %a = kernel.load %q[%m, %h, %d] : memref<6x2x4xf32>
    %b = kernel.load %k[%n, %h, %d] : memref<7x2x4xf32>
    %s = kernel.contract %a, %b over(%d) : f32, f32 -> f32
    %c = arith.constant 0.25 : f32
    %t = arith.mulf %s, %c : f32
    %w = kernel.load %v[%n, %h, %e] : memref<7x2x5xf32>
    %r = kernel.softmax %t, %w over(%n) : f32, f32 -> f32
    kernel.store %r, %o[%m, %h, %e] : memref<6x2x5xf32>
  })"};

/// Orders that mean nothing, shuffled.
void shuffle(FuncOp func, std::mt19937 &random) {
  auto permutation = [&](unsigned size) {
    SmallVector<unsigned> order = llvm::to_vector(llvm::seq<unsigned>(0, size));
    std::shuffle(order.begin(), order.end(), random);
    return order;
  };
  for (Operation &op : *func.getBlock())
    if (op.hasTrait<OpTrait::IsCommutative>() && random() % 2)
      op.setOperands({op.getOperand(1), op.getOperand(0)});
  // Any order in which values come before their uses.
  SmallVector<Operation *> left;
  for (Operation &op : *func.getBlock())
    left.push_back(&op);
  llvm::DenseSet<Operation *> placed;
  while (!left.empty()) {
    size_t i = random() % left.size();
    bool ready = llvm::all_of(left[i]->getOperands(), [&](Value operand) {
      return !operand.getDefiningOp() || placed.contains(operand.getDefiningOp());
    });
    if (!ready)
      continue;
    left[i]->moveBefore(func.getBlock(), func.getBlock()->end());
    placed.insert(left[i]);
    left.erase(left.begin() + i);
  }
  reorderBuffers(func, permutation(func.getNumBuffers()), {});
  AxisChange change;
  SmallVector<unsigned> order = permutation(func.getNumAxes());
  change.oldAsNew.resize(order.size());
  for (unsigned from : order) {
    change.oldAsNew[from] = getAffineDimExpr(change.extents.size(), func.getContext());
    change.newAsOld.push_back(getAffineDimExpr(from, func.getContext()));
    change.names.push_back("axis" + std::to_string(from * 7 % 10) + "_" +
                           std::to_string(change.extents.size()));
    change.extents.push_back(func.getExtents()[from]);
  }
  changeAxes(func, change);
}

} // namespace

TEST_CASE("canonical text survives shuffling") {
  for (const char *text : kernels) {
    std::mt19937 random(5);
    ParsedModule first;
    std::string expected = canonicalText(first.func(text));
    INFO(expected);
    for (int trial = 0; trial < 200; ++trial) {
      ParsedModule parsed;
      FuncOp func = parsed.func(text);
      shuffle(func, random);
      REQUIRE(succeeded(verify(func)));
      REQUIRE(canonicalText(func) == expected);
      SmallVector<unsigned> order;
      canonicalize(func, order);
      REQUIRE(succeeded(verify(func)));
      REQUIRE(canonicalText(func) == expected);
    }
  }
}

TEST_CASE("constants are placeholders in the key alone") {
  auto textWith = [&](std::string epsilon, bool exact) {
    std::string text = kernels[1];
    size_t at = text.find("1.0e-5");
    text.replace(at, 6, epsilon);
    ParsedModule parsed;
    SmallVector<unsigned> order;
    return exact ? exactText(parsed.func(text), order) : canonicalText(parsed.func(text));
  };
  CHECK(textWith("1.0e-5", false) == textWith("1.0e-6", false));
  CHECK(textWith("1.0e-5", true) != textWith("1.0e-6", true));
  CHECK(textWith("1.0e-5", false) != textWith("0.0", false));
  CHECK(textWith("1.0", false) != textWith("0.0", false));
}

TEST_CASE("what matters is in the text") {
  auto keyOf = [&](std::string from, std::string to) {
    std::string text = kernels[0];
    for (size_t at = 0; !from.empty() && (at = text.find(from, at)) != std::string::npos; at += to.size())
      text.replace(at, from.size(), to);
    ParsedModule parsed;
    return canonicalText(parsed.func(text));
  };
  std::string key = keyOf("", "");
  CHECK(key != keyOf("else 0.0", "else 1.0"));
  CHECK(key != keyOf("%o = 6", "%o = 5"));
  CHECK(key != keyOf("{free}", ""));
  CHECK(key != keyOf("%y + %r - 1", "%y + %r - 2"));
  CHECK(key != keyOf("math.exp", "math.sin"));
  CHECK(key != keyOf("memref<2x8x8x6xf32>", "memref<2x8x8x6xf32, strided<[512, 64, 8, 1]>>"));
}

TEST_CASE("hashes and names are stable") {
  CHECK(stableHash("") == 0xcbf29ce484222325);
  CHECK(stableHash("a") == 0xaf63dc4c8601ec8c);
  ParsedModule parsed;
  CHECK(shapeClass(parsed.func(kernels[0])) == "contract_m128n6k36");
  CHECK(shapeClass(parsed.func(kernels[1])) == "row_p5q24");
  CHECK(shapeClass(parsed.func(kernels[2])) == "attend_b2m6n5r7k4");
}
