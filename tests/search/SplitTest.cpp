// Kernels that a schedule takes apart compute what they computed before, both sides by the reference evaluator: every
// legal split of every kernel of kernels.mlir, the convolutions of winograd.mlir in tiles.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>

#include "compiler/kernel/Evaluate.h"
#include "compiler/kernel/transforms/Launches.h"
#include "compiler/schedule/Describe.h"
#include "compiler/schedule/TakeApart.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "search/strategies/Space.h"
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
      buffers.push_back(
          builder.create<kernel::OutputOp>(kernel.getLoc(), type, described.name, StringAttr()));
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

namespace {

/// The context of these tests.
std::unique_ptr<MLIRContext> makeContext() {
  DialectRegistry registry;
  registry.insert<arith::ArithDialect, math::MathDialect, memref::MemRefDialect, kernel::KernelDialect>();
  auto context = std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
  context->loadAllAvailableDialects();
  return context;
}

/// A kernel with inputs and what it computes of them.
class Subject {
public:
  explicit Subject(kernel::FuncOp kernel) : info(describeKernel(kernel)), kernel(kernel) {
    std::mt19937_64 random(1);
    buffers = test::makeBuffers(kernel, random);
    for (size_t i = 0; i < buffers.size(); ++i)
      if (!info.buffers[i].stored) {
        std::vector<char> &bytes = bound[info.buffers[i].name];
        bytes.resize(shift * bytesOf(info.buffers[i].type));
        bytes.insert(bytes.end(), buffers[i].data(), buffers[i].data() + buffers[i].bytes());
      }
    OwningOpRef<ModuleOp> module = programOf(kernel, info);
    expected = kernel::evaluateProgram(*module, *module->getOps<kernel::ProgramOp>().begin(), bound);
  }

  /// Takes it apart, checks that results stay within `tolerance`, and gives the number of kernels.
  size_t takeApart(const PartsResult &parts, double tolerance) {
    OwningOpRef<ModuleOp> module = programOf(kernel, info);
    auto target = *module->getOps<kernel::FuncOp>().begin();
    size_t made = tgc::takeApart(*module, target, info, parts).size();
    std::string text;
    llvm::raw_string_ostream(text) << *module;
    INFO(text);
    REQUIRE(succeeded(verify(*module)));
    kernel::NamedBytes got =
        kernel::evaluateProgram(*module, *module->getOps<kernel::ProgramOp>().begin(), bound);
    for (size_t i = 0; i < buffers.size(); ++i) {
      if (!info.buffers[i].stored)
        continue;
      test::KernelBuffer want(buffers[i].type()), have(buffers[i].type());
      std::copy(expected[info.buffers[i].name].begin(), expected[info.buffers[i].name].end(), want.data());
      std::copy(got[info.buffers[i].name].begin(), got[info.buffers[i].name].end(), have.data());
      double worst = 0;
      for (int64_t e = 0; e < want.elements(); ++e)
        worst = std::max(worst, std::abs(have.get(e) - want.get(e)) / (1 + std::abs(want.get(e))));
      CHECK(worst < (bytesOf(info.buffers[i].type) < 4 ? 1e-2 : tolerance));
    }
    return made;
  }

  KernelInfo info;

private:
  kernel::FuncOp kernel;
  std::vector<test::KernelBuffer> buffers;
  kernel::NamedBytes bound, expected;
};

} // namespace

TEST_CASE("taking a reduction apart does not change what is computed") {
  std::unique_ptr<MLIRContext> context = makeContext();
  OwningOpRef<ModuleOp> file = parseSourceFile<ModuleOp>(TGC_TEST_KERNELS, context.get());
  REQUIRE(file);
  int splits = 0;
  for (auto kernel : file->getOps<kernel::FuncOp>()) {
    Subject subject(kernel);
    for (const AxisInfo &axis : subject.info.axes)
      for (int64_t parts = 2; parts <= axis.extent; ++parts) {
        Schedule schedule;
        schedule.split[axis.name] = parts;
        schedule.join = "launch";
        PartsResult plan = planParts(subject.info, schedule);
        if (!plan)
          continue;
        ++splits;
        INFO(subject.info.name << " " << printSchedule(schedule));
        size_t made = subject.takeApart(plan, 1e-5);
        CHECK((made == 2 || made == 3));
      }
  }
  CHECK(splits > 30);
}

