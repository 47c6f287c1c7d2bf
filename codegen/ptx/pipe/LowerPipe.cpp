// In:  tile.func with tile.roles or tile.groups. Out: func.func, see LowerPipe.h.
// 1. Walks become arithmetic; buffers and boxes become arguments.
// 2. The body is emitted anew, operation by operation: fragments become registers (one value an element of 32 bits,
//    one a pair of 16 bits), so loops carry registers; rings become barriers and addresses.
// 3. Fill numbers become (stage, parity): a loop whose induction variable counts fills carries both, elsewhere they
//    are the number's remainder and quotient.
#include "codegen/ptx/pipe/LowerPipe.h"

#include "codegen/ptx/pipe/PipeLowering.h"
#include "compiler/support/Error.h"
#include "compiler/tile/LowerWalk.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace tgc::ptx {

Value PtxBuilder::i32(int64_t value) { return builder.create<arith::ConstantIntOp>(loc, value, 32); }

Value PtxBuilder::equal(Value a, int64_t b) {
  return builder.create<arith::CmpIOp>(loc, arith::CmpIPredicate::eq, a, i32(b));
}

Value PtxBuilder::toI32(Value index) {
  return index.getType().isInteger(32)
             ? index
             : builder.createOrFold<arith::IndexCastOp>(loc, builder.getI32Type(), index);
}

Value PtxBuilder::toIndex(Value value) {
  return builder.createOrFold<arith::IndexCastOp>(loc, builder.getIndexType(), value);
}

SmallVector<Value> PtxBuilder::ptx(StringRef text, StringRef constraints, ValueRange operands,
                                   TypeRange results) {
  MLIRContext *context = builder.getContext();
  Type result = results.empty() ? Type(LLVM::LLVMVoidType::get(context))
                : results.size() == 1
                    ? results.front()
                    : Type(LLVM::LLVMStructType::getLiteral(context, SmallVector<Type>(results)));
  auto made = builder.create<LLVM::InlineAsmOp>(
      loc, results.empty() ? TypeRange() : TypeRange(result), operands, text, constraints,
      /*has_side_effects=*/true,
      /*is_align_stack=*/false, LLVM::AsmDialectAttr::get(context, LLVM::AsmDialect::AD_ATT), ArrayAttr());
  if (results.size() <= 1)
    return SmallVector<Value>(made->getResults());
  SmallVector<Value> values;
  for (size_t i = 0; i < results.size(); ++i)
    values.push_back(builder.create<LLVM::ExtractValueOp>(loc, made.getResult(0), int64_t(i)));
  return values;
}

Value PtxBuilder::special(StringRef name) {
  return ptx(("mov.u32 $0, %" + name + ";").str(), "=r", {}, builder.getI32Type()).front();
}

void PtxBuilder::barrier(Value id, int64_t threads) {
  ptx("bar.sync $0, " + std::to_string(threads) + ";", "r,~{memory}", id);
}

static bool hasGroups(tile::FuncOp tile) {
  return tile.walk([](tile::GroupsOp) { return WalkResult::interrupt(); }).wasInterrupted();
}

bool isPipe(tile::FuncOp tile) {
  return hasGroups(tile) || tile.walk([](tile::RolesOp) { return WalkResult::interrupt(); }).wasInterrupted();
}

void lowerPipe(tile::FuncOp tile, bool matrixStores) { PipeLowering(tile, matrixStores).run(); }

PipeLowering::PipeLowering(tile::FuncOp tile, bool matrixStores)
    : tile(tile), builder(tile), b(builder, tile.getLoc()), matrixStores(matrixStores) {}

