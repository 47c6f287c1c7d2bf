// Kernels taken apart at a reduction compute what they computed before: every legal split of every kernel of
// kernels.mlir, both sides by the reference evaluator.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>

#include "compiler/kernel/Evaluate.h"
#include "compiler/kernel/transforms/Launches.h"
#include "compiler/schedule/Describe.h"
#include "compiler/schedule/SplitReduction.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "tests/search/KernelRun.h"

using namespace mlir;
using namespace tgc;

namespace {

constexpr int64_t shift = 64; // elements before what the kernel reads

/// A module with the kernel and a program that launches it once, on windows that start behind `shift` elements;
/// buffers are called by their names.
OwningOpRef<ModuleOp> programOf(kernel::FuncOp kernel, const KernelInfo &info) {
  OwningOpRef<ModuleOp> module = ModuleOp::create(kernel.getLoc());
  OpBuilder builder = OpBuilder::atBlockEnd(module->getBody());
  builder.clone(*kernel);
  OperationState state(kernel.getLoc(), kernel::ProgramOp::getOperationName());
  state.addAttribute("sym_name", builder.getStringAttr("main"));
  state.addRegion()->emplaceBlock();
  auto program = cast<kernel::ProgramOp>(builder.create(state));
  builder.setInsertionPointToEnd(program.getBlock());
  SmallVector<Value> buffers;
  SmallVector<int64_t> offsets;
  for (auto [i, buffer] : llvm::enumerate(kernel.getBuffers())) {
    const BufferInfo &described = info.buffers[i];
    auto type = cast<MemRefType>(buffer.getType());
    offsets.push_back(described.stored ? 0 : shift);
    if (described.stored) {
      buffers.push_back(builder.create<kernel::OutputOp>(kernel.getLoc(), type, described.name, StringAttr()));
      continue;
    }
    auto whole = MemRefType::get({described.span() + shift}, type.getElementType());
    Value input = builder.create<kernel::InputOp>(kernel.getLoc(), whole, described.name, StringAttr());
    buffers.push_back(kernel::castBuffer(builder, input, type));
  }
  builder.create<kernel::LaunchOp>(kernel.getLoc(), kernel.getSymName(), buffers, false).setOffsets(offsets);
  return module;
}

} // namespace

TEST_CASE("taking a reduction apart does not change what is computed") {
  DialectRegistry registry;
  registry.insert<arith::ArithDialect, math::MathDialect, memref::MemRefDialect, kernel::KernelDialect>();
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  OwningOpRef<ModuleOp> file = parseSourceFile<ModuleOp>(TGC_TEST_KERNELS, &context);
  REQUIRE(file);
  int splits = 0;
  for (auto kernel : file->getOps<kernel::FuncOp>()) {
    KernelInfo info = describeKernel(kernel);
    std::mt19937_64 random(1);
    auto buffers = test::makeBuffers(kernel, random);
    kernel::NamedBytes bound;
    for (size_t i = 0; i < buffers.size(); ++i)
      if (!info.buffers[i].stored) {
        std::vector<char> &bytes = bound[info.buffers[i].name];
        bytes.resize(shift * bytesOf(info.buffers[i].type));
        bytes.insert(bytes.end(), buffers[i].data(), buffers[i].data() + buffers[i].bytes());
      }
    OwningOpRef<ModuleOp> before = programOf(kernel, info);
    kernel::NamedBytes expected =
        kernel::evaluateProgram(*before, *before->getOps<kernel::ProgramOp>().begin(), bound);
    for (const AxisInfo &axis : info.axes)
      for (int64_t parts = 2; parts <= axis.extent; ++parts) {
        Schedule schedule;
        schedule.split[axis.name] = parts;
        schedule.join = "launch";
        SplitResult split = planSplit(info, schedule);
        if (!split)
          continue;
        ++splits;
        INFO(info.name << " " << printSchedule(schedule));
        OwningOpRef<ModuleOp> module = programOf(kernel, info);
        auto target = *module->getOps<kernel::FuncOp>().begin();
        SmallVector<kernel::FuncOp> made = splitReduction(*module, target, info, *split.plan);
        std::string text;
        llvm::raw_string_ostream(text) << *module;
        INFO(text);
        REQUIRE(succeeded(verify(*module)));
        CHECK((made.size() == 2 || made.size() == 3));
        kernel::NamedBytes got =
            kernel::evaluateProgram(*module, *module->getOps<kernel::ProgramOp>().begin(), bound);
        for (size_t i = 0; i < buffers.size(); ++i) {
          if (!info.buffers[i].stored)
            continue;
          test::KernelBuffer want(buffers[i].type()), have(buffers[i].type());
          std::copy(expected[info.buffers[i].name].begin(), expected[info.buffers[i].name].end(),
                    want.data());
          std::copy(got[info.buffers[i].name].begin(), got[info.buffers[i].name].end(), have.data());
          double worst = 0;
          for (int64_t e = 0; e < want.elements(); ++e)
            worst = std::max(worst, std::abs(have.get(e) - want.get(e)) / (1 + std::abs(want.get(e))));
          CHECK(worst < (bytesOf(info.buffers[i].type) < 4 ? 1e-2 : 1e-5));
        }
      }
  }
  CHECK(splits > 30);
}
