// Products by mma.sync on fragments that ldmatrix brings.
// An 8×8 matrix of 16 bits comes from eight rows of 16 bytes, whose addresses eight lanes give; four matrices make a
// left fragment of 16 rows × 32 bytes of the depth, or right fragments of 16 columns. Every type has its fragments so:
// a lane's register is 4 bytes of a row, one element of f32 or four of 8 bits. A tile whose rows are points of a side
// is read as it lies, one whose rows are steps of the depth (16 bits only) transposed. Fragments of the next step are
// loaded before this step's products; f32 is rounded to tf32 as it comes.
#include "codegen/ptx/pipe/PipeLowering.h"

#include "compiler/support/Error.h"

using namespace mlir;

namespace tgc::ptx {

/// Reads 8×8 matrices at (side, depth) of a shared tile. Per lane: matrix i = lane div 8 of the four has its side
/// i mod 2 · 8 (or i div 2 · 8) further and its depth the other way round.
class MatrixReader {
public:
  MatrixReader(PtxBuilder &b, const SharedPlace &place, Value lane, tile::SharedType type, bool depthInRows,
               bool sideFirst)
      : b(b), place(place), rowBytes(type.getSwizzle()),
        bytes(type.getElementType().getIntOrFloatBitWidth() / 8), depthInRows(depthInRows) {
    if (depthInRows && bytes != 2)
      internalError("only elements of 16 bits are read transposed");
    Value row = b.band(lane, 7), low = b.band(b.shr(lane, 3), 1), high = b.shr(lane, 4);
    Value side = sideFirst ? low : high, depth = sideFirst ? high : low;
    // The tile's rows are the side, pieces in a row the depth; or the other way round.
    Value down = depthInRows ? depth : side, across = depthInRows ? side : depth;
    row = b.add(row, b.shl(down, 3));
    Value phase = rowBytes == 128  ? b.band(row, 7)
                  : rowBytes == 64 ? b.band(b.shr(row, 1), 3)
                                   : b.band(b.shr(row, 2), 1);
    if (place.piece)
      across = b.bxor(across, place.piece);
    base = b.add(place.address, b.add(b.mul(row, rowBytes), b.shl(b.bxor(across, phase), 4)));
  }

