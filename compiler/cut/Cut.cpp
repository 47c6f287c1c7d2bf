// Input: @main in the graph stage. Output: kernel.func's and kernel.program @main in its place.
//
// 1. What the caller gets and what is gathered from must be in memory as it stands: such views become values of
//    their own, with copies of arguments, weights and of values returned twice.
// 2. Clusters are formed, stored values chosen, concatenations assembled, siblings merged.
// 3. Each cluster is written as a kernel. Launches are ordered by what they read, in the order of the graph where
//    that leaves a choice; those that depend on weights alone come first.
#include "compiler/cut/Cut.h"

#include "compiler/cut/KernelWriter.h"
#include "compiler/support/Error.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include <queue>

using namespace mlir;
using namespace tgc::graph;

namespace tgc::cut {
namespace {

/// Weights that are joined become copies of their own, which then are stored side by side.
void copyJoinedWeights(Plan &plan) {
  for (auto piece : plan.function.getBody().front().getOps<PieceOp>()) {
    OpBuilder builder(piece);
    bool weights = llvm::all_of(piece.getSources(), [](Value source) {
      return source.getDefiningOp() && isWeight(source.getDefiningOp());
    });
    if (!weights || piece.getFill())
      continue;
    for (OpOperand &source : piece.getSourcesMutable()) {
      Value value = source.get();
      auto map = builder.getMultiDimIdentityMap(shapeOf(value).size());
      auto copy =
          builder.create<ViewOp>(value.getLoc(), value.getType(), value, map, IntegerSetAttr(), TypedAttr());
      plan.accesses.makeSolid(copy);
      source.set(copy);
    }
  }
}

/// Values that depend on weights alone, but for what the caller gets: outputs are written by every run.
void findWeightOnly(Plan &plan) {
  Block &block = plan.function.getBody().front();
  llvm::DenseSet<Value> returned(block.getTerminator()->operand_begin(),
                                 block.getTerminator()->operand_end());
  plan.weightOnly.clear();
  for (Operation &op : block.without_terminator())
    if (llvm::all_of(op.getOperands(), [&](Value v) { return plan.weightOnly.contains(v); }))
      for (Value result : op.getResults())
        if (!returned.contains(result))
          plan.weightOnly.insert(result);
}

/// Step 1.
void prepareFunction(Plan &plan) {
  Block &block = plan.function.getBody().front();
  Operation *terminator = block.getTerminator();
  llvm::DenseSet<Value> roots;
  for (OpOperand &operand : terminator->getOpOperands()) {
    Value value = operand.get();
    Operation *op = value.getDefiningOp();
    // An operation that nothing else reads may store the output itself; weights behind it do not matter then.
    bool computed = op && !isWeight(op) && !isSplat(op) && op->getNumOperands() > 0 &&
                    (value.hasOneUse() || !plan.weightOnly.contains(value));
    if (computed && roots.insert(value).second) {
      if (!plan.accesses.isSolid(op))
        plan.accesses.makeSolid(op);
      continue;
    }
    OpBuilder builder(terminator);
    auto map = builder.getMultiDimIdentityMap(shapeOf(value).size());
    auto copy =
        builder.create<ViewOp>(value.getLoc(), value.getType(), value, map, IntegerSetAttr(), TypedAttr());
    plan.accesses.makeSolid(copy);
    roots.insert(copy);
    operand.set(copy);
  }
  copyJoinedWeights(plan);
  for (auto gather : block.getOps<GatherOp>())
    if (Operation *source = gather.getSource().getDefiningOp(); source && !plan.accesses.isSolid(source))
      plan.accesses.makeSolid(source);
  unsigned position = 0;
  for (Operation &op : block.without_terminator())
    plan.position[&op] = ++position;
}

StringRef className(const Cluster &cluster) {
  unsigned contracts = llvm::count_if(cluster.cores, isContract);
  if (contracts > 1)
    return "attend";
  if (contracts == 1)
    return "contract";
  return cluster.cores.empty() ? "map" : "row";
}

MemRefType plainType(Value value) { return MemRefType::get(shapeOf(value), elementOf(value)); }

class ProgramWriter {
public:
  explicit ProgramWriter(Plan &plan, ModuleOp module)
      : plan(plan), module(module), builder(module.getContext()) {}

