#include "compiler/graph/IndexProgram.h"
#include "compiler/support/Error.h"

using namespace mlir;

namespace tgc::graph {

IndexProgram::IndexProgram(AffineExpr expr) {
  compile(expr);
  stack.resize(steps.size() + 1);
}

void IndexProgram::compile(AffineExpr expr) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
    steps.push_back({Code::Constant, constant.getValue()});
    return;
  }
  if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
    steps.push_back({Code::Dim, int64_t(dim.getPosition())});
    return;
  }
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    internalError("index expression with a symbol");
  compile(binary.getLHS());
  compile(binary.getRHS());
  Code code = Code::Add;
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    code = Code::Add;
    break;
  case AffineExprKind::Mul:
    code = Code::Mul;
    break;
  case AffineExprKind::Mod:
    code = Code::Mod;
    break;
  case AffineExprKind::FloorDiv:
    code = Code::FloorDiv;
    break;
  case AffineExprKind::CeilDiv:
    code = Code::CeilDiv;
    break;
  default:
    internalError("unknown index expression");
  }
  steps.push_back({code, 0});
}

static int64_t floorDiv(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a % b < 0) != (b < 0)); }

int64_t IndexProgram::operator()(const int64_t *dims) const {
  int64_t *top = stack.data(); // one past the last value
  for (const Step &step : steps) {
    if (step.code == Code::Constant) {
      *top++ = step.value;
      continue;
    }
    if (step.code == Code::Dim) {
      *top++ = dims[step.value];
      continue;
    }
    int64_t right = *--top;
    int64_t left = top[-1];
    switch (step.code) {
    case Code::Add:
      top[-1] = left + right;
      break;
    case Code::Mul:
      top[-1] = left * right;
      break;
    case Code::Mod:
      top[-1] = left - floorDiv(left, right) * right;
      break;
    case Code::FloorDiv:
      top[-1] = floorDiv(left, right);
      break;
    default:
      top[-1] = -floorDiv(-left, right);
    }
  }
  return stack[0];
}

SmallVector<int64_t> rowMajorStrides(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size());
  int64_t stride = 1;
  for (int d = int(shape.size()) - 1; d >= 0; --d) {
    strides[d] = stride;
    stride *= shape[d];
  }
  return strides;
}

AffineExpr linearise(AffineMap map, ArrayRef<int64_t> strides) {
  AffineExpr sum = getAffineConstantExpr(0, map.getContext());
  for (auto [expr, stride] : llvm::zip(map.getResults(), strides))
    sum = sum + expr * stride;
  return sum;
}

std::optional<LinearForm> linearForm(AffineExpr expr, unsigned dims) {
  LinearForm form;
  form.coefficients.resize(dims);
  std::function<bool(AffineExpr, int64_t)> visit = [&](AffineExpr e, int64_t factor) {
    if (auto constant = dyn_cast<AffineConstantExpr>(e)) {
      form.constant += factor * constant.getValue();
      return true;
    }
    if (auto dim = dyn_cast<AffineDimExpr>(e)) {
      form.coefficients[dim.getPosition()] += factor;
      return true;
    }
    auto binary = dyn_cast<AffineBinaryOpExpr>(e);
    if (!binary)
      return false;
    if (e.getKind() == AffineExprKind::Add)
      return visit(binary.getLHS(), factor) && visit(binary.getRHS(), factor);
    auto scale = dyn_cast<AffineConstantExpr>(binary.getRHS());
    return e.getKind() == AffineExprKind::Mul && scale && visit(binary.getLHS(), factor * scale.getValue());
  };
  if (!visit(expr, 1))
    return std::nullopt;
  return form;
}

DomainProgram::DomainProgram(IntegerSet set) {
  for (unsigned i = 0; i < set.getNumConstraints(); ++i) {
    conditions.emplace_back(set.getConstraint(i));
    equalities.push_back(set.isEq(i));
  }
}

bool DomainProgram::operator()(const int64_t *dims) const {
  for (size_t i = 0; i < conditions.size(); ++i) {
    int64_t value = conditions[i](dims);
    if (equalities[i] ? value != 0 : value < 0)
      return false;
  }
  return true;
}

} // namespace tgc::graph
