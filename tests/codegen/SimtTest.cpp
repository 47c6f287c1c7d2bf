// The host's stand-in for a GPU: what threads do together, and what it refuses.
#include "codegen/ptx/CompilePtx.h"
#include "mlir/Parser/Parser.h"
#include "tests/codegen/ptx/Simt.h"
#include <catch2/catch.hpp>

using namespace tgc;

namespace {

std::vector<int32_t> runText(const char *text, int64_t blocks, size_t count) {
  mlir::DialectRegistry registry;
  ptx::registerPtxDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  REQUIRE(module);
  std::vector<int32_t> result(count, -1);
  test::SimtKernel(*module).run({result.data()}, blocks);
  return result;
}

} // namespace

TEST_CASE("threads of a block exchange values by shuffles and shared memory") {
  // Each warp's sum of thread numbers by a butterfly of one step, then the other warp's by shared memory.
  const char *text = R"(
func.func @k(%y: memref<128xi32>) attributes {tgc.kernel, tgc.threads = 64 : i64, tgc.shared_bytes = 256 : i64} {
  %b = gpu.block_id x
  %t = gpu.thread_id x
  %c0 = arith.constant 0 : index
  %c32 = arith.constant 32 : index
  %c64 = arith.constant 64 : index
  %one = arith.constant 1 : i32
  %width = arith.constant 32 : i32
  %n = arith.index_cast %t : index to i32
  %other, %valid = gpu.shuffle xor %n, %one, %width : i32
  %sum = arith.addi %n, %other : i32
  %base = gpu.dynamic_shared_memory : memref<?xi8, #gpu.address_space<workgroup>>
  %s = memref.view %base[%c0][] : memref<?xi8, #gpu.address_space<workgroup>> to memref<64xi32, #gpu.address_space<workgroup>>
  memref.store %sum, %s[%t] : memref<64xi32, #gpu.address_space<workgroup>>
  gpu.barrier
  %far = arith.xori %t, %c32 : index
  %v = memref.load %s[%far] : memref<64xi32, #gpu.address_space<workgroup>>
  %row = arith.muli %b, %c64 : index
  %place = arith.addi %row, %t : index
  memref.store %v, %y[%place] : memref<128xi32>
  return
})";
  std::vector<int32_t> result = runText(text, 2, 128);
  for (int32_t i = 0; i < 128; ++i) {
    int32_t thread = (i % 64) ^ 32;
    CHECK(result[i] == thread + (thread ^ 1));
  }
}

TEST_CASE("a barrier that some threads miss is an error") {
  const char *text = R"(
func.func @k(%y: memref<64xi32>) attributes {tgc.kernel, tgc.threads = 64 : i64, tgc.shared_bytes = 0 : i64} {
  %t = gpu.thread_id x
  %c7 = arith.constant 7 : index
  %some = arith.cmpi ult, %t, %c7 : index
  scf.if %some {
    gpu.barrier
  }
  return
})";
  CHECK_THROWS_WITH(runText(text, 1, 64),
                    Catch::Contains("thread 0 is at barrier 1") && Catch::Contains("thread 7 has ended"));
}
