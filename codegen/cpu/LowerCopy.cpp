// In:  tile.copy pack and tile.map. Out: loops of the thread stage.
// 1. A loop for every coordinate, in their order; the last one twice where it has lanes: whole vectors, then the
//    tail. The regions' operations go into the innermost loop.
// 2. From the innermost loop outwards, what does not depend on a loop and writes nothing moves before it.
// 3. Branches inside an innermost loop on conditions from outside become branches around copies of the loop.
// 4. What a copy's body yields is stored where the target's layout puts it: as a vector where the lanes are
//    neighbours there, else lane by lane.
#include "codegen/cpu/LowerCopy.h"
#include "compiler/affine/Ranges.h"
#include "compiler/support/Error.h"
#include "compiler/tile/LowerWalk.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace tgc::cpu {

namespace {

/// Loops around at most this many conditions are copied for both outcomes.
constexpr int maxUnswitched = 3;

bool writesNothing(Operation *op) {
  if (isa<scf::YieldOp>(op) || isMemoryEffectFree(op))
    return true;
  if (op->hasTrait<OpTrait::HasRecursiveMemoryEffects>()) {
    for (Region &region : op->getRegions())
      for (Operation &inner : region.getOps())
        if (!writesNothing(&inner))
          return false;
    return true;
  }
  auto effects = dyn_cast<MemoryEffectOpInterface>(op);
  if (!effects)
    return false;
  SmallVector<MemoryEffects::EffectInstance> found;
  effects.getEffects(found);
  return llvm::all_of(found, [](const auto &effect) { return isa<MemoryEffects::Read>(effect.getEffect()); });
}

bool definedOutside(Operation *op, scf::ForOp loop) {
  bool outside = true;
  op->walk([&](Operation *inner) {
    for (Value operand : inner->getOperands()) {
      Region *region = operand.getParentRegion();
      // Inside the operation itself, or outside of the loop.
      if (!op->isAncestor(region->getParentOp()) && loop.getRegion().isAncestor(region))
        outside = false;
    }
  });
  return outside;
}

void hoist(scf::ForOp loop) {
  for (Operation &op : llvm::make_early_inc_range(loop.getBody()->without_terminator()))
    if (definedOutside(&op, loop) && writesNothing(&op))
      op.moveBefore(loop);
}

/// The branch's region of that outcome takes its place.
void resolve(scf::IfOp branch, bool outcome) {
  Region &region = outcome ? branch.getThenRegion() : branch.getElseRegion();
  if (!region.empty()) {
    Block &block = region.front();
    Operation *yield = block.getTerminator();
    branch->getBlock()->getOperations().splice(Block::iterator(branch), block.getOperations());
    branch.replaceAllUsesWith(yield->getOperands());
    yield->erase();
  }
  branch.erase();
}

void unswitch(scf::ForOp loop, int budget) {
  if (budget == 0 || !loop.getInits().empty())
    return;
  int position = 0;
  for (Operation &op : *loop.getBody()) {
    auto branch = dyn_cast<scf::IfOp>(op);
    if (!branch || loop.getRegion().isAncestor(branch.getCondition().getParentRegion())) {
      ++position;
      continue;
    }
    OpBuilder builder(loop);
    auto around = builder.create<scf::IfOp>(loop.getLoc(), branch.getCondition(), /*withElse=*/true);
    for (bool outcome : {true, false}) {
      builder.setInsertionPointToStart(outcome ? around.thenBlock() : around.elseBlock());
      auto copy = cast<scf::ForOp>(builder.clone(*loop));
      resolve(cast<scf::IfOp>(*std::next(copy.getBody()->begin(), position)), outcome);
      unswitch(copy, budget - 1);
    }
    loop.erase();
    return;
  }
}

/// Loops for one operation's coordinates.
class Nest {
public:
  Nest(Operation *op, ArrayRef<OpFoldResult> bounds, int64_t lanes, Region &body, Region &tail)
      : builder(op), loc(op->getLoc()), lanes(lanes), body(body), tail(tail) {
    for (OpFoldResult bound : bounds)
      this->bounds.push_back(getValueOrCreateConstantIndexOp(builder, loc, bound));
  }

