// Rings: barriers and addresses, and where a fill's number stands in them.
#include "codegen/ptx/pipe/PipeLowering.h"

#include "compiler/support/Error.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"

using namespace mlir;

namespace tgc::ptx {

void PipeLowering::lowerRing(tile::RingOp ring) {
  RingState state;
  state.stages = ring.getStages();
  for (tile::SharedType part : ring.getType().getParts()) {
    used = llvm::alignTo(used, 1024);
    int64_t bytes = llvm::alignTo(part.getBytes(), 1024);
    state.parts.push_back(b.add(memory, used));
    state.partBytes.push_back(bytes);
    state.fillBytes += part.getBytes();
    used += bytes * state.stages;
  }
  if (inGroups) { // which meet instead of waiting at barriers in memory
    rings[ring.getResult()] = state;
    return;
  }
  state.full = b.add(memory, barriers);
  state.empty = b.add(state.full, 8 * state.stages);
  barriers += 16 * state.stages;
  state.subgroups = ring.getSubgroups();
  state.cluster = ring.getCluster();
  cluster = std::max(cluster, state.cluster);
  int64_t releases = ring.getFreedBy() * (state.subgroups ? 4 : 1) * state.cluster;
  auto first = builder.create<scf::IfOp>(ring.getLoc(), b.equal(thread, 0), /*withElse=*/false);
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(first.thenYield());
    for (int64_t stage = 0; stage < state.stages; ++stage) {
      b.ptx("mbarrier.init.shared::cta.b64 [$0], 1;", "r,~{memory}", b.add(state.full, 8 * stage));
      b.ptx("mbarrier.init.shared::cta.b64 [$0], " + std::to_string(releases) + ";", "r,~{memory}",
            b.add(state.empty, 8 * stage));
    }
  }
  rings[ring.getResult()] = state;
}

void PipeLowering::wait(Value barrier, Value parity) {
  b.ptx(
      "{\n.reg .pred p;\nW:\nmbarrier.try_wait.parity.shared::cta.b64 p, [$0], $1;\n@p bra D;\nbra W;\nD:\n}",
      "r,r,~{memory}", {barrier, parity});
}

Cursor PipeLowering::resolve(Value fill, int64_t stages) {
  AffineMap map = AffineMap::getMultiDimIdentityMap(1, builder.getContext());
  SmallVector<Value> operands{fill};
  affine::fullyComposeAffineMapAndOperands(&map, &operands);
  affine::canonicalizeMapAndOperands(&map, &operands);
  // Symbols are operands like others.
  SmallVector<AffineExpr> dims, symbols;
  for (unsigned i = 0; i < map.getNumDims(); ++i)
    dims.push_back(builder.getAffineDimExpr(i));
  for (unsigned i = 0; i < map.getNumSymbols(); ++i)
    symbols.push_back(builder.getAffineDimExpr(map.getNumDims() + i));
  AffineExpr expr =
      simplifyAffineExpr(map.getResult(0).replaceDimsAndSymbols(dims, symbols), operands.size(), 0);
  int64_t constant = 0;
  if (auto sum = dyn_cast<AffineBinaryOpExpr>(expr); sum && sum.getKind() == AffineExprKind::Add)
    if (auto number = dyn_cast<AffineConstantExpr>(sum.getRHS())) {
      constant = number.getValue();
      expr = sum.getLHS();
    }
  if (auto number = dyn_cast<AffineConstantExpr>(expr)) {
    constant = number.getValue();
    expr = builder.getAffineConstantExpr(0);
  }
  return {stages, AffineMap::get(operands.size(), 0, expr), operands, constant, Value(), Value()};
}

static bool sameFill(const Cursor &a, const Cursor &b) {
  if (a.stages != b.stages || a.operands.size() != b.operands.size())
    return false;
  // The same operands, maybe in another order.
  SmallVector<AffineExpr> dims;
  for (Value operand : a.operands) {
    auto at = llvm::find(b.operands, operand);
    if (at == b.operands.end())
      return false;
    dims.push_back(getAffineDimExpr(at - b.operands.begin(), a.map.getContext()));
  }
  AffineExpr difference = a.map.getResult(0).replaceDims(dims) - b.map.getResult(0);
  difference = simplifyAffineExpr(difference, b.operands.size(), 0);
  auto constant = dyn_cast<AffineConstantExpr>(difference);
  return constant && constant.getValue() == 0;
}