void PipeLowering::run() {
  tile::lowerWalks(tile);
  MLIRContext *context = builder.getContext();
  Location loc = tile.getLoc();
  auto pointer = LLVM::LLVMPointerType::get(context);
  SmallVector<Type> types =
      llvm::map_to_vector(tile.getBuffers(), [](Value buffer) { return buffer.getType(); });
  unsigned buffers = types.size();
  SmallVector<tile::BoxOp> boxOps;
  SmallVector<Attribute> maps;
  inGroups = hasGroups(tile);
  tile.walk([&](tile::BoxOp box) {
    if (inGroups) // whose threads find their way without a map
      return;
    unsigned number = cast<BlockArgument>(box.getBuffer()).getArgNumber();
    SmallVector<int64_t> ones(box.getSizes().size(), 1);
    NamedAttrList map;
    map.append("buffer", builder.getI64IntegerAttr(number));
    map.append("offset", builder.getI64IntegerAttr(box.getOffset()));
    map.append("sizes", box.getSizesAttr());
    map.append("strides", box.getStridesAttr());
    map.append("box", box.getBoxAttr());
    map.append("steps",
               builder.getDenseI64ArrayAttr(box.getSteps() ? *box.getSteps() : ArrayRef<int64_t>(ones)));
    map.append("swizzle", builder.getI64IntegerAttr(box.getSwizzle()));
    boxOps.push_back(box);
    maps.push_back(map.getDictionary(context));
    types.push_back(pointer);
  });
  function = builder.create<func::FuncOp>(loc, tile.getSymName(), builder.getFunctionType(types, {}));
  auto mapBytes = LLVM::LLVMArrayType::get(builder.getI8Type(), 128);
  for (unsigned i = buffers; i < types.size(); ++i) {
    function.setArgAttr(i, LLVM::LLVMDialect::getByValAttrName(), TypeAttr::get(mapBytes));
    function.setArgAttr(i, LLVM::LLVMDialect::getAlignAttrName(), builder.getI64IntegerAttr(64));
  }
  Block *entry = function.addEntryBlock();
  builder.setInsertionPointToStart(entry);
  for (auto [from, to] : llvm::zip(tile.getBuffers(), entry->getArguments()))
    mapping.map(from, to);
  for (auto [i, box] : llvm::enumerate(boxOps))
    boxes[box.getResult()] = entry->getArgument(buffers + i);
  if (inGroups) {
    blockRows = 16;
    mapping.map(tile.getBlockIndex(), builder.create<gpu::BlockIdOp>(loc, gpu::Dimension::x));
    thread = b.toI32(builder.create<gpu::ThreadIdOp>(loc, gpu::Dimension::x));
  } else {
    mapping.map(tile.getBlockIndex(), b.toIndex(b.special("ctaid.x")));
    thread = b.special("tid.x");
    // The group's number by a shuffle: then it is known to be the same in all threads of a warp.
    group =
        b.ptx("shfl.sync.idx.b32 $0, $1, 0, 31, 0xffffffff;", "=r,r", b.shr(thread, 7), builder.getI32Type())
            .front();
  }
  Attribute space = gpu::AddressSpaceAttr::get(context, gpu::AddressSpace::Workgroup);
  Value dynamic = builder.create<gpu::DynamicSharedMemoryOp>(
      loc, MemRefType::get({ShapedType::kDynamic}, builder.getI8Type(), MemRefLayoutAttrInterface(), space));
  memory = b.toI32(builder.create<memref::ExtractAlignedPointerAsIndexOp>(loc, dynamic));
  memory = b.band(b.add(memory, 1023), -1024);
  layOutMemory();
  int64_t bytes = barriers;
  if (!inGroups)
    tile.walk([&](tile::RingOp ring) { bytes += 16 * ring.getStages(); });
  lowerBlock(*tile.getBlock());
  builder.create<func::ReturnOp>(loc);
  function->setAttr("tgc.kernel", builder.getUnitAttr());
  function->setAttr("tgc.threads", builder.getI64IntegerAttr(tile.getThreads()));
  function->setAttr("tgc.shared_bytes", builder.getI64IntegerAttr(bytes + 1024));
  if (cluster > 1)
    function->setAttr("tgc.cluster", builder.getI64IntegerAttr(cluster));
  if (!inGroups)
    function->setAttr("tgc.tensor_maps", builder.getArrayAttr(maps));
  tile.erase();
}

/// Groups that have slots of their own.
static int64_t groupsOf(Operation *slots) {
  if (auto groups = slots->getParentOfType<tile::GroupsOp>())
    return groups.getGroups();
  return slots->getParentOfType<tile::RolesOp>().getConsumers();
}

