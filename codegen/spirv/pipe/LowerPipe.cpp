// In:  tile.func with tile.groups that read operands straight into registers. Out: func.func, see LowerPipe.h.
// 1. Walks become arithmetic; a group is a subgroup, its number the subgroup's.
// 2. The body is emitted anew, operation by operation: fragments become vectors of 8 components, one a row of the matrix
//    instruction, so loops and branches carry vectors. Counters of loops have 32 bits, as coordinates of blocks have.
// 3. Block reads and writes, products and quick functions become calls of imported functions (Blocks, Dots, Elements).
#include "codegen/spirv/pipe/PipeLowering.h"

#include "compiler/support/Error.h"
#include "compiler/tile/LowerWalk.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace tgc::spv {

bool isPipe(tile::FuncOp program) {
  return program.walk([](tile::GroupsOp) { return WalkResult::interrupt(); }).wasInterrupted();
}

void lowerPipe(tile::FuncOp program) { PipeLowering(program).run(); }

PipeLowering::PipeLowering(tile::FuncOp tile)
    : tile(tile), builder(tile), loc(tile.getLoc()), module(tile->getParentOfType<ModuleOp>()) {}

void PipeLowering::run() {
  tile::lowerWalks(tile);
  SmallVector<Type> types =
      llvm::map_to_vector(tile.getBuffers(), [](Value buffer) { return buffer.getType(); });
  function = builder.create<func::FuncOp>(loc, tile.getSymName(), builder.getFunctionType(types, {}));
  Block *entry = function.addEntryBlock();
  builder.setInsertionPointToStart(entry);
  for (auto [from, to] : llvm::zip(tile.getBuffers(), entry->getArguments()))
    mapping.map(from, to);
  mapping.map(tile.getBlockIndex(), builder.create<gpu::BlockIdOp>(loc, gpu::Dimension::x));
  lane = builder.create<gpu::LaneIdOp>(loc, IntegerAttr());
  std::optional<int64_t> registers;
  tile.walk([&](tile::GroupsOp groups) {
    width = groups.getThreads();
    registers = groups.getRegisters();
  });
  lowerBlock(*tile.getBlock());
  builder.create<func::ReturnOp>(loc);
  function->setAttr("tgc.kernel", builder.getUnitAttr());
  function->setAttr("tgc.threads", builder.getI64IntegerAttr(tile.getThreads()));
  function->setAttr("tgc.shared_bytes", builder.getI64IntegerAttr(0));
  function->setAttr("tgc.subgroup", builder.getI64IntegerAttr(width));
  if (registers)
    function->setAttr("tgc.registers", builder.getI64IntegerAttr(*registers));
  tile.erase();
}

Value PipeLowering::i32(int64_t value) { return builder.create<arith::ConstantIntOp>(loc, value, 32); }

Value PipeLowering::toI32(Value index) {
  if (index.getType().isInteger(32))
    return index;
  if (auto cast = index.getDefiningOp<arith::IndexCastOp>(); cast && cast.getIn().getType().isInteger(32))
    return cast.getIn();
  return builder.createOrFold<arith::IndexCastOp>(loc, builder.getI32Type(), index);
}

Value PipeLowering::vectorOf(ValueRange scalars) {
  auto type = VectorType::get({int64_t(scalars.size())}, scalars[0].getType());
  return builder.create<vector::FromElementsOp>(loc, type, scalars);
}

Value PipeLowering::component(Value vector, int64_t number) {
  if (auto made = vector.getDefiningOp<vector::FromElementsOp>())
    return made.getElements()[number];
  return builder.create<vector::ExtractOp>(loc, vector, number);
}

Value PipeLowering::call(StringRef name, ValueRange operands, Type result) {
  if (!module.lookupSymbol(name)) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(module.getBody());
    auto type = builder.getFunctionType(operands.getTypes(), result ? TypeRange(result) : TypeRange());
    auto import = builder.create<spirv::FuncOp>(loc, name, type);
    auto linkage = spirv::LinkageTypeAttr::get(builder.getContext(), spirv::LinkageType::Import);
    import.setLinkageAttributesAttr(
        spirv::LinkageAttributesAttr::get(builder.getContext(), builder.getStringAttr(name), linkage));
  }
  auto made = builder.create<spirv::FunctionCallOp>(loc, result ? TypeRange(result) : TypeRange(),
                                                    SymbolRefAttr::get(builder.getContext(), name), operands);
  return result ? made->getResult(0) : Value();
}

SmallVector<Value> PipeLowering::flat(Value value) {
  if (isa<tile::FragmentType>(value.getType()))
    return fragments[value];
  return {mapping.lookup(value)};
}

void PipeLowering::bind(Value value, ValueRange parts) {
  if (isa<tile::FragmentType>(value.getType()))
    fragments[value] = SmallVector<Value>(parts);
  else
    mapping.map(value, parts.front());
}

void PipeLowering::bindAll(ValueRange values, ArrayRef<size_t> counts, ValueRange parts) {
  for (auto [value, count] : llvm::zip(values, counts)) {
    bind(value, parts.take_front(count));
    parts = parts.drop_front(count);
  }
}