TEST_CASE("operands that are laid out ahead do not change what is computed") {
  std::unique_ptr<MLIRContext> context = makeContext();
  int unfolded = 0;
  for (const char *path : {TGC_TEST_KERNELS, TGC_TEST_WINOGRAD}) {
    OwningOpRef<ModuleOp> file = parseSourceFile<ModuleOp>(path, context.get());
    REQUIRE(file);
    for (auto kernel : file->getOps<kernel::FuncOp>()) {
      if (!describeKernel(kernel).contract)
        continue;
      Subject subject(kernel);
      std::vector<Schedule> ways;
      const ContractInfo &contract = *subject.info.contract;
      for (const OperandInfo *other : {&contract.lhs, &contract.rhs}) {
        Schedule both;
        for (const OperandInfo *operand : {&contract.lhs, other})
          if (!operand->accesses.empty())
            both.unfold.push_back(
                subject.info.buffers[subject.info.accesses[operand->accesses.front()].buffer].name);
        for (const std::string &name : both.unfold)
          ways.emplace_back().unfold = {name};
        std::sort(both.unfold.begin(), both.unfold.end());
        both.unfold.erase(std::unique(both.unfold.begin(), both.unfold.end()), both.unfold.end());
        ways.push_back(both);
      }
      for (const Schedule &schedule : ways)
        if (PartsResult plan = planParts(subject.info, schedule)) {
          ++unfolded;
          INFO(subject.info.name << " " << printSchedule(schedule));
          CHECK(subject.takeApart(plan, 1e-5) >= 2);
        }
    }
  }
  CHECK(unfolded >= 8);
}

TEST_CASE("convolutions by minimal filtering compute what the sum does") {
  std::unique_ptr<MLIRContext> context = makeContext();
  OwningOpRef<ModuleOp> file = parseSourceFile<ModuleOp>(TGC_TEST_WINOGRAD, context.get());
  REQUIRE(file);
  std::map<std::string, std::string> tiles, reasons;
  for (auto kernel : file->getOps<kernel::FuncOp>()) {
    Subject subject(kernel);
    for (int64_t tile : {2, 4}) {
      Schedule schedule;
      schedule.winograd = tile;
      INFO(subject.info.name << " " << printSchedule(schedule));
      PartsResult plan = planParts(subject.info, schedule);
      CHECK(isLegal(subject.info, schedule, DeviceInfo()) == bool(plan));
      if (!plan) {
        reasons[subject.info.name] = plan.reason;
        continue;
      }
      tiles[subject.info.name] += std::to_string(tile);
      CHECK(subject.takeApart(plan, 1e-4) == 4);
    }
  }
  CHECK(tiles == std::map<std::string, std::string>{
                     {"plain", "24"}, {"valid", "24"}, {"resized", "24"}, {"grouped", "24"}, {"six", "2"}});
  std::string windows =
      "winograd: there are no two axes of 3 taps of stride 1 with results in whole tiles of 4";
  CHECK(reasons["strided"] == windows);
  CHECK(reasons["six"] == windows);
  CHECK(reasons["ones"] == "winograd: the data is padded with other than zeros, or has conditions");
  CHECK(reasons["computed"] == "winograd: the taps are no weights");
  CHECK(reasons["narrow"] == "winograd: products other than f32 lose too much");
  CHECK(reasons["video"] == "winograd: another reduced axis moves along with the results");
}

TEST_CASE("what minimal filtering leaves of a convolution is the least that a search may hope for") {
  std::unique_ptr<MLIRContext> context = makeContext();
  OwningOpRef<ModuleOp> file = parseSourceFile<ModuleOp>(TGC_TEST_WINOGRAD, context.get());
  REQUIRE(file);
  DeviceInfo device;
  device.plainRate = 1e9;
  device.bandwidth = 1e15;
  std::map<std::string, double> shares;
  for (auto kernel : file->getOps<kernel::FuncOp>()) {
    Space space(describeKernel(kernel), device);
    shares[space.kernel.name] = space.least() / space.roofline();
  }
  CHECK(shares["plain"] == Approx(0.25));
  CHECK(shares["six"] == Approx(4.0 / 9));
  CHECK(shares["strided"] == 1);
}
