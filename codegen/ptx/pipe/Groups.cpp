// tile.groups: every thread copies and multiplies. Fetches are cp.async, a fill is a commit group, and the threads of
// the block meet before they read one.
// A box is cut into pieces of 16 bytes, which threads take in turn: thread t has piece t, t + T, … so that neighbours
// read neighbours, and a thread's pieces differ by whole rows. What lies outside of the buffer is read as 0: the copy
// takes fewer bytes than it writes.
#include "codegen/ptx/pipe/PipeLowering.h"

#include "compiler/support/Error.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"

using namespace mlir;

namespace tgc::ptx {

void PipeLowering::lowerGroups(tile::GroupsOp groups) {
  consumers = groups.getGroups();
  consumerThreads = groups.getThreads();
  if (consumerThreads != 32)
    internalError("groups that copy for themselves are warps");
  consumer = b.shr(thread, 5);
  mapping.map(groups.getBody().getArgument(0), b.toIndex(consumer));
  lowerBlock(groups.getBody().front());
}

void PipeLowering::lowerAwait(tile::RingAwaitOp await) {
  b.ptx("cp.async.wait_group " + std::to_string(await.getPending()) + ";", "~{memory}", {});
  builder.create<gpu::BarrierOp>(b.loc);
  // The position is made here, where loops look for it.
  cursorAt(await.getRing(), await.getFill());
}

Value PipeLowering::pointerOf(Value buffer) {
  auto pointer = LLVM::LLVMPointerType::get(builder.getContext());
  return builder.create<UnrealizedConversionCastOp>(b.loc, pointer, mapping.lookup(buffer)).getResult(0);
}

Value PipeLowering::sharedPointer(Value address) {
  auto pointer = LLVM::LLVMPointerType::get(builder.getContext(), 3);
  return builder.create<LLVM::IntToPtrOp>(b.loc, pointer, address);
}

Value PipeLowering::swizzled(Value piece, Value row, int64_t rowBytes) {
  Value phase = rowBytes == 128  ? b.band(row, 7)
                : rowBytes == 64 ? b.band(b.shr(row, 1), 3)
                                 : b.band(b.shr(row, 2), 1);
  return b.bxor(piece, phase);
}

static int64_t bytesOf(tile::BoxOp box) {
  return cast<MemRefType>(box.getBuffer().getType()).getElementTypeBitWidth() / 8;
}

int64_t PipeLowering::rowsOf(tile::BoxOp box) {
  int64_t bytes = bytesOf(box);
  for (int64_t points : box.getBox())
    bytes *= points;
  if (bytes % box.getSwizzle() != 0)
    internalError("a box of {} bytes is no rows of {}", bytes, box.getSwizzle());
  return bytes / box.getSwizzle();
}

PipeLowering::BoxPiece PipeLowering::pieceOf(tile::BoxOp box, ValueRange coords, Value row, Value inRow,
                                             std::optional<ArrayRef<int64_t>> clipped) {
  int64_t bytes = bytesOf(box), rank = box.getSizes().size();
  // Rows of the box that are shorter than those of block memory lie there side by side.
  if (int64_t pieces = box.getBox().back() * bytes / 16, whole = box.getSwizzle() / 16; pieces < whole) {
    int64_t shift = llvm::Log2_64(pieces);
    row = b.add(b.mul(row, whole / pieces), b.shr(inRow, shift));
    inRow = b.band(inRow, pieces - 1);
  }
  BoxPiece piece;
  auto number = [&](int64_t value) { return builder.create<arith::ConstantIndexOp>(b.loc, value); };
  auto add = [&](Value x, Value y) { return builder.createOrFold<arith::AddIOp>(b.loc, x, y); };
  auto times = [&](Value x, int64_t by) {
    return by == 1 ? x : builder.createOrFold<arith::MulIOp>(b.loc, x, number(by));
  };
  auto require = [&](Value here) {
    piece.inside = piece.inside ? builder.createOrFold<arith::AndIOp>(b.loc, piece.inside, here) : here;
  };
  // Digits of the row are constant along the walk, coordinates of the box are the same in all threads: their sums
  // are apart, so that each can leave its loops.
  Value own, common = number(box.getOffset());
  int64_t inner = 1;
  for (int64_t d = rank - 1; d >= 0; --d) {
    int64_t step = box.getSteps() ? (*box.getSteps())[d] : 1, size = box.getSizes()[d],
            stride = box.getStrides()[d];
    Value digit;
    if (d == rank - 1) {
      digit = b.toIndex(b.mul(inRow, 16 / bytes));
    } else if (box.getBox()[d] > 1) {
      Value part = inner == 1 ? row : builder.createOrFold<arith::DivUIOp>(b.loc, row, b.i32(inner));
      bool last = llvm::all_of(box.getBox().take_front(d), [](int64_t points) { return points == 1; });
      if (!last)
        part = builder.createOrFold<arith::RemUIOp>(b.loc, part, b.i32(box.getBox()[d]));
      inner *= box.getBox()[d];
      digit = b.toIndex(b.mul(part, step));
    }
    Value first = mapping.lookup(coords[d]);
    common = add(common, times(first, stride));
    if (digit)
      own = own ? add(own, times(digit, stride)) : times(digit, stride);
    if (clipped && !llvm::is_contained(*clipped, d))
      continue;
    Value at = digit ? add(first, digit) : first;
    // Without a sign what lies before the beginning is far behind the end.
    require(builder.create<arith::CmpIOp>(b.loc, arith::CmpIPredicate::ult, at, number(size)));
    if (d == rank - 1 && size % (16 / bytes) != 0)
      piece.left = builder.create<arith::SubIOp>(b.loc, number(size), at);
  }
  Value index = add(own, common);
  // Nothing is copied from outside, yet an address far from all memory may stop the GPU.
  if (piece.inside)
    index = builder.createOrFold<arith::SelectOp>(b.loc, piece.inside, index, number(box.getOffset()));
  Type wide = builder.getI64Type();
  Type element = builder.getIntegerType(unsigned(8 * bytes));
  Value base = pointerOf(box.getBuffer());
  piece.address = builder.create<LLVM::GEPOp>(
      b.loc, base.getType(), element, base,
      ArrayRef<LLVM::GEPArg>{builder.createOrFold<arith::IndexCastOp>(b.loc, wide, index)});
  return piece;
}

void PipeLowering::lowerAsyncFetch(tile::FetchOp fetch) {
  auto box = fetch.getBox().getDefiningOp<tile::BoxOp>();
  RingState &ring = rings[fetch.getRing()];
  Cursor at = cursorAt(fetch.getRing(), fetch.getFill());
  unsigned part = fetch.getPart();
  int64_t rowBytes = box.getSwizzle(), inRow = rowBytes / 16, rows = rowsOf(box), bytes = bytesOf(box);
  int64_t threads = consumers * consumerThreads, pieces = rows * inRow;
  if (threads % inRow != 0 || fetch.getOffset() % rowBytes != 0)
    internalError("{} threads fetch rows of {} pieces", threads, inRow);
  Value target = b.add(ring.parts[part], b.add(b.mul(at.stage, ring.partBytes[part]), fetch.getOffset()));
  Value firstRow = b.shr(thread, llvm::Log2_64(inRow)), column = b.band(thread, inRow - 1);
  constexpr int64_t period = 8; // rows after which exchanges repeat
  for (int64_t i = 0; i * threads < pieces; ++i) {
    int64_t shift = i * (threads / inRow);
    Value row = b.add(firstRow, shift);
    Value absolute = b.add(firstRow, shift % period + fetch.getOffset() / rowBytes % period);
    Value place = b.add(b.mul(row, rowBytes), b.shl(swizzled(column, absolute, rowBytes), 4));
    BoxPiece piece = pieceOf(box, fetch.getCoords(), row, column, fetch.getClipped());
    SmallVector<Value> operands{b.add(target, place), piece.address};
    std::string text = "cp.async.cg.shared.global [$0], [$1], 16", constraints = "r,l";
    if (piece.inside) {
      Value all = b.i32(16);
      if (piece.left) {
        Value left = b.mul(b.toI32(piece.left), bytes);
        all = builder.createOrFold<arith::MinSIOp>(b.loc, left, all);
      }
      operands.push_back(b.select(piece.inside, all, b.i32(0)));
      text += ", $2";
      constraints += ",r";
    }
    if ((i + 1) * threads > pieces) { // the last round is not for all threads
      Value mine = builder.create<arith::CmpIOp>(b.loc, arith::CmpIPredicate::ult, row, b.i32(rows));
      text = "@$" + std::to_string(operands.size()) + " " + text;
      operands.push_back(mine);
      constraints += ",b";
    }
    b.ptx(text + ";", constraints + ",~{memory}", operands);
  }
}

// Without stmatrix, pairs of a row: what a warp writes at once are eight rows of four pairs, in as many banks.
void PipeLowering::lowerGroupPut(tile::SlotsPutOp put) {
  ArrayRef<int64_t> shape = put.getFragment().getType().getShape();
  ArrayRef<Value> registers = fragments[put.getFragment()];
  int64_t width = shape[1], rowBytes = put.getSwizzle(), inRow = rowBytes / 2;
  if (put.getTransposed())
    internalError("groups stage rows as rows");
  Value start = slotAddress(put.getSlots(), put.getSlot(), put.getOffset());
  Value lane = b.band(thread, 31), row = b.shr(lane, 2);
  Value base = b.add(start, b.add(b.mul(row, rowBytes), b.shl(b.band(lane, 3), 2)));
  Value phase = b.shl(swizzled(b.i32(0), row, rowBytes), 4);
  for (int64_t column = 0; column < width; column += 8) {
    Value at = b.add(base, b.bxor(phase, b.i32(column % inRow * 2)));
    for (int64_t down = 0; down < shape[0]; down += 8) {
      Value pair = registers[registerOf(down, column, width, blockRows) / 2];
      builder.create<LLVM::StoreOp>(
          b.loc, pair, sharedPointer(b.add(at, down * rowBytes + column / inRow * shape[0] * rowBytes)), 4);
    }
  }
}

void PipeLowering::lowerGroupStore(tile::SlotsStoreOp store) {
  auto box = store.getBox().getDefiningOp<tile::BoxOp>();
  int64_t rowBytes = box.getSwizzle(), inRow = rowBytes / 16, rows = rowsOf(box);
  OpBuilder::InsertionGuard whole(builder);
  if (Value condition = store.getCondition())
    builder.setInsertionPoint(builder.create<scf::IfOp>(b.loc, mapping.lookup(condition), false).thenYield());
  Value lane = b.band(thread, 31), firstRow = b.shr(lane, llvm::Log2_64(inRow)),
        column = b.band(lane, inRow - 1);
  Value base = slotAddress(store.getSlots(), store.getSlot(), store.getOffset());
  auto words = VectorType::get({4}, builder.getI32Type());
  for (int64_t i = 0; i * 32 < rows * inRow; ++i) {
    OpBuilder::InsertionGuard guard(builder);
    Value row = b.add(firstRow, i * (32 / inRow));
    BoxPiece piece = pieceOf(box, store.getCoords(), row, column, std::nullopt);
    if ((i + 1) * 32 > rows * inRow)
      piece.inside = builder.createOrFold<arith::AndIOp>(
          b.loc, piece.inside,
          builder.create<arith::CmpIOp>(b.loc, arith::CmpIPredicate::ult, row, b.i32(rows)));
    builder.setInsertionPoint(builder.create<scf::IfOp>(b.loc, piece.inside, false).thenYield());
    Value from =
        sharedPointer(b.add(base, b.add(b.mul(row, rowBytes), b.shl(swizzled(column, row, rowBytes), 4))));
    Value data = builder.create<LLVM::LoadOp>(b.loc, words, from, 16);
    if (!piece.left) {
      builder.create<LLVM::StoreOp>(b.loc, data, piece.address, 16);
      continue;
    }
    // Elements of 16 bits as far as the row goes.
    Value full = builder.create<arith::CmpIOp>(b.loc, arith::CmpIPredicate::sge, piece.left,
                                               builder.create<arith::ConstantIndexOp>(b.loc, 8));
    auto either = builder.create<scf::IfOp>(b.loc, full, /*withElse=*/true);
    builder.setInsertionPoint(either.thenYield());
    builder.create<LLVM::StoreOp>(b.loc, data, piece.address, 16);
    builder.setInsertionPoint(either.elseYield());
    auto halves = VectorType::get({8}, builder.getI16Type());
    Value elements = builder.create<LLVM::BitcastOp>(b.loc, halves, data);
    for (int64_t e = 0; e < 7; ++e) {
      OpBuilder::InsertionGuard inner(builder);
      Value here = builder.create<arith::CmpIOp>(b.loc, arith::CmpIPredicate::sgt, piece.left,
                                                 builder.create<arith::ConstantIndexOp>(b.loc, e));
      builder.setInsertionPoint(builder.create<scf::IfOp>(b.loc, here, false).thenYield());
      Value element = builder.create<LLVM::ExtractElementOp>(b.loc, elements, b.i32(e));
      Value to = builder.create<LLVM::GEPOp>(b.loc, piece.address.getType(), builder.getI16Type(),
                                             piece.address, ArrayRef<LLVM::GEPArg>{int32_t(e)});
      builder.create<LLVM::StoreOp>(b.loc, element, to, 2);
    }
  }
}

} // namespace tgc::ptx