  /// Four matrices, or the first two.
  SmallVector<Value> read(int64_t side, int64_t depth, int64_t matrices = 4) {
    int64_t down = depthInRows ? depth : side, across = depthInRows ? side : depth;
    int64_t inRow = rowBytes / bytes, piece = across % inRow * bytes;
    int64_t shift = down * rowBytes + across / inRow * place.wholeRows * rowBytes;
    Value &address = addresses[piece];
    if (!address)
      address = b.bxor(base, b.i32(piece));
    std::string count = std::to_string(matrices),
                registers = matrices == 4 ? "{$0, $1, $2, $3}, [$4+" : "{$0, $1}, [$2+";
    return b.ptx("ldmatrix.sync.aligned.m8n8.x" + count + (depthInRows ? ".trans" : "") + ".shared.b16 " +
                     registers + std::to_string(shift) + "];",
                 matrices == 4 ? "=r,=r,=r,=r,r,~{memory}" : "=r,=r,r,~{memory}", address,
                 SmallVector<Type>(matrices, b.builder.getI32Type()));
  }

private:
  PtxBuilder &b;
  SharedPlace place;
  int64_t rowBytes, bytes;
  bool depthInRows;
  Value base;
  llvm::SmallDenseMap<int64_t, Value> addresses;
};

/// An mma.sync of 16 rows and 8 columns, with 32 bytes of the depth.
struct Instruction {
  Type operand, sum;
  const char *depth, *text; ///< k16, f32.bf16.bf16.f32
};

static Instruction instructionOf(Type operand, Type sum) {
  bool real = sum.isF32();
  if (operand.isBF16() && real)
    return {operand, sum, "k16", "f32.bf16.bf16.f32"};
  if (operand.isF16() && real)
    return {operand, sum, "k16", "f32.f16.f16.f32"};
  if (operand.isF32() && real)
    return {operand, sum, "k8", "f32.tf32.tf32.f32"};
  if (operand.isFloat8E4M3FN() && real)
    return {operand, sum, "k32", "f32.e4m3.e4m3.f32"};
  if (operand.isInteger(8) && sum.isInteger(32))
    return {operand, sum, "k32", "s32.s8.s8.s32"};
  internalError("mma has no such operands");
}

void PipeLowering::lowerDotGroup(tile::DotGroupOp dot) {
  auto right = cast<tile::SharedType>(dot.getRight().getType());
  tile::FragmentType type = dot.getResult().getType();
  int64_t rows = type.getShape()[0], columns = type.getShape()[1];
  int64_t depth = right.getShape()[dot.getTransposeRight() ? 0 : 1];
  Type element = right.getElementType();
  Instruction instruction = instructionOf(element, type.getElementType());
  int64_t steps = 256 / element.getIntOrFloatBitWidth(); // of the depth
  if (rows % 16 != 0 || columns % 8 != 0 || depth % steps != 0)
    internalError("mma has no product of {}x{}x{}", rows, columns, depth);
  Value lane = b.band(thread, 31);
  SmallVector<Value> sums;
  if (dot.getSums())
    sums = fragments[dot.getSums()];
  else
    sums.assign(rows * columns / 32,
                builder.create<arith::ConstantOp>(b.loc, builder.getZeroAttr(instruction.sum)));

  std::optional<MatrixReader> leftReader;
  if (auto left = dyn_cast<tile::SharedType>(dot.getLeft().getType()))
    leftReader.emplace(b, shared[dot.getLeft()], lane, left, dot.getTransposeLeft(), /*sideFirst=*/true);
  MatrixReader rightReader(b, shared[dot.getRight()], lane, right, dot.getTransposeRight(),
                           /*sideFirst=*/false);

  struct Step {
    SmallVector<SmallVector<Value>> left, right; ///< a block of 16 rows, a block of 8 columns
  };
  auto rounded = [&](SmallVector<Value> words) {
    if (element.isF32())
      for (Value &word : words)
        word = b.ptx("cvt.rna.tf32.f32 $0, $1;", "=r,r", word, builder.getI32Type()).front();
    return words;
  };
  auto load = [&](int64_t at) {
    Step step;
    for (int64_t row = 0; row < rows; row += 16) {
      if (leftReader) {
        step.left.push_back(rounded(leftReader->read(row, at)));
        continue;
      }
      ArrayRef<Value> pairs = fragments[dot.getLeft()];
      SmallVector<Value> words;
      for (Value pair : pairs.slice((row / 16 * (depth / steps) + at / steps) * 4, 4))
        words.push_back(builder.createOrFold<LLVM::BitcastOp>(b.loc, builder.getI32Type(), pair));
      step.left.push_back(words);
    }
    for (int64_t column = 0; column < columns; column += 16) {
      SmallVector<Value> words = rounded(rightReader.read(column, at, column + 8 < columns ? 4 : 2));
      for (size_t i = 0; i < words.size(); i += 2)
        step.right.push_back({words[i], words[i + 1]});
    }
    return step;
  };
  std::string text = std::string("mma.sync.aligned.m16n8") + instruction.depth + ".row.col." +
                     instruction.text +
                     " {$0, $1, $2, $3}, {$4, $5, $6, $7}, {$8, $9}, {$10, $11, $12, $13};";
  const char *constraints =
      instruction.sum.isF32() ? "=f,=f,=f,=f,r,r,r,r,r,r,f,f,f,f" : "=r,=r,=r,=r,r,r,r,r,r,r,r,r,r,r";
  SmallVector<Type> four(4, instruction.sum);
  Step step = load(0);
  for (int64_t at = 0; at < depth; at += steps) {
    Step next;
    if (at + steps < depth)
      next = load(at + steps);
    for (int64_t column = 0; column < columns; column += 8)
      for (int64_t block = 0; block < rows; block += 16) {
        // To and fro, so that one operand stays.
        int64_t row = column / 8 % 2 ? rows - 16 - block : block;
        int64_t first = registerOf(row, column, columns, 16);
        SmallVector<Value> operands(step.left[row / 16]);
        operands.append(step.right[column / 8]);
        operands.append(sums.begin() + first, sums.begin() + first + 4);
        SmallVector<Value> done = b.ptx(text, constraints, operands, four);
        std::copy(done.begin(), done.end(), sums.begin() + first);
      }
    step = std::move(next);
  }
  fragments[dot.getResult()] = std::move(sums);
}

void PipeLowering::lowerGroupLoad(tile::GatherOp load) {
  tile::FragmentType type = load.getResult().getType();
  int64_t rows = type.getShape()[0], columns = type.getShape()[1];
  if (rows % 16 != 0 || columns % 16 != 0 || type.getLayout().getValue() != "left")
    internalError("a shared tile is loaded as a left operand of 16 rows");
  MatrixReader reader(b, shared[load.getSource()], b.band(thread, 31), load.getSource().getType(), false,
                      true);
  SmallVector<Value> registers;
  for (int64_t row = 0; row < rows; row += 16)
    for (int64_t column = 0; column < columns; column += 16)
      registers.append(reader.read(row, column));
  fragments[load.getResult()] = std::move(registers);
}

} // namespace tgc::ptx