/// Tiles first, in the order in which they are lowered; barriers behind them.
void PipeLowering::layOutMemory() {
  tile.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (auto ring = dyn_cast<tile::RingOp>(op))
      for (tile::SharedType part : ring.getType().getParts())
        barriers = llvm::alignTo(barriers, 1024) + llvm::alignTo(part.getBytes(), 1024) * ring.getStages();
    if (auto slots = dyn_cast<tile::SlotsOp>(op))
      barriers = llvm::alignTo(barriers, 1024) +
                 slots.getCount() * slots.getType().getSlot().getBytes() * groupsOf(op);
  });
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
      .Case([&](tile::RingOp ring) { lowerRing(ring); })
      .Case([&](tile::RingAcquireOp acquire) {
        RingState &ring = rings[acquire.getRing()];
        Cursor at = cursorAt(acquire.getRing(), acquire.getFill());
        // A fresh barrier is passed with the other parity.
        wait(b.add(ring.empty, b.shl(at.stage, 3)), b.bxor(at.parity, b.i32(1)));
        b.ptx("mbarrier.arrive.expect_tx.shared::cta.b64 _, [$0], $1;", "r,r,~{memory}",
              {b.add(ring.full, b.shl(at.stage, 3)), b.i32(ring.fillBytes)});
      })
      .Case([&](tile::RingWaitOp waiting) {
        Cursor at = cursorAt(waiting.getRing(), waiting.getFill());
        wait(b.add(rings[waiting.getRing()].full, b.shl(at.stage, 3)), at.parity);
      })
      .Case([&](tile::RingReleaseOp release) { lowerRelease(release); })
      .Case([&](tile::RingPartOp part) {
        RingState &ring = rings[part.getRing()];
        Cursor at = cursorAt(part.getRing(), part.getFill());
        tile::SharedType whole = part.getRing().getType().getParts()[part.getPart()];
        int64_t rows = whole.getShape()[0], rowBytes = whole.getSwizzle();
        Value address = b.add(ring.parts[part.getPart()], b.mul(at.stage, ring.partBytes[part.getPart()]));
        auto shift = [&](Value index, int64_t bytes) {
          APInt constant;
          if (!matchPattern(index, m_ConstantInt(&constant)))
            address = b.add(address, b.mul(b.toI32(mapping.lookup(index)), bytes));
          else
            address = b.add(address, constant.getSExtValue() * bytes);
        };
        shift(part.getRow(), rowBytes);
        int64_t inRow = whole.getRowElements();
        APInt constant;
        if (inGroups && !matchPattern(part.getColumn(), m_ConstantInt(&constant))) {
          // It may begin inside of a row.
          Value column = b.toI32(mapping.lookup(part.getColumn()));
          address = b.add(address, b.mul(b.shr(column, llvm::Log2_64(inRow)), rows * rowBytes));
          Value piece = b.shr(b.band(column, inRow - 1), llvm::Log2_64(inRow * 16 / rowBytes));
          shared[part.getResult()] = {address, rows, piece};
          return;
        }
        shift(part.getColumn(), rows * rowBytes / inRow);
        shared[part.getResult()] = {address, rows, Value()};
      })
      .Case([&](tile::RingCommitOp) { b.ptx("cp.async.commit_group;", "~{memory}", {}); })
      .Case([&](tile::RingAwaitOp await) { lowerAwait(await); })
      .Case([&](tile::FetchOp fetch) { inGroups ? lowerAsyncFetch(fetch) : lowerFetch(fetch); })
      .Case([&](tile::GroupsOp groups) { lowerGroups(groups); })
      .Case([&](tile::DotGroupOp dot) { lowerDotGroup(dot); })
      .Case([&](tile::RolesOp roles) { lowerRoles(roles); })
      .Case([&](tile::TurnsOp) {})
      .Case([&](tile::TurnWaitOp turn) {
        b.barrier(b.add(b.toI32(mapping.lookup(turn.getTurn())), 1 + consumers), 2 * consumerThreads);
      })
      .Case([&](tile::TurnPassOp turn) {
        Value id = b.add(b.toI32(mapping.lookup(turn.getTurn())), 1 + consumers);
        std::string threads = std::to_string(2 * consumerThreads);
        if (turn.getCondition())
          b.ptx("@$1 bar.arrive $0, " + threads + ";", "r,b,~{memory}",
                {id, mapping.lookup(turn.getCondition())});
        else
          b.ptx("bar.arrive $0, " + threads + ";", "r,~{memory}", id);
      })
      .Case([&](tile::DotAsyncOp dot) { lowerDot(dot); })
      .Case([&](tile::DotWaitOp wait) { lowerDotWait(wait); })
      .Case([&](tile::EachOp each) { lowerEach(each); })
      .Case([&](tile::FoldOp fold) { lowerFold(fold); })
      .Case([&](tile::FoldJoinOp join) { lowerFoldJoin(join); })
      .Case([&](tile::ConvertOp convert) { lowerConvert(convert); })
      .Case([&](tile::ZeroOp zero) {
        tile::FragmentType type = zero.getResult().getType();
        int64_t count =
            type.getShape()[0] / blockRows * (type.getShape().size() > 1 ? type.getShape()[1] / 2 : 2);
        Value value = builder.create<arith::ConstantOp>(b.loc, builder.getZeroAttr(type.getElementType()));
        fragments[zero.getResult()] = SmallVector<Value>(count, value);
      })
      .Case([&](tile::GatherOp load) { inGroups ? lowerGroupLoad(load) : lowerLoad(load); })
      .Case([&](tile::SlotsOp op) {
        int64_t bytes = op.getCount() * op.getType().getSlot().getBytes();
        used = llvm::alignTo(used, 1024);
        slots[op.getResult()] = {b.add(memory, b.add(b.mul(consumer, bytes), used)), int64_t(op.getCount())};
        used += bytes * consumers;
      })
      .Case([&](tile::SlotsAcquireOp acquire) {
        if (inGroups) {
          b.ptx("bar.warp.sync 0xffffffff;", "~{memory}", {});
          return;
        }
        b.ptx("cp.async.bulk.wait_group.read " + std::to_string(acquire.getPending()) + ";", "~{memory}", {});
        b.barrier(b.add(consumer, 1), consumerThreads);
      })
      .Case([&](tile::SlotsPutOp put) { matrixStores ? lowerSlotsPut(put) : lowerGroupPut(put); })
      .Case([&](tile::SlotsPublishOp) {
        if (inGroups) {
          b.ptx("bar.warp.sync 0xffffffff;", "~{memory}", {});
          return;
        }
        b.ptx("fence.proxy.async.shared::cta;", "~{memory}", {});
        b.barrier(b.add(consumer, 1), consumerThreads);
      })
      .Case([&](tile::SlotsStoreOp store) { inGroups ? lowerGroupStore(store) : lowerSlotsStore(store); })
      .Case([&](tile::SlotsCommitOp) {
        if (!inGroups) // stores of threads need no waiting
          b.ptx("cp.async.bulk.commit_group;", "~{memory}", {});
      })
      .Case([&](tile::SlotsDrainOp) {
        if (!inGroups)
          b.ptx("cp.async.bulk.wait_group 0;", "~{memory}", {});
      })
      .Case([&](scf::ForOp loop) { lowerFor(loop); })
      .Case([&](scf::IfOp branch) { lowerIf(branch); })
      .Default([&](Operation *other) {
        if (isa<tile::TileDialect>(other->getDialect()))
          internalError("{} has no lowering with roles", other->getName().getStringRef().str());
        builder.clone(*other, mapping);
      });
}

