// Products by wgmma: descriptors of shared tiles, and one group of instructions a dot.
// A tile has rows of 128 or 64 bytes whose 16-byte pieces are exchanged. Where its rows are points of a side, the next
// step of the depth lies in the row, the next 64 points 64 rows on. Where its rows are steps of the depth, the next
// step lies rows on, the next 64 points behind all rows of 128 bytes.
#include "codegen/ptx/pipe/PipeLowering.h"

#include "compiler/support/Error.h"

using namespace mlir;

namespace tgc::ptx {

Value PipeLowering::descriptor(const SharedPlace &place, int64_t rowBytes, bool sideInRow) {
  // Bits above the address would be taken for the leading offset.
  Value low = b.shr(b.band(place.address, 0x3FFFF), 4);
  int64_t leading = sideInRow ? place.wholeRows * rowBytes / 16 : 1;
  uint64_t exchange = rowBytes == 128 ? 1 : 2, eightRows = uint64_t(rowBytes) * 8 / 16;
  uint64_t high = (exchange << 62) | (eightRows << 32) | (uint64_t(leading) << 16);
  Value wide = builder.create<arith::ExtUIOp>(b.loc, builder.getI64Type(), low);
  return builder.create<arith::OrIOp>(b.loc, wide,
                                      builder.create<arith::ConstantIntOp>(b.loc, int64_t(high), 64));
}

static StringRef nameOf(Type type) {
  if (type.isBF16())
    return "bf16";
  if (type.isF16())
    return "f16";
  if (type.isFloat8E4M3FN())
    return "e4m3";
  if (type.isF32())
    return "tf32"; // bits behind the tenth are not read
  if (type.isInteger(8))
    return "s8";
  internalError("wgmma has no such operands");
}

void PipeLowering::lowerDot(tile::DotAsyncOp dot) {
  auto right = cast<tile::SharedType>(dot.getRight().getType());
  Type element = right.getElementType();
  int64_t bytes = element.getIntOrFloatBitWidth() / 8, steps = 32 / bytes; // depth of an instruction
  tile::FragmentType type = dot.getResult().getType();
  int64_t rows = type.getShape()[0], columns = type.getShape()[1], blocks = rows / 64, each = columns / 2;
  bool leftSide = dot.getTransposeLeft(), rightSide = dot.getTransposeRight();
  int64_t depth = right.getShape()[rightSide ? 0 : 1];
  auto leftShared = dyn_cast<tile::SharedType>(dot.getLeft().getType());

  SmallVector<Value> sums, operands;
  if (dot.getSums())
    sums = fragments[dot.getSums()];
  bool fresh = sums.empty();
  int64_t count = blocks * each, first = fresh ? count : 2 * count;
  operands = sums;
  bool real = type.getElementType().isF32();
  std::string constraints;
  for (int64_t i = 0; i < count; ++i)
    constraints += real ? "=f," : "=r,";
  for (int64_t i = 0; i < count && !fresh; ++i)
    constraints += std::to_string(i) + ",";
  SharedPlace rightPlace = shared[dot.getRight()], leftPlace;
  int64_t rightRow = right.getSwizzle(), leftRow = leftShared ? leftShared.getSwizzle() : 0;
  operands.push_back(descriptor(rightPlace, rightRow, rightSide));
  constraints += "l,";
  if (leftShared) {
    leftPlace = shared[dot.getLeft()];
    operands.push_back(descriptor(leftPlace, leftRow, leftSide));
    constraints += "l,";
  } else {
    for (Value value : fragments[dot.getLeft()]) {
      operands.push_back(builder.createOrFold<LLVM::BitcastOp>(b.loc, builder.getI32Type(), value));
      constraints += "r,";
    }
  }
  constraints += "~{memory}";

  std::string text = "{\n.reg .pred p0, p1;\n.reg .b64 a, b;\nsetp.ne.b32 p0, 0, 0;\nsetp.eq.b32 p1, 0, 0;\n"
                     "wgmma.fence.sync.aligned;\n";
  // Offsets in units of 16 bytes.
  auto stepOffset = [&](int64_t step, bool sideInRow, int64_t wholeRows, int64_t rowBytes) {
    int64_t at = step * steps; // of the depth
    if (sideInRow)
      return at * rowBytes / 16;
    int64_t inRow = rowBytes / bytes;
    return at / inRow * wholeRows * rowBytes / 16 + at % inRow * bytes / 16;
  };
  for (int64_t step = 0; step < depth / steps; ++step) {
    text += "add.s64 b, $" + std::to_string(first) + ", " +
            std::to_string(stepOffset(step, rightSide, rightPlace.wholeRows, rightRow)) + ";\n";
    for (int64_t block = 0; block < blocks; ++block) {
      std::string registers;
      for (int64_t i = 0; i < each; ++i)
        registers += (i ? ",$" : "$") + std::to_string(block * each + i);
      std::string left = "a";
      if (leftShared) {
        int64_t shift = block * (leftSide ? leftPlace.wholeRows : 64) * leftRow / 16;
        text += "add.s64 a, $" + std::to_string(first + 1) + ", " +
                std::to_string(stepOffset(step, leftSide, leftPlace.wholeRows, leftRow) + shift) + ";\n";
      } else {
        left = "{";
        int64_t at = first + 1 + (block * (depth / steps) + step) * 4;
        for (int64_t i = 0; i < 4; ++i)
          left += (i ? ",$" : "$") + std::to_string(at + i);
        left += "}";
      }
      std::string name = nameOf(element).str();
      text += "wgmma.mma_async.sync.aligned.m64n" + std::to_string(columns) + "k" + std::to_string(steps) +
              (real ? ".f32." : ".s32.") + name + "." + name + " {" + registers + "}, " + left + ", b, " +
              (fresh && step == 0 ? "p0" : "p1");
      if (real)
        text += ", 1, 1";
      if (bytes == 2)
        text += (leftShared ? (leftSide ? ", 1" : ", 0") : std::string()) + (rightSide ? ", 1" : ", 0");
      text += ";\n";
    }
  }
  text += "wgmma.commit_group.sync.aligned;\n}";
  fragments[dot.getResult()] =
      b.ptx(text, constraints, operands, SmallVector<Type>(count, type.getElementType()));
}

// The sums are tied in and out, so that nothing that reads them can come before.
void PipeLowering::lowerDotWait(tile::DotWaitOp wait) {
  SmallVector<Value> operands;
  SmallVector<Type> types;
  std::string outputs, inputs;
  for (Value sums : wait.getSums())
    for (Value value : fragments[sums]) {
      types.push_back(value.getType());
      outputs += value.getType().isF32() ? "=f," : "=r,";
      inputs += std::to_string(operands.size()) + ",";
      operands.push_back(value);
    }
  SmallVector<Value> done = b.ptx("wgmma.wait_group.sync.aligned " + std::to_string(wait.getPending()) + ";",
                                  outputs + inputs + "~{memory}", operands, types);
  size_t next = 0;
  for (auto [sums, result] : llvm::zip(wait.getSums(), wait.getResults())) {
    size_t count = fragments[sums].size();
    fragments[result] = SmallVector<Value>(ArrayRef(done).slice(next, count));
    next += count;
  }
}

} // namespace tgc::ptx
