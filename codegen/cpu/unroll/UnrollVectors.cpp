// Vectors of rank 2 and more become lists of vectors of rank 1, their rows.
//  In: structured control flow (scf), element-wise ops and the data movement of the vector dialect on any rank.
//  Out: the same on rows. Registers are then what LLVM sees: arrays of vectors, to which it would convert ranks
//      above 1, are not promoted well where loops carry them.
//  1. Walk the ops in order of dominance, keeping the rows of every value of rank ≥ 2.
//  2. Loops and branches that carry such values are rebuilt to carry their rows.
//  3. Ops with a rule become the same on rows: UnrollOps.cpp, UnrollMoves.cpp.
//  4. Ops without rule keep their type: their operands are put together again, their results taken apart.
#include "codegen/cpu/LowerThread.h"
#include "codegen/cpu/unroll/UnrollOps.h"
#include "mlir/Dialect/UB/IR/UBOps.h"

using namespace mlir;

namespace tgc::cpu {
namespace {

class Unroller {
public:
  explicit Unroller(MLIRContext *context) : builder(context) {}

  void run(Region &region) {
    for (Block &block : region)
      visitBlock(block);
    // They use each other's results, and the arguments of loops among them.
    for (Operation *op : dead)
      op->dropAllReferences();
    for (Operation *op : dead)
      op->erase();
    dead.clear();
  }

private:
  void visitBlock(Block &block) {
    builder.setInsertionPointToStart(&block);
    for (Value argument : block.getArguments())
      if (hasRows(argument.getType()))
        values.set(argument, takeApart(builder, loc, argument));
    for (Operation &op : llvm::make_early_inc_range(block))
      visit(&op);
  }

  void visit(Operation *op) {
    builder.setInsertionPoint(op);
    loc = op->getLoc();
    if (auto loop = dyn_cast<scf::ForOp>(op))
      return visitFor(loop);
    if (auto branch = dyn_cast<scf::IfOp>(op))
      return visitIf(branch);
    if (isa<scf::YieldOp>(op) && isa<scf::ForOp, scf::IfOp>(op->getParentOp())) {
      op->setOperands(values.spread(op->getOperands()));
      return;
    }
    for (Region &region : op->getRegions())
      for (Block &block : region)
        visitBlock(block);
    builder.setInsertionPoint(op);
    loc = op->getLoc();
    if (!touches(op))
      return;
    std::optional<Rows> rows = unrollOp(builder, values, op);
    if (!rows)
      rows = unrollMove(builder, values, op);
    if (rows) {
      if (op->getNumResults() == 1 && hasRows(op->getResult(0).getType()))
        values.set(op->getResult(0), *rows);
      else if (op->getNumResults() == 1)
        op->getResult(0).replaceAllUsesWith(rows->front());
      dead.push_back(op);
      return;
    }
    for (OpOperand &operand : op->getOpOperands())
      if (hasRows(operand.get().getType()))
        operand.set(
            assemble(builder, loc, values.of(operand.get()), cast<VectorType>(operand.get().getType())));
    builder.setInsertionPointAfter(op);
    for (Value result : op->getResults())
      if (hasRows(result.getType()))
        values.set(result, takeApart(builder, loc, result));
  }

  static bool touches(Operation *op) {
    auto ranked = [](Value value) { return hasRows(value.getType()); };
    return llvm::any_of(op->getOperands(), ranked) || llvm::any_of(op->getResults(), ranked);
  }

  void visitFor(scf::ForOp loop) {
    if (llvm::none_of(loop.getResultTypes(), hasRows)) {
      for (Operation &inner : llvm::make_early_inc_range(*loop.getBody()))
        visit(&inner);
      return;
    }
    auto wide = builder.create<scf::ForOp>(loop.getLoc(), loop.getLowerBound(), loop.getUpperBound(),
                                           loop.getStep(), values.spread(loop.getInitArgs()));
    if (!wide.getBody()->empty())
      wide.getBody()->getTerminator()->erase();
    wide->setDiscardableAttrs(loop->getDiscardableAttrDictionary());
    wide.getBody()->getOperations().splice(wide.getBody()->end(), loop.getBody()->getOperations());
    loop.getInductionVar().replaceAllUsesWith(wide.getInductionVar());
    ValueRange arguments = wide.getRegionIterArgs();
    for (Value old : loop.getRegionIterArgs())
      values.adopt(old, arguments);
    for (Operation &inner : llvm::make_early_inc_range(*wide.getBody()))
      visit(&inner);
    ValueRange results = wide.getResults();
    for (Value old : loop.getResults())
      values.adopt(old, results);
    dead.push_back(loop);
  }

  void visitIf(scf::IfOp branch) {
    auto visitBlocks = [&](scf::IfOp op) {
      for (Region &region : op->getRegions())
        for (Block &block : region)
          visitBlock(block);
    };
    if (llvm::none_of(branch.getResultTypes(), hasRows))
      return visitBlocks(branch);
    SmallVector<Type> types;
    for (Type type : branch.getResultTypes()) {
      if (hasRows(type))
        types.append(rowCount(cast<VectorType>(type)), rowType(cast<VectorType>(type)));
      else
        types.push_back(type);
    }
    auto wide =
        builder.create<scf::IfOp>(branch.getLoc(), types, branch.getCondition(), /*withElseRegion=*/true);
    wide.getThenRegion().takeBody(branch.getThenRegion());
    wide.getElseRegion().takeBody(branch.getElseRegion());
    visitBlocks(wide);
    ValueRange results = wide.getResults();
    for (Value old : branch.getResults())
      values.adopt(old, results);
    dead.push_back(branch);
  }

  OpBuilder builder;
  Location loc = builder.getUnknownLoc();
  RowValues values;
  SmallVector<Operation *> dead;
};

struct UnrollVectors : PassWrapper<UnrollVectors, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(UnrollVectors)
  StringRef getArgument() const override { return "tgc-cpu-unroll-vectors"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, scf::SCFDialect, ub::UBDialect, vector::VectorDialect>();
  }

  void runOnOperation() override {
    getOperation().walk([&](func::FuncOp function) {
      if (!function.isExternal())
        Unroller(&getContext()).run(function.getBody());
    });
  }
};

} // namespace

std::unique_ptr<Pass> createUnrollVectorsPass() { return std::make_unique<UnrollVectors>(); }

} // namespace tgc::cpu