void PipeLowering::lowerFor(scf::ForOp loop) {
  SmallVector<Cursor> carried = carriedBy(loop);
  SmallVector<Value> inits;
  for (Value init : loop.getInits()) {
    if (auto known = fragments.find(init); known != fragments.end())
      inits.append(known->second.begin(), known->second.end());
    else
      inits.push_back(mapping.lookup(init));
  }
  for (const Cursor &cursor : carried)
    inits.append({cursor.stage, cursor.parity});
  auto made =
      builder.create<scf::ForOp>(loop.getLoc(), mapping.lookup(loop.getLowerBound()),
                                 mapping.lookup(loop.getUpperBound()), mapping.lookup(loop.getStep()), inits);
  mapping.map(loop.getInductionVar(), made.getInductionVar());
  auto bind = [&](ValueRange from, ValueRange values) {
    size_t next = 0;
    for (auto [argument, init] : llvm::zip(from, loop.getInits())) {
      if (auto known = fragments.find(init); known != fragments.end()) {
        size_t count = known->second.size();
        SmallVector<Value> registers(values.slice(next, count));
        fragments[argument] = std::move(registers);
        next += count;
      } else {
        mapping.map(argument, values[next++]);
      }
    }
    return next;
  };
  size_t state = bind(loop.getRegionIterArgs(), made.getRegionIterArgs());
  size_t outside = cursors.size();
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(made.getBody());
    SmallVector<Cursor> inside = carried;
    for (auto [i, cursor] : llvm::enumerate(inside)) {
      cursor.stage = made.getRegionIterArg(state + 2 * i);
      cursor.parity = made.getRegionIterArg(state + 2 * i + 1);
      cursors.push_back(cursor);
    }
    lowerBlock(*loop.getBody());
    SmallVector<Value> yields;
    for (Value value : loop.getBody()->getTerminator()->getOperands()) {
      if (auto known = fragments.find(value); known != fragments.end())
        yields.append(known->second.begin(), known->second.end());
      else
        yields.push_back(mapping.lookup(value));
    }
    for (const Cursor &cursor : inside) {
      Cursor next = advance(cursor, 1);
      yields.append({next.stage, next.parity});
    }
    if (!inits.empty()) // else the loop was made with its end
      builder.create<scf::YieldOp>(loop.getLoc(), yields);
  }
  cursors.truncate(outside);
  bind(loop.getResults(), made.getResults());
  // Behind the loop the cursors stand at its upper bound.
  for (auto [i, cursor] : llvm::enumerate(carried)) {
    SmallVector<Value> operands;
    SmallVector<AffineExpr> dims;
    for (Value operand : cursor.operands) {
      if (operand == loop.getInductionVar()) {
        APInt bound;
        if (!matchPattern(loop.getUpperBound(), m_ConstantInt(&bound)))
          break;
        dims.push_back(builder.getAffineConstantExpr(bound.getSExtValue()));
        continue;
      }
      dims.push_back(builder.getAffineDimExpr(operands.size()));
      operands.push_back(operand);
    }
    if (dims.size() != cursor.operands.size())
      continue;
    AffineExpr expr = cursor.map.getResult(0).replaceDims(dims);
    // The constant that the bound brings joins the cursor's.
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
    Cursor behind = cursor;
    behind.map = AffineMap::get(operands.size(), 0, expr);
    behind.operands = operands;
    behind.constant += constant;
    behind.stage = made.getResult(state + 2 * i);
    behind.parity = made.getResult(state + 2 * i + 1);
    cursors.push_back(behind);
  }
}

