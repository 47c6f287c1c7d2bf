// Products by the matrix engine: each call multiplies 8 rows by as many columns as a subgroup has threads, 32 bytes of the
// depth deep. A right operand stays while the rows go by.
#include "codegen/spirv/pipe/PipeLowering.h"

#include "compiler/support/Error.h"
#include <fmt/format.h>

using namespace mlir;

namespace tgc::spv {

/// Under which Intel's compilers know the product of fragments of these elements; of f32 as tf32.
static std::string productFunction(Type element, int64_t width) {
  struct Known {
    std::string operand;
    int64_t depth;
    std::string wide, narrow; ///< the arguments' types, in subgroups of 16 threads and of 8
  };
  Known known = element.isBF16()       ? Known{"bf16", 16, "Dv8_sDv8_iDv8_f", "Dv8_iS_Dv8_f"}
                : element.isF16()      ? Known{"f16", 16, "Dv8_sDv8_iDv8_f", "Dv8_iS_Dv8_f"}
                : element.isInteger(8) ? Known{"i8", 32, "Dv8_sDv8_iS0_", "Dv8_iS_S_"}
                : element.isF32()      ? Known{"tf32", 8, "Dv4_fDv8_fS0_", ""}
                                       : Known{};
  const std::string &types = width == 16 ? known.wide : known.narrow;
  if (types.empty())
    internalError("no product of such elements");
  std::string name = fmt::format("intel_sub_group_{0}_{0}_matrix_mad_k{1}", known.operand, known.depth);
  return fmt::format("_Z{}{}{}", name.size(), name, types);
}

void PipeLowering::lowerDot(tile::DotGroupOp dot) {
  auto left = cast<tile::FragmentType>(dot.getLeft().getType());
  tile::FragmentType type = dot.getResult().getType();
  int64_t rows = type.getShape()[0] / atomRows, columns = type.getShape()[1] / width,
          steps = left.getShape()[1] / atomDepthOf(left);
  Type element = left.getElementType();
  auto readerOf = [&](Value operand) {
    auto found = readers.find(operand);
    return found == readers.end() ? nullptr : found->second.get();
  };
  OperandReader *leftReader = readerOf(dot.getLeft()), *rightReader = readerOf(dot.getRight());
  auto registerOf = [&](OperandReader *reader, Value operand, int64_t point, int64_t step) {
    Value bits = reader ? reader->get(point, step) : fragments[operand][point * steps + step];
    if (!element.isF32())
      return bits;
    return builder.createOrFold<arith::BitcastOp>(loc, cast<VectorType>(bits.getType()).clone(element), bits);
  };
  auto eight = VectorType::get({atomRows}, type.getElementType());
  SmallVector<Value> sums;
  if (dot.getSums())
    sums = fragments[dot.getSums()];
  else
    sums.assign(rows * columns, builder.create<arith::ConstantOp>(loc, builder.getZeroAttr(eight)));
  std::string name = productFunction(element, width);
  // What one block brings is used up before the next is read.
  int64_t stepsAtOnce = rightReader ? rightReader->stepsAtOnce() : 1,
          columnsAtOnce = rightReader ? rightReader->columnsAtOnce() : 1;
  auto multiply = [&](int64_t column, int64_t step) {
    Value b = registerOf(rightReader, dot.getRight(), column, step);
    for (int64_t row = 0; row < rows; ++row) {
      Value a = registerOf(leftReader, dot.getLeft(), row, step);
      Value &sum = sums[row * columns + column];
      sum = call(name, {a, b, sum}, eight);
    }
  };
  for (int64_t step = 0; step < steps; step += stepsAtOnce)
    for (int64_t column = 0; column < columns; column += columnsAtOnce)
      for (int64_t c = column; c < std::min(column + columnsAtOnce, columns); ++c)
        for (int64_t s = step; s < std::min(step + stepsAtOnce, steps); ++s)
          multiply(c, s);
  fragments[dot.getResult()] = std::move(sums);
}

} // namespace tgc::spv