  void write() {
    builder.setInsertionPoint(plan.function);
    for (const Cluster &cluster : plan.clusters)
      if (!cluster.dead)
        kernels[cluster.id] =
            writeKernel(builder, plan, cluster, "unnamed", [&](Value value) { return typeOf(value); });
    SmallVector<unsigned> order = launchOrder();
    auto program = builder.create<kernel::ProgramOp>(plan.function.getLoc(), "main");
    Block *body = program.getBody().empty() ? &program.getBody().emplaceBlock() : program.getBlock();
    builder.setInsertionPointToEnd(body);
    declareInterface();
    llvm::StringMap<unsigned> counts;
    for (unsigned id : order) {
      const Cluster &cluster = plan.clusters[id];
      WrittenKernel &written = kernels[id];
      StringRef kind = className(cluster);
      written.function.setSymName((kind + "_" + Twine(counts[kind]++)).str());
      written.function->moveBefore(program);
      SmallVector<Value> buffers;
      for (Value value : written.values)
        buffers.push_back(home(value));
      builder.create<kernel::LaunchOp>(locationOf(cluster, plan.context()), written.function.getSymName(),
                                       buffers, cluster.prepare);
    }
  }

private:
  /// Launches in an order in which everything is stored before it is loaded.
  SmallVector<unsigned> launchOrder() {
    llvm::DenseMap<unsigned, SmallVector<unsigned>> readers;
    llvm::DenseMap<unsigned, unsigned> waiting;
    llvm::DenseMap<Value, SmallVector<Value>> partsOf;
    for (auto &[part, place] : plan.parts)
      partsOf[place.whole].push_back(part);
    auto depend = [&](unsigned reader, Value value) {
      auto it = plan.stored.find(value);
      if (it == plan.stored.end() || it->second == reader)
        return;
      readers[it->second].push_back(reader);
      ++waiting[reader];
    };
    for (auto &[id, kernel] : kernels)
      for (Value value : kernel.values) {
        depend(id, value);
        for (Value part : partsOf.lookup(value))
          depend(id, part);
      }
    auto later = [&](unsigned a, unsigned b) {
      const Cluster &x = plan.clusters[a], &y = plan.clusters[b];
      return std::make_tuple(!x.prepare, x.lastOp, a) > std::make_tuple(!y.prepare, y.lastOp, b);
    };
    std::priority_queue<unsigned, std::vector<unsigned>, decltype(later)> ready(later);
    for (auto &[id, kernel] : kernels)
      if (waiting.lookup(id) == 0)
        ready.push(id);
    SmallVector<unsigned> order;
    while (!ready.empty()) {
      unsigned id = ready.top();
      ready.pop();
      order.push_back(id);
      for (unsigned reader : readers[id])
        if (--waiting[reader] == 0)
          ready.push(reader);
    }
    if (order.size() != kernels.size())
      internalError("kernels wait for each other: {} of {} ordered", order.size(), kernels.size());
    return order;
  }

  void declareInterface() {
    func::FuncOp function = plan.function;
    for (BlockArgument argument : function.getArguments()) {
      unsigned i = argument.getArgNumber();
      auto name = function.getArgAttrOfType<StringAttr>(i, kNameAttr);
      homes[argument] =
          builder.create<kernel::InputOp>(argument.getLoc(), plainType(argument),
                                          name ? name : builder.getStringAttr("input" + std::to_string(i)),
                                          function.getArgAttrOfType<StringAttr>(i, kDtypeAttr));
    }
    for (auto [i, value] : llvm::enumerate(function.getBody().front().getTerminator()->getOperands())) {
      auto name = function.getResultAttrOfType<StringAttr>(i, kNameAttr);
      homes[value] = builder.create<kernel::OutputOp>(
          value.getLoc(), plainType(value), name ? name : builder.getStringAttr("output" + std::to_string(i)),
          function.getResultAttrOfType<StringAttr>(i, kDtypeAttr));
    }
  }

