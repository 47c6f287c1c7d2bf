// Weights are 2^(c·s - c·max) with c = scale · log2 e where the weights' value is a multiple of the scores, else the
// value is computed first and c = log2 e. Sums stay with the threads until the end. Only with all of a row at -inf is
// a maximum -inf: then, as behind it, differences are NaN, which is what such a row is; where masks make -inf in some
// blocks alone, -inf counts as 0.
#include "compiler/pipe/SoftmaxSteps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <limits>

using namespace mlir;

namespace tgc::pipe {

static constexpr double log2e = 0x1.71547652b82fep0;

SoftmaxSteps::SoftmaxSteps(Program &program, kernel::SoftmaxOp softmax, kernel::ContractOp scores)
    : program(program), plan(program.plan), builder(program.builder), loc(program.loc), softmax(softmax),
      scores(scores), f32(program.builder.getF32Type()) {
  int64_t rows = plan.roles->fragmentRows, keys = plan.n.extent();
  // Direct: padded to the atom's.
  int64_t columns = plan.roles->direct ? plan.roles->fragmentColumns : plan.e.extent();
  scoresType = fragment({rows, keys}, f32, "sums");
  leftType = fragment({rows, keys}, program.typeOf(plan.a.type), "left");
  resultType = fragment({rows, columns}, f32, "sums");
  rowsType = fragment({rows}, f32, "rows");
  findScale();
}

tile::FragmentType SoftmaxSteps::fragment(ArrayRef<int64_t> shape, Type type, StringRef layout) {
  return tile::FragmentType::get(builder.getContext(), shape, type, builder.getStringAttr(layout));
}
Value SoftmaxSteps::number(double value) {
  return builder.create<arith::ConstantOp>(loc, builder.getF32FloatAttr(value));
}

void SoftmaxSteps::findScale() {
  Value weights = softmax.getWeights();
  factor = log2e;
  computed = weights != scores.getResult();
  auto product = weights.getDefiningOp<arith::MulFOp>();
  if (!product)
    return;
  for (auto [score, constant] :
       {std::pair(product.getLhs(), product.getRhs()), {product.getRhs(), product.getLhs()}}) {
    FloatAttr scale;
    if (score == scores.getResult() && matchPattern(constant, m_Constant(&scale)) &&
        scale.getValueAsDouble() > 0) {
      factor = scale.getValueAsDouble() * log2e;
      computed = false;
    }
  }
}

Value SoftmaxSteps::divisorOf(Value parts) {
  Value sum = builder.create<tile::FoldJoinOp>(loc, rowsType, "add", parts);
  return rows([&](Value row) {
    Value x = at(sum, {row});
    auto quick = arith::FastMathFlagsAttr::get(builder.getContext(), arith::FastMathFlags::afn);
    return builder.create<arith::DivFOp>(loc, number(1), x, quick).getResult();
  });
}

Value SoftmaxSteps::at(Value fragment, ValueRange coords, bool neighbours) {
  Type type = neighbours && plan.neighbours > 1 ? Type(VectorType::get({plan.neighbours}, f32)) : f32;
  return builder.create<tile::ElementOp>(loc, type, fragment, coords);
}
/// The same for all neighbours that a thread holds.
Value SoftmaxSteps::all(Value scalar) {
  if (plan.neighbours == 1)
    return scalar;
  return builder.create<vector::BroadcastOp>(loc, VectorType::get({plan.neighbours}, f32), scalar);
}

Value SoftmaxSteps::rows(function_ref<Value(Value row)> body) {
  return each(rowsType, 1, [&](ValueRange at) { return body(at[0]); });
}

Value SoftmaxSteps::each(tile::FragmentType type, int64_t lanes, function_ref<Value(ValueRange)> body) {
  SmallVector<int64_t> origin(type.getShape().size(), 0);
  auto made =
      builder.create<tile::EachOp>(loc, type, type.getShape(), origin, lanes, type.getLayout().getValue());
  OpBuilder::InsertionGuard guard(builder);
  Block *block = builder.createBlock(&made.getBody());
  for (size_t i = 0; i < origin.size(); ++i)
    block->addArgument(builder.getIndexType(), loc);
  Value value = body(block->getArguments());
  builder.create<tile::YieldOp>(loc, ValueRange(value));
  return made.getResult();
}

/// The scores of the first block, -inf for keys behind the last.
Value SoftmaxSteps::masked(Value s) {
  const TiledAxis *outer = nullptr;
  int64_t inner = plan.n.extent();
  for (const TiledAxis &axis : plan.n.axes) {
    inner /= axis.tile;
    if (axis.tile > 1) {
      outer = &axis;
      break;
    }
  }
  if (!outer || !outer->ragged())
    return s;
  Value left = program.apply(program.dim(0) * -1 + outer->extent, program.start(outer->axis));
  return each(scoresType, 1, [&](ValueRange place) {
    Value key = program.apply(program.dim(0).floorDiv(inner), place[1]);
    Value inside = builder.create<arith::CmpIOp>(loc, arith::CmpIPredicate::slt, key, left);
    return builder
        .create<arith::SelectOp>(loc, inside, at(s, place), number(-std::numeric_limits<double>::infinity()))
        .getResult();
  });
}

SoftmaxSteps::Step SoftmaxSteps::next(Value s, Value oldMaximum, Value oldSum, Value firstRow) {
  if (computed) {
    RegisterEpilogue values(program, scores.getResult(), plan.n, {}, Value());
    s = values.compute({s, firstRow, Value()}, softmax.getWeights());
  }
  if (!oldMaximum)
    s = masked(s);
  Step step;
  step.maximum = builder.create<tile::FoldOp>(loc, rowsType, "max", s, /*partial=*/false);
  if (oldMaximum) {
    Value here = step.maximum;
    step.maximum = rows([&](Value row) {
      return builder.create<arith::MaxNumFOp>(loc, at(oldMaximum, {row}), at(here, {row})).getResult();
    });
  }
  Value maximum = step.maximum;
  Value from = rows([&](Value row) {
    Value m = at(maximum, {row}), below = builder.create<arith::MulFOp>(loc, m, number(-factor));
    if (!computed)
      return below;
    Value none = builder.create<arith::CmpFOp>(loc, arith::CmpFPredicate::OEQ, m,
                                               number(-std::numeric_limits<double>::infinity()));
    return builder.create<arith::SelectOp>(loc, none, number(0), below).getResult();
  });
  step.weights = each(scoresType, plan.neighbours, [&](ValueRange place) {
    Value c = all(number(factor));
    Value power = builder.create<math::FmaOp>(loc, at(s, place, true), c, all(at(from, {place[0]})));
    return exp2(power);
  });
  Value sum = builder.create<tile::FoldOp>(loc, rowsType, "add", step.weights, /*partial=*/true);
  if (!oldMaximum) {
    step.sum = sum;
    return step;
  }
  step.shrink = rows([&](Value row) {
    return exp2(builder.create<math::FmaOp>(loc, at(oldMaximum, {row}), number(factor), at(from, {row})));
  });
  step.sum = rows([&](Value row) {
    return builder.create<math::FmaOp>(loc, at(oldSum, {row}), at(step.shrink, {row}), at(sum, {row}))
        .getResult();
  });
  return step;
}

Value SoftmaxSteps::exp2(Value power) {
  auto quick = arith::FastMathFlagsAttr::get(builder.getContext(), arith::FastMathFlags::afn);
  return builder.create<math::Exp2Op>(loc, power, quick);
}

Value SoftmaxSteps::scaled(Value result, Value shrink) {
  return each(resultType, plan.neighbours, [&](ValueRange place) {
    return builder.create<arith::MulFOp>(loc, at(result, place, true), all(at(shrink, {place[0]})))
        .getResult();
  });
}

} // namespace tgc::pipe
