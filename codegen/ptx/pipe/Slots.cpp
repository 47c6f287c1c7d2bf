// Fragments through shared memory: stmatrix into slots and the copy engine's stores, ldmatrix from shared tiles.
// A fragment's 16 columns are four matrices of 8×8: lane l gives the address of row l mod 8 of matrix l div 8, which
// are (upper half, first 8 columns), (lower half, the same), and both for the next 8 columns.
#include "codegen/ptx/pipe/PipeLowering.h"

#include "compiler/support/Error.h"

using namespace mlir;

namespace tgc::ptx {

Value PipeLowering::slotAddress(Value op, int64_t slot, int64_t offset) {
  int64_t bytes = cast<tile::SlotsType>(op.getType()).getSlot().getBytes();
  return b.add(slots[op].base, slot * bytes + offset);
}

PipeLowering::MatrixLane PipeLowering::matrixLane() {
  Value inGroup = b.band(thread, consumerThreads - 1), lane = b.band(inGroup, 31);
  MatrixLane at;
  at.warp = b.shr(inGroup, 5);
  at.row = b.band(lane, 7);
  at.half = b.band(b.shr(lane, 3), 1);
  at.next = b.shr(lane, 4);
  return at;
}

// Bytes of 16 are exchanged by the row's number in the swizzle's period.
void PipeLowering::lowerSlotsPut(tile::SlotsPutOp put) {
  ArrayRef<int64_t> shape = put.getFragment().getType().getShape();
  ArrayRef<Value> registers = fragments[put.getFragment()];
  int64_t width = shape[1], rowBytes = put.getSwizzle(), rows = shape[0];
  if (rows != blockRows || (put.getTransposed() && rows != 64))
    internalError("a slot takes {} rows", blockRows);
  MatrixLane at = matrixLane();
  Value start = slotAddress(put.getSlots(), put.getSlot(), put.getOffset()), offset;
  if (put.getTransposed()) {
    // Rows of the slot are columns of the fragment, 16 bytes of them 8 rows.
    Value piece = b.add(b.mul(at.warp, 2), at.half);
    offset = b.add(b.mul(b.add(b.shl(at.next, 3), at.row), 128), b.shl(b.bxor(piece, at.row), 4));
  } else {
    Value row = b.add(b.mul(at.warp, 16), b.add(b.shl(at.half, 3), at.row));
    Value phase = rowBytes == 128  ? at.row
                  : rowBytes == 64 ? b.band(b.shr(row, 1), 3)
                                   : b.band(b.shr(row, 2), 1);
    offset = b.add(b.mul(row, rowBytes), b.shl(b.bxor(at.next, phase), 4));
  }
  Value base = b.add(start, offset);
  int64_t inRow = put.getTransposed() ? width : rowBytes / 2; // columns of a row of block memory
  for (int64_t column = 0; column < width; column += 16) {
    SmallVector<Value> operands;
    if (put.getTransposed())
      operands.push_back(b.add(base, column * 128));
    else
      operands.push_back(b.bxor(b.add(base, column / inRow * rows * rowBytes), b.i32(column % inRow * 2)));
    int64_t matrices = column + 8 < width ? 4 : 2;
    for (int64_t c = column; c < std::min(width, column + 16); c += 8)
      for (int64_t row : {0, 8}) {
        Value pair = registers[registerOf(row, c, width, blockRows) / 2];
        operands.push_back(builder.createOrFold<LLVM::BitcastOp>(b.loc, builder.getI32Type(), pair));
      }
    b.ptx("stmatrix.sync.aligned.m8n8.x" + std::to_string(matrices) + (put.getTransposed() ? ".trans" : "") +
              ".shared.b16 [$0], {" + (matrices == 4 ? "$1, $2, $3, $4" : "$1, $2") + "};",
          matrices == 4 ? "r,r,r,r,r,~{memory}" : "r,r,r,~{memory}", operands);
  }
}

void PipeLowering::lowerSlotsStore(tile::SlotsStoreOp store) {
  Value first = b.equal(b.band(thread, consumerThreads - 1), 0);
  if (store.getCondition())
    first = builder.create<arith::AndIOp>(b.loc, first, mapping.lookup(store.getCondition()));
  SmallVector<Value> operands{slotAddress(store.getSlots(), store.getSlot(), store.getOffset()),
                              boxes[store.getBox()], first};
  std::string coords, constraints = "r,l,b";
  for (Value coord : llvm::reverse(store.getCoords())) {
    coords += (coords.empty() ? "$" : ", $") + std::to_string(operands.size());
    constraints += ",r";
    operands.push_back(b.toI32(mapping.lookup(coord)));
  }
  b.ptx("@$2 cp.async.bulk.tensor." + std::to_string(store.getCoords().size()) +
            "d.global.shared::cta.bulk_group [$1, {" + coords + "}], [$0];",
        constraints + ",~{memory}", operands);
}

void PipeLowering::lowerLoad(tile::GatherOp load) {
  tile::FragmentType type = load.getResult().getType();
  int64_t rows = type.getShape()[0], columns = type.getShape()[1];
  if (rows % 64 != 0 || columns % 16 != 0 || type.getLayout().getValue() != "left")
    internalError("a shared tile is loaded as a left operand of 64 rows");
  SharedPlace place = shared[load.getSource()];
  MatrixLane at = matrixLane();
  Value row = b.add(b.mul(at.warp, 16), b.add(b.shl(at.half, 3), at.row));
  Value base = b.add(place.address, b.add(b.mul(row, 128), b.shl(b.bxor(at.next, at.row), 4)));
  SmallVector<Value> registers;
  SmallVector<Type> four(4, builder.getI32Type());
  for (int64_t block = 0; block < rows; block += 64)
    for (int64_t column = 0; column < columns; column += 16) {
      Value address =
          b.bxor(b.add(base, (block + column / 64 * place.wholeRows) * 128), b.i32(column % 64 * 2));
      registers.append(b.ptx("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {$0, $1, $2, $3}, [$4];",
                             "=r,=r,=r,=r,r,~{memory}", address, four));
    }
  fragments[load.getResult()] = std::move(registers);
}

} // namespace tgc::ptx