  /// Where a value in a part of another's buffer begins, and its strides.
  struct Place {
    int64_t offset = 0;
    SmallVector<int64_t> strides;
  };
  Place placeOf(Value value, const Part &part) {
    Place place;
    place.strides.assign(shapeOf(value).size(), 0);
    int64_t stride = 1;
    for (auto [expr, extent] : llvm::reverse(llvm::zip_equal(part.index, shapeOf(part.whole)))) {
      auto linear = linearForm(expr, place.strides.size());
      if (!linear)
        internalError("a part of a buffer is not strided");
      place.offset += linear->constant * stride;
      for (auto [own, coefficient] : llvm::zip(place.strides, linear->coefficients))
        own += coefficient * stride;
      stride *= extent;
    }
    fillIdleStrides(place.strides);
    return place;
  }

  MemRefType typeOf(Value value) {
    auto part = plan.parts.find(value);
    if (part == plan.parts.end())
      return plainType(value);
    Place place = placeOf(value, part->second);
    auto layout = StridedLayoutAttr::get(plan.context(), place.offset, place.strides);
    return MemRefType::get(shapeOf(value), elementOf(value), layout);
  }

  Value home(Value value) {
    if (auto known = homes.find(value); known != homes.end())
      return known->second;
    Value result;
    Operation *op = value.getDefiningOp();
    if (auto part = plan.parts.find(value); part != plan.parts.end()) {
      Place place = placeOf(value, part->second);
      result =
          builder.create<memref::ReinterpretCastOp>(value.getLoc(), typeOf(value), home(part->second.whole),
                                                    place.offset, shapeOf(value), place.strides);
    } else if (auto weight = dyn_cast_or_null<graph::WeightOp>(op)) {
      result = builder.create<kernel::WeightOp>(op->getLoc(), plainType(value), weight.getNameAttr(),
                                                weight.getSourceAttr());
    } else if (auto constant = dyn_cast_or_null<arith::ConstantOp>(op)) {
      result = builder.create<kernel::WeightOp>(
          op->getLoc(), plainType(value), builder.getStringAttr("constant" + std::to_string(constants++)),
          constant.getValue());
    } else {
      result = builder.create<kernel::BufferOp>(value.getLoc(), plainType(value));
    }
    return homes[value] = result;
  }

  Plan &plan;
  ModuleOp module;
  OpBuilder builder;
  llvm::MapVector<unsigned, WrittenKernel> kernels;
  llvm::DenseMap<Value, Value> homes;
  unsigned constants = 0;
};

class CutPass : public PassWrapper<CutPass, OperationPass<ModuleOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(CutPass)
  explicit CutPass(Choices *given) : given(given) {}
  CutPass(const CutPass &other) : PassWrapper(other), given(other.given) {}

  StringRef getArgument() const final { return "tgc-cut"; }
  StringRef getDescription() const final { return "Cut the graph into kernels and a program"; }
  void getDependentDialects(DialectRegistry &registry) const final {
    registry.insert<kernel::KernelDialect, memref::MemRefDialect, arith::ArithDialect, math::MathDialect>();
  }
  void runOnOperation() final {
    Choices own;
    Choices &choices = given ? *given : own;
    for (const std::string &name : turn)
      choices.turned.insert(name);
    if (remarks)
      choices.remarks = &llvm::errs();
    try {
      cut(getOperation(), choices);
    } catch (const Error &error) {
      getOperation().emitError(error.what());
      signalPassFailure();
    }
  }

  Option<bool> remarks{*this, "remarks", llvm::cl::desc("print each decision and its costs to stderr")};
  ListOption<std::string> turn{*this, "turn", llvm::cl::desc("decisions that are made the other way")};

private:
  Choices *given = nullptr;
};

} // namespace

void cut(ModuleOp module, Choices &choices) {
  auto function = module.lookupSymbol<func::FuncOp>("main");
  if (!function || !function.getBody().hasOneBlock())
    badInput("the module has no @main of one block");
  Plan plan(function, choices);
  findWeightOnly(plan);
  prepareFunction(plan);
  findWeightOnly(plan); // there are copies now
  formClusters(plan);
  chooseStored(plan);
  mergeSiblings(plan);
  ProgramWriter(plan, module).write();
  function.erase();
}

std::unique_ptr<Pass> createCutPass(Choices *choices) { return std::make_unique<CutPass>(choices); }

} // namespace tgc::cut