  /// `store` gets what a region yields, its coordinates and its lanes.
  using Store = function_ref<void(OpBuilder &, ValueRange yielded, ValueRange coords, int64_t lanes)>;
  void emit(Store store) {
    coords.resize(bounds.size());
    emitFrom(0, store);
    for (scf::ForOp loop : llvm::reverse(loops)) {
      SmallVector<scf::ForOp> inner;
      loop.getBody()->walk([&](scf::ForOp other) { inner.push_back(other); });
      for (scf::ForOp other : inner)
        hoist(other);
      hoist(loop);
    }
    for (scf::ForOp loop : innermost)
      unswitch(loop, maxUnswitched);
  }

private:
  Value index(int64_t value) { return builder.create<arith::ConstantIndexOp>(loc, value); }

  void emitFrom(size_t depth, Store store) {
    if (depth + 1 < bounds.size()) {
      loop(index(0), bounds[depth], 1, depth, [&] { emitFrom(depth + 1, store); });
      return;
    }
    Value end = bounds[depth];
    if (lanes == 1) {
      loop(index(0), end, 1, depth, [&] { inlineRegion(body, 1, store); });
      return;
    }
    Value whole = end;
    if (!tail.empty()) {
      Value rest = builder.createOrFold<arith::RemUIOp>(loc, end, index(lanes));
      whole = builder.createOrFold<arith::SubIOp>(loc, end, rest);
    }
    loop(index(0), whole, lanes, depth, [&] { inlineRegion(body, lanes, store); });
    if (!tail.empty())
      loop(whole, end, 1, depth, [&] { inlineRegion(tail, 1, store); });
  }

  void loop(Value from, Value to, int64_t step, size_t depth, function_ref<void()> fill) {
    auto made = builder.create<scf::ForOp>(loc, from, to, index(step));
    loops.push_back(made);
    if (depth + 1 == bounds.size())
      innermost.push_back(made);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(made.getBody());
    coords[depth] = made.getInductionVar();
    fill();
  }

  void inlineRegion(Region &region, int64_t width, Store store) {
    IRMapping mapping;
    mapping.map(region.getArguments(), coords);
    Block &block = region.front();
    for (Operation &op : block.without_terminator())
      builder.clone(op, mapping);
    SmallVector<Value> yielded;
    for (Value value : block.getTerminator()->getOperands())
      yielded.push_back(mapping.lookupOrDefault(value));
    store(builder, yielded, coords, width);
  }