void PipeLowering::lowerIf(scf::IfOp branch) {
  if (branch.getNumResults() != 0) {
    builder.clone(*branch, mapping);
    return;
  }
  auto made = builder.create<scf::IfOp>(branch.getLoc(), mapping.lookup(branch.getCondition()),
                                        !branch.getElseRegion().empty());
  for (auto [from, to] : llvm::zip(branch->getRegions(), made->getRegions())) {
    if (from.empty())
      continue;
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(to.front().getTerminator());
    size_t outside = cursors.size();
    lowerBlock(from.front());
    cursors.truncate(outside);
  }
}

void PipeLowering::meet() {
  if (cluster == 1)
    b.ptx("bar.sync 0;", "~{memory}", {});
  else
    b.ptx("barrier.cluster.arrive;\nbarrier.cluster.wait;", "~{memory}", {});
}

void PipeLowering::lowerRoles(tile::RolesOp roles) {
  Location loc = roles.getLoc();
  consumers = roles.getConsumers();
  consumerThreads = roles.getConsumerThreads();
  if (roles.getProducerThreads() != 128 || consumerThreads != 128)
    internalError("roles are warpgroups of 128 threads");
  b.ptx("fence.mbarrier_init.release.cluster;", "~{memory}", {});
  meet();
  bool split = roles.getProducerRegisters() != roles.getConsumerRegisters();
  auto which = builder.create<scf::IfOp>(loc, b.equal(group, 0), /*withElse=*/true);
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(which.thenYield());
    if (split)
      b.ptx("setmaxnreg.dec.sync.aligned.u32 " + std::to_string(roles.getProducerRegisters()) + ";",
            "~{memory}", {});
    auto one = builder.create<scf::IfOp>(loc, b.equal(thread, 0), /*withElse=*/false);
    builder.setInsertionPoint(one.thenYield());
    size_t outside = cursors.size();
    lowerBlock(roles.getProducer().front());
    cursors.truncate(outside);
  }
  OpBuilder::InsertionGuard guard(builder);
  if (cluster > 1) // others still fetch into this block's memory, and come to its barriers
    meet();
  builder.setInsertionPoint(which.elseYield());
  if (split)
    b.ptx("setmaxnreg.inc.sync.aligned.u32 " + std::to_string(roles.getConsumerRegisters()) + ";",
          "~{memory}", {});
  consumer = b.add(group, -1);
  mapping.map(roles.getConsumer().getArgument(0), b.toIndex(consumer));
  lowerBlock(roles.getConsumer().front());
}

} // namespace tgc::ptx