void PipeLowering::lowerBlock(Block &block) {
  for (Operation &op : block) {
    if (op.hasTrait<OpTrait::IsTerminator>())
      return;
    lowerOp(op);
  }
}

void PipeLowering::lowerOp(Operation &op) {
  llvm::TypeSwitch<Operation *>(&op)
      .Case([&](tile::BoxOp) {})
      .Case([&](tile::GroupsOp groups) {
        mapping.map(groups.getBody().getArgument(0), builder.create<gpu::SubgroupIdOp>(loc, IntegerAttr()));
        lowerBlock(groups.getBody().front());
      })
      .Case([&](tile::BlockReadOp read) { lowerRead(read.getResult(), {{read}, {}}); })
      .Case([&](tile::BlockPrefetchOp prefetch) { lowerPrefetch(prefetch); })
      .Case([&](tile::BlockWriteOp write) { lowerWrite(write); })
      .Case([&](tile::DotGroupOp dot) { lowerDot(dot); })
      .Case([&](tile::EachOp each) { lowerEach(each); })
      .Case([&](tile::FoldOp fold) { lowerFold(fold); })
      .Case([&](tile::FoldJoinOp join) { lowerFoldJoin(join); })
      .Case([&](tile::ConvertOp convert) { lowerConvert(convert); })
      .Case([&](tile::ZeroOp zero) {
        ArrayRef<int64_t> shape = zero.getResult().getType().getShape();
        auto type = VectorType::get({atomRows}, zero.getResult().getType().getElementType());
        Value none = builder.create<arith::ConstantOp>(loc, builder.getZeroAttr(type));
        fragments[zero.getResult()] = SmallVector<Value>(shape[0] / atomRows * (shape[1] / width), none);
      })
      .Case([&](scf::ForOp loop) { lowerFor(loop); })
      .Case([&](scf::IfOp branch) { lowerIf(branch); })
      .Default([&](Operation *other) {
        if (isa<tile::TileDialect>(other->getDialect()))
          internalError("{} has no place in a program of direct operands",
                        other->getName().getStringRef().str());
        builder.clone(*other, mapping);
      });
}

void PipeLowering::lowerFor(scf::ForOp loop) {
  auto bound = [&](Value value) { return toI32(mapping.lookup(value)); };
  Value first = bound(loop.getLowerBound()), last = bound(loop.getUpperBound()), step = bound(loop.getStep());
  SmallVector<Value> carried;
  SmallVector<size_t> counts;
  for (Value init : loop.getInitArgs()) {
    SmallVector<Value> parts = flat(init);
    counts.push_back(parts.size());
    carried.append(parts);
  }
  auto made = builder.create<scf::ForOp>(loc, first, last, step, carried);
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(made.getBody());
    mapping.map(loop.getInductionVar(),
                builder.create<arith::IndexCastOp>(loc, builder.getIndexType(), made.getInductionVar()));
    bindAll(loop.getRegionIterArgs(), counts, made.getRegionIterArgs());
    lowerBlock(*loop.getBody());
    SmallVector<Value> yielded;
    for (Value value : loop.getBody()->getTerminator()->getOperands())
      yielded.append(flat(value));
    if (!yielded.empty() || made.getBody()->empty() ||
        !made.getBody()->back().hasTrait<OpTrait::IsTerminator>())
      builder.create<scf::YieldOp>(loc, yielded);
  }
  bindAll(loop.getResults(), counts, made.getResults());
}

void PipeLowering::lowerIf(scf::IfOp branch) {
  if (lowerPieces(branch))
    return;
  // Both sides are made first: they say which values a fragment is.
  Value condition = mapping.lookup(branch.getCondition());
  SmallVector<Block *> sides{branch.thenBlock()};
  if (branch.elseBlock())
    sides.push_back(branch.elseBlock());
  SmallVector<SmallVector<Value>> yields;
  auto made = builder.create<scf::IfOp>(loc, TypeRange(), condition, sides.size() > 1);
  SmallVector<size_t> counts;
  for (auto [i, side] : llvm::enumerate(sides)) {
    OpBuilder::InsertionGuard guard(builder);
    Block *target = i == 0 ? made.thenBlock() : made.elseBlock();
    builder.setInsertionPoint(target->getTerminator());
    lowerBlock(*side);
    SmallVector<Value> yielded;
    counts.clear();
    for (Value value : side->getTerminator()->getOperands()) {
      SmallVector<Value> parts = flat(value);
      counts.push_back(parts.size());
      yielded.append(parts);
    }
    yields.push_back(yielded);
  }
  if (branch.getNumResults() == 0)
    return;
  auto typed = builder.create<scf::IfOp>(loc, ValueRange(yields[0]).getTypes(), condition, /*withElse=*/true);
  for (auto [i, yielded] : llvm::enumerate(yields)) {
    Block *from = i == 0 ? made.thenBlock() : made.elseBlock(),
          *to = i == 0 ? typed.thenBlock() : typed.elseBlock();
    from->getTerminator()->erase();
    to->getOperations().splice(to->end(), from->getOperations());
    OpBuilder::atBlockEnd(to).create<scf::YieldOp>(loc, yielded);
  }
  made.erase();
  bindAll(branch.getResults(), counts, typed.getResults());
}

} // namespace tgc::spv