  OpBuilder builder;
  Location loc;
  SmallVector<Value> bounds;
  int64_t lanes;
  Region &body, &tail;
  SmallVector<Value> coords;
  SmallVector<scf::ForOp> loops, innermost;
};

/// Elements from the target's first to the copy's place, over the copy's coordinates.
AffineExpr addressOf(tile::CopyOp copy, const TilePlace &place) {
  AffineExpr sum = getAffineConstantExpr(0, copy.getContext());
  for (auto [expr, parts] : llvm::zip(copy.getMap().getResults(), place.dims)) {
    AffineExpr rest = expr;
    for (auto [i, part] : llvm::enumerate(parts)) {
      bool last = i + 1 == parts.size();
      sum = sum + (last ? rest : rest % part.shape) * part.stride;
      rest = rest.floorDiv(part.shape);
    }
  }
  return sum;
}

/// Elements of memory from lane to lane, where the last coordinate is a multiple of the lanes; nullopt where that
/// is not the same for all lanes.
std::optional<int64_t> laneStep(tile::CopyOp copy, AffineExpr address) {
  int64_t lanes = copy.getLanes();
  unsigned coords = copy.getNumCoords();
  MLIRContext *context = copy.getContext();
  // Coordinates as they are, the last one as vector · lanes + lane.
  SmallVector<int64_t> extents;
  for (int64_t bound : copy.getStaticBounds())
    extents.push_back(ShapedType::isDynamic(bound) ? int64_t(1) << 30 : bound);
  extents.back() = (extents.back() + lanes - 1) / lanes;
  extents.push_back(lanes);
  AffineExpr last = getAffineDimExpr(coords - 1, context), vector = last * lanes;
  auto at = [&](AffineExpr lane) {
    SmallVector<AffineExpr> dims;
    for (unsigned d = 0; d + 1 < coords; ++d)
      dims.push_back(getAffineDimExpr(d, context));
    dims.push_back(vector + lane);
    return affine::simplify(address.replaceDims(dims), extents);
  };
  AffineExpr lane = getAffineDimExpr(coords, context), zero = getAffineConstantExpr(0, context);
  auto second = dyn_cast<AffineConstantExpr>(
      affine::simplify(at(getAffineConstantExpr(1, context)) - at(zero), extents));
  if (!second)
    return std::nullopt;
  AffineExpr wrong = affine::simplify(at(lane) - at(zero) - lane * second.getValue(), extents);
  return wrong == zero ? std::optional(second.getValue()) : std::nullopt;
}

Value flatMemref(OpBuilder &builder, Location loc, Value memref) {
  auto type = cast<MemRefType>(memref.getType());
  if (type.getRank() == 1 && type.getLayout().isIdentity())
    return memref;
  SmallVector<int64_t> strides;
  int64_t offset = 0;
  if (failed(getStridesAndOffset(type, strides, offset)))
    internalError("a tile's memory has no strides");
  int64_t span = offset + tile::spanOf(type);
  return builder.create<memref::ReinterpretCastOp>(
      loc, MemRefType::get({span}, type.getElementType()), memref,
      /*offset=*/0, ArrayRef<int64_t>{span}, ArrayRef<int64_t>{1});
}

void lower(tile::CopyOp copy) {
  OpBuilder outside(copy);
  Location loc = copy.getLoc();
  TilePlace place = placeOf(outside, copy.getTarget());
  Value memory = flatMemref(outside, loc, place.memref);
  AffineExpr address = addressOf(copy, place);
  std::optional<int64_t> step = laneStep(copy, address);
  Nest nest(copy, copy.getMixedBounds(), copy.getLanes(), copy.getBody(), copy.getTail());
  nest.emit([&](OpBuilder &builder, ValueRange yielded, ValueRange coords, int64_t lanes) {
    auto addressAt = [&](int64_t lane) {
      SmallVector<OpFoldResult> operands(coords.begin(), coords.end());
      SmallVector<AffineExpr> dims;
      for (unsigned d = 0; d < coords.size(); ++d)
        dims.push_back(builder.getAffineDimExpr(d));
      dims.back() = dims.back() + lane;
      AffineExpr expr = address.replaceDims(dims);
      if (place.offset) {
        expr = expr + builder.getAffineDimExpr(operands.size());
        operands.push_back(place.offset);
      }
      return getValueOrCreateConstantIndexOp(
          builder, loc,
          mlir::affine::makeComposedFoldedAffineApply(builder, loc, AffineMap::get(operands.size(), 0, expr),
                                                      operands));
    };
    Value value = yielded.front();
    if (lanes == 1) {
      builder.create<memref::StoreOp>(loc, value, memory, addressAt(0));
    } else if (step == 1) {
      builder.create<vector::StoreOp>(loc, value, memory, addressAt(0));
    } else {
      for (int64_t lane = 0; lane < lanes; ++lane)
        builder.create<memref::StoreOp>(loc, builder.create<vector::ExtractOp>(loc, value, lane), memory,
                                        addressAt(lane));
    }
  });
}

} // namespace

void lowerNests(Operation *root) {
  SmallVector<Operation *> nests;
  root->walk([&](Operation *op) {
    if (isa<tile::CopyOp, tile::MapOp>(op))
      nests.push_back(op);
  });
  for (Operation *op : nests) {
    if (auto copy = dyn_cast<tile::CopyOp>(op)) {
      lower(copy);
    } else {
      auto map = cast<tile::MapOp>(op);
      Nest nest(map, map.getMixedBounds(), map.getLanes(), map.getBody(), map.getTail());
      nest.emit([](OpBuilder &, ValueRange, ValueRange, int64_t) {});
    }
    op->erase();
  }
}

void lowerTileOperations(Operation *root, const CpuTarget &target) {
  tile::lowerWalks(root);
  // Scratch becomes plain: only dots, copies and views know layouts.
  root->walk([&](tile::ScratchOp scratch) {
    auto type = cast<MemRefType>(scratch.getResult().getType());
    if (type.getLayout().isIdentity())
      return;
    OpBuilder builder(scratch);
    auto flat = builder.create<tile::ScratchOp>(scratch.getLoc(),
                                                MemRefType::get({tile::spanOf(type)}, type.getElementType()));
    auto view =
        builder.create<tile::ViewOp>(scratch.getLoc(), type, flat.getResult(),
                                     ValueRange(builder.create<arith::ConstantIndexOp>(scratch.getLoc(), 0)));
    scratch.getResult().replaceAllUsesWith(view.getResult());
    scratch.erase();
  });
  lowerDots(root, target);
  lowerNests(root);
  // Views stand behind their uses by now; those of views of views go first.
  SmallVector<tile::ViewOp> views;
  root->walk([&](tile::ViewOp view) { views.push_back(view); });
  for (tile::ViewOp view : llvm::reverse(views)) {
    if (!view->use_empty())
      internalError("a tile's view is used by an operation of the thread stage");
    view.erase();
  }
}

} // namespace tgc::cpu
