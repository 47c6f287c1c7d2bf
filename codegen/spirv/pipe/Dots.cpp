// Products by the matrix engine: each call multiplies 8 rows by as many columns as a subgroup has threads, 16 steps of
// the depth deep. A right operand stays while the rows go by.
#include "codegen/spirv/pipe/PipeLowering.h"

#include "compiler/support/Error.h"
#include <fmt/format.h>

using namespace mlir;

namespace tgc::spv {

void PipeLowering::lowerDot(tile::DotGroupOp dot) {
  auto left = cast<tile::FragmentType>(dot.getLeft().getType());
  tile::FragmentType type = dot.getResult().getType();
  int64_t rows = type.getShape()[0] / atomRows, columns = type.getShape()[1] / width,
          steps = left.getShape()[1] / atomDepth;
  Type element = left.getElementType();
  if (!(element.isBF16() || element.isF16()))
    internalError("no product of such elements");
  auto readerOf = [&](Value operand) {
    auto found = readers.find(operand);
    return found == readers.end() ? nullptr : found->second.get();
  };
  OperandReader *leftReader = readerOf(dot.getLeft()), *rightReader = readerOf(dot.getRight());
  auto registerOf = [&](OperandReader *reader, Value operand, int64_t point, int64_t step) {
    return reader ? reader->get(point, step) : fragments[operand][point * steps + step];
  };
  auto eight = VectorType::get({atomRows}, builder.getF32Type());
  SmallVector<Value> sums;
  if (dot.getSums())
    sums = fragments[dot.getSums()];
  else
    sums.assign(rows * columns, builder.create<arith::ConstantOp>(loc, builder.getZeroAttr(eight)));
  std::string name = element.isBF16() ? "bf16" : "f16";
  name = fmt::format("intel_sub_group_{0}_{0}_matrix_mad_k16", name);
  name = fmt::format("_Z{}{}{}Dv8_f", name.size(), name, width == 16 ? "Dv8_sDv8_i" : "Dv8_iS_");
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