Cursor PipeLowering::advance(Cursor cursor, int64_t by) {
  for (; by > 0; --by) {
    Value next = b.add(cursor.stage, 1);
    Value wrap = b.equal(next, cursor.stages);
    cursor.stage = b.select(wrap, b.i32(0), next);
    cursor.parity =
        b.bxor(cursor.parity, builder.createOrFold<arith::ExtUIOp>(b.loc, builder.getI32Type(), wrap));
    ++cursor.constant;
  }
  for (; by < 0; ++by) {
    Value wrap = b.equal(cursor.stage, 0);
    cursor.stage = b.select(wrap, b.i32(cursor.stages - 1), b.add(cursor.stage, -1));
    cursor.parity =
        b.bxor(cursor.parity, builder.createOrFold<arith::ExtUIOp>(b.loc, builder.getI32Type(), wrap));
    --cursor.constant;
  }
  return cursor;
}

Cursor PipeLowering::cursorAt(Value ring, Value fill) {
  Cursor wanted = resolve(fill, rings[ring].stages);
  // Without barriers in memory a stage has no parity: it is the same a round on.
  if (inGroups)
    for (const Cursor &known : cursors)
      if (sameFill(known, wanted)) {
        int64_t by = (wanted.constant - known.constant) % wanted.stages;
        return advance(known, by * 2 > wanted.stages    ? by - wanted.stages
                              : by * 2 < -wanted.stages ? by + wanted.stages
                                                        : by);
      }
  const Cursor *nearest = nullptr;
  for (const Cursor &known : cursors)
    if (sameFill(known, wanted) && std::abs(known.constant - wanted.constant) <= 2 &&
        (!nearest ||
         std::abs(known.constant - wanted.constant) <= std::abs(nearest->constant - wanted.constant)))
      nearest = &known;
  if (nearest)
    return advance(*nearest, wanted.constant - nearest->constant);
  Value number = b.toI32(mapping.lookup(fill));
  Value stages = b.i32(wanted.stages);
  wanted.stage = builder.create<arith::RemUIOp>(b.loc, number, stages);
  wanted.parity = b.band(builder.create<arith::DivUIOp>(b.loc, number, stages), 1);
  cursors.push_back(wanted);
  return wanted;
}

SmallVector<Cursor> PipeLowering::carriedBy(scf::ForOp loop) {
  SmallVector<Cursor> found;
  Value iv = loop.getInductionVar();
  APInt step, lower;
  if (!matchPattern(loop.getStep(), m_ConstantInt(&step)) || step != 1 ||
      !matchPattern(loop.getLowerBound(), m_ConstantInt(&lower)))
    return found;
  for (Operation &op : *loop.getBody()) {
    Value ring, fill;
    if (auto acquire = dyn_cast<tile::RingAcquireOp>(op))
      ring = acquire.getRing(), fill = acquire.getFill();
    else if (auto waiting = dyn_cast<tile::RingWaitOp>(op))
      ring = waiting.getRing(), fill = waiting.getFill();
    else if (auto await = dyn_cast<tile::RingAwaitOp>(op))
      ring = await.getRing(), fill = await.getFill();
    else
      continue;
    Cursor at = resolve(fill, rings[ring].stages);
    auto position = llvm::find(at.operands, iv);
    if (position == at.operands.end() ||
        llvm::any_of(found, [&](const Cursor &other) { return sameFill(other, at); }))
      continue;
    // The number grows by one from step to step.
    unsigned d = position - at.operands.begin();
    AffineExpr dim = builder.getAffineDimExpr(d), expr = at.map.getResult(0);
    auto gain = dyn_cast<AffineConstantExpr>(
        simplifyAffineExpr(expr.replace(dim, dim + 1) - expr, at.operands.size(), 0));
    if (!gain || gain.getValue() != 1)
      continue;
    // Its value at the lower bound, from a cursor that is known there.
    SmallVector<AffineExpr> dims;
    SmallVector<Value> operands;
    for (auto [i, operand] : llvm::enumerate(at.operands)) {
      if (i == d) {
        dims.push_back(builder.getAffineConstantExpr(lower.getSExtValue()));
        continue;
      }
      dims.push_back(builder.getAffineDimExpr(operands.size()));
      operands.push_back(operand);
    }
    AffineExpr first = expr.replaceDims(dims) + at.constant;
    SmallVector<OpFoldResult> folded(operands.begin(), operands.end());
    // A value of the tile stage, so that it is resolved like others.
    OpBuilder before(loop);
    Value number = getValueOrCreateConstantIndexOp(
        before, loop.getLoc(),
        affine::makeComposedFoldedAffineApply(before, loop.getLoc(),
                                              AffineMap::get(operands.size(), 0, first), folded));
    if (Operation *made = number.getDefiningOp(); made && !mapping.contains(number))
      builder.clone(*made, mapping);
    Cursor start = cursorAt(ring, number);
    at.stage = start.stage;
    at.parity = start.parity;
    found.push_back(at);
  }
  return found;
}

