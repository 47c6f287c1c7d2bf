// The targets as data, and that compiling is safe on threads and gives the same image each time.
#include "codegen/cpu/CompileCpu.h"
#include "compiler/support/Error.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "tests/codegen/KernelText.h"
#include <atomic>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <thread>

using namespace tgc;

TEST_CASE("targets are described by name") {
  for (const std::string &name : cpu::cpuTargetNames()) {
    std::optional<cpu::CpuTarget> target = cpu::cpuTarget(name);
    REQUIRE(target);
    auto json = nlohmann::json::parse(target->describeJson());
    CHECK(json["name"] == name);
    CHECK(json["vector_bits"] == target->vectorBits);
    CHECK(json["peak_gflops_per_core"] > 0);
    CHECK(target->describe().find("vector_bits: ") != std::string::npos);
  }
  CHECK(cpu::cpuTarget("avx512")->vectorBits == 512);
  CHECK(cpu::cpuTarget("avx512")->vectorRegisters == 32);
  CHECK(cpu::cpuTarget("avx2")->hasFma);
  CHECK(cpu::cpuTarget("generic")->lanes(32) == 4);
  CHECK(!cpu::cpuTarget("generic")->hasFma);
  CHECK(!cpu::cpuTarget("sparc"));
  CHECK(cpu::runsHere(*cpu::cpuTarget("native")));
}

TEST_CASE("calibration replaces the estimates by what this machine does") {
  cpu::CpuTarget target = *cpu::cpuTarget("native");
  cpu::calibrate(target);
  CHECK(target.calibrated);
  // Any x86-64 runs between half and eight GHz.
  double perCycle = target.lanes(32) * (target.hasFma ? 4 : 2);
  CHECK(target.peakGflopsPerCore > 0.5 * perCycle);
  CHECK(target.peakGflopsPerCore < 8 * perCycle);
  CHECK(target.memoryGbPerSecond > 0.1);
}

TEST_CASE("threads compile side by side, and the same image each time") {
  std::string text =
      test::elementwiseKernel({"f32"}, "f32", "%s = math.sin %x0 : IN0\n%y = math.tanh %s : IN0", 16);
  auto compile = [&] {
    mlir::DialectRegistry registry;
    cpu::registerCpuDialects(registry);
    mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
    context.loadAllAvailableDialects();
    auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    return cpu::compileCpuModule(*module, *cpu::cpuTarget("avx2"));
  };
  std::vector<cpu::CpuImage> images(4);
  std::vector<std::thread> threads;
  for (cpu::CpuImage &image : images)
    threads.emplace_back([&] { image = compile(); });
  for (std::thread &thread : threads)
    thread.join();
  for (const cpu::CpuImage &image : images) {
    CHECK(image.bytes == images[0].bytes);
    CHECK(image.imports.empty());
    REQUIRE(image.functions.size() == 1);
    CHECK(image.functions[0].offset == images[0].functions[0].offset);
  }
}

TEST_CASE("threads compile modules of one context") {
  std::string text =
      test::elementwiseKernel({"f32"}, "f32", "%s = math.exp %x0 : IN0\n%y = math.log %s : IN0", 16);
  mlir::DialectRegistry registry;
  cpu::registerCpuDialects(registry);
  mlir::MLIRContext context(registry);
  context.loadAllAvailableDialects();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  std::vector<cpu::CpuImage> images(64);
  std::atomic<size_t> next = 0;
  auto work = [&] {
    for (size_t i; (i = next++) < images.size();)
      images[i] = cpu::compileCpuModule(*module, *cpu::cpuTarget("avx2"));
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back(work);
  for (std::thread &thread : threads)
    thread.join();
  for (const cpu::CpuImage &image : images)
    CHECK(image.bytes == images[0].bytes);
}

TEST_CASE("a context without the dialects of the target is refused") {
  mlir::DialectRegistry registry;
  registry.insert<mlir::func::FuncDialect>();
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  auto module =
      mlir::parseSourceString<mlir::ModuleOp>("func.func @f() attributes {tgc.kernel} { return }", &context);
  CHECK_THROWS_AS(cpu::compileCpuModule(*module, *cpu::cpuTarget("avx2")), Error);
}
