// The body of a contraction whose groups read operands straight into registers:
//   for the axes of the depth but the innermost
//     ask the cache for the first steps
//     for each step of the innermost
//       read this group's rows of the left operand, its columns of the right one
//       ask the cache for this group's share of the block's tiles `ahead` steps on
//       sums += left · right
//   epilogue over the sums; where the right operand is a vector, over their first column, a row a thread
#include "compiler/pipe/Direct.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace tgc::pipe {

namespace {

class DirectContract : DirectProgram {
public:
  DirectContract(Program &program, kernel::ContractOp contract)
      : DirectProgram(program), contract(contract) {}

  void emit() {
    a = operandOf(plan.flip ? contract.getRhs() : contract.getLhs(), plan.a, plan.m, plan.k, /*left=*/true);
    b = operandOf(plan.flip ? contract.getLhs() : contract.getRhs(), plan.b, plan.n, plan.k, /*left=*/false);
    auto storeBoxes = boxesOfStores();
    sums = tile::FragmentType::get(builder.getContext(), {roles.fragmentRows, roles.fragmentColumns},
                                   contract.getResult().getType(), builder.getStringAttr("sums"));
    OpBuilder::InsertionGuard guard(builder);
    number = startGroups();
    if (roles.consumers > roles.columnGroups)
      total.firstRow =
          program.apply(program.dim(0).floorDiv(roles.columnGroups) * roles.fragmentRows, number);
    if (roles.columnGroups > 1)
      total.firstColumn = program.apply(program.dim(0) % roles.columnGroups * roles.fragmentColumns, number);
    RegisterEpilogue epilogue(program, contract.getResult(), plan.n, storeBoxes, Value());
    forTiles(program.index(0), 1, [&](Value) {
      SmallVector<TiledAxis> walked;
      for (const TiledAxis &axis : plan.k.axes)
        if (axis.tiles() > 1)
          walked.push_back(axis);
      total.fragment = walk(walked, builder.create<tile::ZeroOp>(loc, sums));
      if (plan.n.axes.empty())
        total.fragment = builder.create<tile::FoldOp>(
            loc,
            tile::FragmentType::get(builder.getContext(), roles.fragmentRows, sums.getElementType(),
                                    builder.getStringAttr("rows")),
            "first", total.fragment, /*partial=*/false);
      epilogue.emit(total);
    });
  }

private:
  /// Adds the products of all steps along these axes.
  Value walk(ArrayRef<TiledAxis> axes, Value before) {
    if (axes.empty())
      return dot(before);
    const TiledAxis &axis = axes.front();
    bool innermost = axes.size() == 1;
    Value outside = program.start(axis.axis);
    for (int64_t step = 0; innermost && step < std::min(roles.ahead, axis.tiles()); ++step) {
      program.setStart(axis.axis, program.index(step * axis.tile));
      prefetch(a, number);
      prefetch(b, number);
    }
    auto loop = builder.create<scf::ForOp>(loc, program.index(0), program.index(axis.tiles() * axis.tile),
                                           program.index(axis.tile), ValueRange(before));
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(loop.getBody());
    Value at = loop.getInductionVar();
    program.setStart(axis.axis, at);
    Value after = innermost ? step(axis, at, loop.getRegionIterArg(0))
                            : walk(axes.drop_front(), loop.getRegionIterArg(0));
    builder.create<scf::YieldOp>(loc, after);
    program.setStart(axis.axis, outside);
    return loop.getResult(0);
  }

  Value step(const TiledAxis &axis, Value at, Value before) {
    auto [left, right] = readBoth();
    if (roles.ahead > 0) {
      program.setStart(axis.axis, program.apply(program.dim(0) + roles.ahead * axis.tile, at));
      prefetch(a, number);
      prefetch(b, number);
      program.setStart(axis.axis, at);
    }
    return builder.create<tile::DotGroupOp>(loc, sums, left, right, before, false, false);
  }

  Value dot(Value before) {
    auto [left, right] = readBoth();
    return builder.create<tile::DotGroupOp>(loc, sums, left, right, before, false, false);
  }

  std::pair<Value, Value> readBoth() {
    int64_t deep = plan.k.extent();
    Value left = read(a, total.firstRow, roles.fragmentRows, deep);
    return {left, read(b, total.firstColumn, roles.fragmentColumns, deep)};
  }

  kernel::ContractOp contract;
  Operand a, b;
  tile::FragmentType sums;
  Value number;
  Sums total;
};

} // namespace

void directContractBody(Program &program, kernel::ContractOp contract) {
  DirectContract(program, contract).emit();
}

} // namespace tgc::pipe