void PipeLowering::lowerFetch(tile::FetchOp fetch) {
  RingState &ring = rings[fetch.getRing()];
  Cursor at = cursorAt(fetch.getRing(), fetch.getFill());
  unsigned part = fetch.getPart();
  Value target = b.add(ring.parts[part], b.add(b.mul(at.stage, ring.partBytes[part]), fetch.getOffset()));
  Value full = b.add(ring.full, b.shl(at.stage, 3));
  SmallVector<Value> operands{target, boxes[fetch.getBox()], full};
  std::string coords, constraints = "r,l,r";
  // The engine takes the contiguous dimension first.
  for (Value coord : llvm::reverse(fetch.getCoords())) {
    coords += (coords.empty() ? "$" : ", $") + std::to_string(operands.size());
    constraints += ",r";
    operands.push_back(b.toI32(mapping.lookup(coord)));
  }
  std::string kind, mask;
  if (fetch.getMulticast()) {
    kind = ".multicast::cluster";
    mask = ", $" + std::to_string(operands.size());
    constraints += ",h";
    operands.push_back(builder.create<arith::ConstantIntOp>(b.loc, (int64_t(1) << ring.cluster) - 1, 16));
  }
  b.ptx("cp.async.bulk.tensor." + std::to_string(fetch.getCoords().size()) +
            "d.shared::cluster.global.mbarrier::complete_tx::bytes" + kind + " [$0], [$1, {" + coords +
            "}], [$2]" + mask + ";",
        constraints + ",~{memory}", operands);
}

void PipeLowering::lowerRelease(tile::RingReleaseOp release) {
  // Nothing that the producer reads was written: the default scope is enough.
  Cursor at = cursorAt(release.getRing(), release.getFill());
  RingState &ring = rings[release.getRing()];
  Value lane = b.band(thread, ring.subgroups ? 31 : consumerThreads - 1),
        barrier = b.add(ring.empty, b.shl(at.stage, 3));
  if (ring.cluster == 1) {
    b.ptx("@$1 mbarrier.arrive.shared::cta.b64 _, [$0];", "r,b,~{memory}", {barrier, b.equal(lane, 0)});
    return;
  }
  // The group's first threads, each to a block of the cluster.
  Value mine = builder.create<arith::CmpIOp>(b.loc, arith::CmpIPredicate::ult, lane, b.i32(ring.cluster));
  b.ptx("{\n.reg .b32 there;\n@$2 mapa.shared::cluster.u32 there, $0, $1;\n"
        "@$2 mbarrier.arrive.shared::cluster.b64 _, [there];\n}",
        "r,r,b,~{memory}", {barrier, lane, mine});
}

} // namespace tgc::ptx
