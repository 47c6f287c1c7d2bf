// Input: a function in the graph stage. Output: its results, computed in double precision (integers in
// 64 bits).
// 1. Operations run in order; a value is dropped after its last use.
// 2. Movement, contraction, reduction and gathering are loops over their index maps; the rest
//    is element-wise.
// 3. Results are rounded where the options say so.
#include "compiler/graph/Evaluate.h"
#include "compiler/graph/Graph.h"
#include "compiler/graph/IndexProgram.h"
#include "compiler/support/Error.h"

#include "llvm/ADT/TypeSwitch.h"
#include <cmath>
#include <fstream>

using namespace mlir;

namespace tgc::graph {
namespace {

HostTensor emptyLike(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  return HostTensor::zeros(type.getShape(), type.getElementType());
}

void copyElement(HostTensor &to, int64_t i, const HostTensor &from, int64_t j) {
  if (to.isFloat())
    to.floats[i] = from.floats[j];
  else
    to.ints[i] = from.ints[j];
}

void fillWith(HostTensor &tensor, Attribute fill) {
  if (auto value = dyn_cast_or_null<FloatAttr>(fill))
    std::fill(tensor.floats.begin(), tensor.floats.end(), value.getValueAsDouble());
  else if (auto value = dyn_cast_or_null<IntegerAttr>(fill))
    std::fill(tensor.ints.begin(), tensor.ints.end(),
              wrapToType(value.getValue().getSExtValue(), tensor.element));
}

HostTensor evaluateWeight(WeightOp op, const EvaluateOptions &options) {
  auto type = cast<RankedTensorType>(op.getResult().getType());
  if (!op.getSource()) {
    if (!options.unboundWeight)
      badInput("weight {} has no data", op.getName().str());
    return options.unboundWeight(op.getName(), type);
  }
  if (auto elements = dyn_cast<ElementsAttr>(*op.getSource()))
    return fromAttribute(elements);
  auto external = dyn_cast<ExternalAttr>(*op.getSource());
  if (!external)
    unsupported("weight {}: unknown kind of source", op.getName().str());
  std::filesystem::path path = options.directory / external.getPath().str();
  std::ifstream file(path, std::ios::binary);
  if (!file)
    badInput("weight {}: cannot open {}", op.getName().str(), path.string());
  std::string bytes(type.getNumElements() * elementBytes(type.getElementType()), 0);
  if (int64_t(bytes.size()) != external.getLength())
    badInput("weight {}: {} bytes in {}, its type needs {}", op.getName().str(), external.getLength(),
             path.string(), bytes.size());
  file.seekg(external.getOffset());
  if (!file.read(bytes.data(), std::streamsize(bytes.size())))
    badInput("weight {}: {} is too short", op.getName().str(), path.string());
  return fromBytes(type.getShape(), type.getElementType(), bytes);
}

/// Views and pieces: for each element of the result the first piece that has it, else the fill.
void evaluateMovement(Operation *op, ArrayRef<HostTensorPtr> operands, HostTensor &result) {
  fillWith(result, getFill(op));
  struct Source {
    const HostTensor *tensor;
    std::vector<IndexProgram> indices;
    SmallVector<int64_t> strides;
    std::optional<DomainProgram> where;
  };
  std::vector<Source> sources;
  for (auto [i, piece] : llvm::enumerate(getPieces(op))) {
    Source source{operands[i].get(), {}, rowMajorStrides(operands[i]->shape), {}};
    for (AffineExpr expr : piece.map.getResults())
      source.indices.emplace_back(expr);
    if (piece.where)
      source.where.emplace(piece.where);
    sources.push_back(std::move(source));
  }
  bool mayFill = bool(getFill(op));
  forEachPoint(result.shape, [&](const int64_t *dims, int64_t linear) {
    for (const Source &source : sources) {
      if (source.where && !(*source.where)(dims))
        continue;
      int64_t offset = 0;
      bool inside = true;
      for (size_t d = 0; d < source.indices.size() && inside; ++d) {
        int64_t index = source.indices[d](dims);
        inside = index >= 0 && index < source.tensor->shape[d];
        offset += index * source.strides[d];
      }
      if (!inside)
        continue;
      copyElement(result, linear, *source.tensor, offset);
      return;
    }
    if (!mayFill)
      internalError("{} leaves its source and has no fill", op->getName().getStringRef().str());
  });
}

/// Offsets of one operand of a contraction, linear in the loop counters or not.
class OperandIndex {
public:
  OperandIndex(AffineMap map, ArrayRef<int64_t> shape)
      : expr(linearise(map, rowMajorStrides(shape))), form(linearForm(expr, map.getNumDims())),
        program(expr) {}
  bool isLinear() const { return form.has_value(); }
  int64_t stride(size_t d) const { return form->coefficients[d]; }
  int64_t at(const int64_t *dims) const {
    if (!form)
      return program(dims);
    int64_t offset = form->constant;
    for (size_t d = 0; d < form->coefficients.size(); ++d)
      offset += form->coefficients[d] * dims[d];
    return offset;
  }

private:
  AffineExpr expr;
  std::optional<LinearForm> form;
  IndexProgram program;
};

/// The sum over the reduced dimensions at one output point; the innermost dimension runs with fixed strides
/// where both operands are linear.
template <typename T>
T dotAt(std::vector<int64_t> &dims, ArrayRef<int64_t> extents, size_t outer, const OperandIndex &left,
        const OperandIndex &right, const T *lhs, const T *rhs) {
  T sum = 0;
  bool linear = left.isLinear() && right.isLinear() && extents.size() > outer;
  ArrayRef<int64_t> reduced = extents.drop_front(outer);
  if (!linear) {
    forEachPoint(reduced, [&](const int64_t *r, int64_t) {
      std::copy_n(r, reduced.size(), dims.begin() + outer);
      sum += lhs[left.at(dims.data())] * rhs[right.at(dims.data())];
    });
    return sum;
  }
  size_t last = extents.size() - 1;
  int64_t ls = left.stride(last), rs = right.stride(last), n = extents[last];
  forEachPoint(reduced.drop_back(), [&](const int64_t *r, int64_t) {
    std::copy_n(r, reduced.size() - 1, dims.begin() + outer);
    dims[last] = 0;
    const T *a = lhs + left.at(dims.data()), *b = rhs + right.at(dims.data());
    for (int64_t k = 0; k < n; ++k)
      sum += a[k * ls] * b[k * rs];
  });
  return sum;
}

void evaluateContract(ContractOp op, const HostTensor &lhs, const HostTensor &rhs, HostTensor &result) {
  ArrayRef<int64_t> extents = op.getExtents();
  size_t outer = result.shape.size();
  OperandIndex left(op.getLhsMap(), lhs.shape), right(op.getRhsMap(), rhs.shape);
  std::vector<int64_t> dims(extents.size() + 1, 0);
  forEachPoint(result.shape, [&](const int64_t *o, int64_t linear) {
    std::copy_n(o, outer, dims.begin());
    if (op.getKind() == ContractKind::Sum) {
      if (result.isFloat())
        result.floats[linear] =
            dotAt<double>(dims, extents, outer, left, right, lhs.floats.data(), rhs.floats.data());
      else
        result.ints[linear] =
            wrapToType(dotAt<int64_t>(dims, extents, outer, left, right, lhs.ints.data(), rhs.ints.data()),
                       result.element);
      return;
    }
    double maximum = -INFINITY, weight = 0, sum = 0;
    auto eachReduced = [&](auto visit) {
      forEachPoint(extents.drop_front(outer), [&](const int64_t *r, int64_t) {
        std::copy_n(r, extents.size() - outer, dims.begin() + outer);
        visit();
      });
    };
    eachReduced([&] { maximum = std::fmax(maximum, lhs.floats[left.at(dims.data())]); });
    eachReduced([&] {
      double e = std::exp(lhs.floats[left.at(dims.data())] - maximum);
      weight += e;
      sum += e * rhs.floats[right.at(dims.data())];
    });
    result.floats[linear] = sum / weight;
  });
}

/// For every kept element the offsets of the reduced elements: visit(result index, source index).
template <typename Visit>
void forEachReduced(ArrayRef<int64_t> shape, ArrayRef<int64_t> dims, Visit &&visit) {
  SmallVector<int64_t> keptStrides(shape.size(), 0);
  int64_t stride = 1;
  for (int d = int(shape.size()) - 1; d >= 0; --d)
    if (!llvm::is_contained(dims, d)) {
      keptStrides[d] = stride;
      stride *= shape[d];
    }
  forEachPoint(shape, [&](const int64_t *point, int64_t linear) {
    int64_t kept = 0;
    for (size_t d = 0; d < shape.size(); ++d)
      kept += point[d] * keptStrides[d];
    visit(kept, linear, point);
  });
}

uint64_t zeroExtended(int64_t value, Type type) {
  unsigned width = type.getIntOrFloatBitWidth();
  return width >= 64 ? uint64_t(value) : uint64_t(value) & ((uint64_t(1) << width) - 1);
}

void evaluateArgReduce(ReduceOp op, const HostTensor &x, HostTensor &result) {
  bool wantsMax = op.getKind() == ReduceKind::ArgMax;
  int64_t dim = op.getDims()[0];
  std::vector<int64_t> best(result.size(), -1);
  auto better = [&](int64_t a, int64_t b) { // element a beats element b, which came first
    if (x.isFloat()) {
      double u = x.floats[a], v = x.floats[b];
      if (std::isnan(v) || std::isnan(u))
        return !std::isnan(v);
      return wantsMax ? u > v : u < v;
    }
    int64_t u = x.ints[a], v = x.ints[b];
    if (op.getIsUnsigned() || x.element.isInteger(1))
      return wantsMax ? zeroExtended(u, x.element) > zeroExtended(v, x.element)
                      : zeroExtended(u, x.element) < zeroExtended(v, x.element);
    return wantsMax ? u > v : u < v;
  };
  forEachReduced(x.shape, op.getDims(), [&](int64_t kept, int64_t linear, const int64_t *point) {
    if (best[kept] < 0 || better(linear, best[kept])) {
      best[kept] = linear;
      result.ints[kept] = point[dim];
    }
  });
}

void evaluateReduce(ReduceOp op, const HostTensor &x, HostTensor &result) {
  ReduceKind kind = op.getKind();
  if (kind == ReduceKind::ArgMax || kind == ReduceKind::ArgMin)
    return evaluateArgReduce(op, x, result);
  if (x.isFloat()) {
    double start = kind == ReduceKind::Add   ? 0.0
                   : kind == ReduceKind::Mul ? 1.0
                   : kind == ReduceKind::Max ? -INFINITY
                                             : INFINITY;
    std::fill(result.floats.begin(), result.floats.end(), start);
    forEachReduced(x.shape, op.getDims(), [&](int64_t kept, int64_t linear, const int64_t *) {
      double &sum = result.floats[kept];
      double value = x.floats[linear];
      if (kind == ReduceKind::Add)
        sum += value;
      else if (kind == ReduceKind::Mul)
        sum *= value;
      else if (std::isnan(value) || std::isnan(sum))
        sum = NAN;
      else
        sum = kind == ReduceKind::Max ? std::max(sum, value) : std::min(sum, value);
    });
    return;
  }
  bool isUnsigned = op.getIsUnsigned();
  unsigned width = x.element.getIntOrFloatBitWidth();
  int64_t lowest = isUnsigned ? 0 : width == 1 ? 1 : wrapToType(int64_t(1) << (width - 1), x.element);
  int64_t highest = isUnsigned ? wrapToType(-1, x.element) : width == 1 ? 0 : ~lowest;
  int64_t start = kind == ReduceKind::Add   ? 0
                  : kind == ReduceKind::Mul ? 1
                  : kind == ReduceKind::Max ? lowest
                                            : highest;
  std::fill(result.ints.begin(), result.ints.end(), start);
  auto reading = [&](int64_t v) {
    return isUnsigned ? int64_t(zeroExtended(v, x.element) ^ (uint64_t(1) << 63)) : width == 1 ? -v : v;
  };
  forEachReduced(x.shape, op.getDims(), [&](int64_t kept, int64_t linear, const int64_t *) {
    int64_t &sum = result.ints[kept];
    int64_t value = x.ints[linear];
    if (kind == ReduceKind::Add)
      sum = wrapToType(int64_t(uint64_t(sum) + uint64_t(value)), x.element);
    else if (kind == ReduceKind::Mul)
      sum = wrapToType(int64_t(uint64_t(sum) * uint64_t(value)), x.element);
    else if (kind == ReduceKind::Max ? reading(value) > reading(sum) : reading(value) < reading(sum))
      sum = value;
  });
}

void evaluateMoments(MomentsOp op, const HostTensor &x, HostTensor &mean, HostTensor &variance) {
  std::vector<int64_t> counts(mean.size());
  forEachReduced(x.shape, op.getDims(), [&](int64_t kept, int64_t linear, const int64_t *) {
    mean.floats[kept] += x.floats[linear];
    ++counts[kept];
  });
  for (size_t i = 0; i < counts.size(); ++i)
    mean.floats[i] /= double(counts[i]);
  forEachReduced(x.shape, op.getDims(), [&](int64_t kept, int64_t linear, const int64_t *) {
    double d = x.floats[linear] - mean.floats[kept];
    variance.floats[kept] += d * d;
  });
  for (size_t i = 0; i < counts.size(); ++i)
    variance.floats[i] /= double(counts[i]);
}

void evaluateGather(GatherOp op, const HostTensor &source, const HostTensor &indices, HostTensor &result) {
  fillWith(result, op.getFillAttr());
  SmallVector<int64_t> strides = rowMajorStrides(source.shape);
  IndexProgram base(linearise(op.getMap(), strides));
  IndexProgram where(linearise(op.getIndexMap(), rowMajorStrides(indices.shape)));
  int64_t axis = op.getAxis();
  forEachPoint(result.shape, [&](const int64_t *dims, int64_t linear) {
    int64_t index = indices.ints[where(dims)];
    if (index >= 0 && index < source.shape[axis])
      copyElement(result, linear, source, base(dims) + index * strides[axis]);
  });
}

} // namespace

std::vector<HostTensorPtr> evaluateOp(Operation *op, ArrayRef<HostTensorPtr> operands,
                                      const EvaluateOptions &options) {
  std::vector<HostTensor> results;
  if (auto weight = dyn_cast<WeightOp>(op)) {
    results.push_back(evaluateWeight(weight, options));
  } else {
    for (Value value : op->getResults()) {
      if (!isa<RankedTensorType>(value.getType()))
        unsupported("{} is not an operation on tensors", op->getName().getStringRef().str());
      results.push_back(emptyLike(value));
    }
    TypeSwitch<Operation *>(op)
        .Case<ViewOp, PieceOp>([&](auto) { evaluateMovement(op, operands, results[0]); })
        .Case<ContractOp>([&](auto o) { evaluateContract(o, *operands[0], *operands[1], results[0]); })
        .Case<ReduceOp>([&](auto o) { evaluateReduce(o, *operands[0], results[0]); })
        .Case<MomentsOp>([&](auto o) { evaluateMoments(o, *operands[0], results[0], results[1]); })
        .Case<GatherOp>([&](auto o) { evaluateGather(o, *operands[0], *operands[1], results[0]); })
        .Case<CoordOp>([&](CoordOp o) {
          IndexProgram program(o.getMap().getResult(0));
          forEachPoint(results[0].shape, [&](const int64_t *dims, int64_t linear) {
            results[0].ints[linear] = wrapToType(program(dims), results[0].element);
          });
        })
        .Default([&](Operation *) {
          if (results.size() != 1 || !evaluateElementwise(op, operands, results[0]))
            unsupported("{} in the graph evaluator", op->getName().getStringRef().str());
        });
  }
  std::vector<HostTensorPtr> shared;
  for (HostTensor &result : results) {
    if (options.rounding == Rounding::Every && result.isFloat())
      for (double &value : result.floats)
        value = roundToType(value, cast<FloatType>(result.element));
    shared.push_back(std::make_shared<HostTensor>(std::move(result)));
  }
  return shared;
}

std::vector<HostTensorPtr> evaluate(func::FuncOp function, ArrayRef<HostTensorPtr> arguments,
                                    const EvaluateOptions &options) {
  if (function.getNumArguments() != arguments.size())
    badInput("@{} takes {} arguments, {} given", function.getName().str(), function.getNumArguments(),
             arguments.size());
  llvm::DenseMap<Value, HostTensorPtr> values;
  llvm::DenseMap<Value, size_t> remaining;
  for (auto [i, argument] : llvm::enumerate(function.getArguments())) {
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (!type || type.getElementType() != arguments[i]->element ||
        type.getShape() != ArrayRef<int64_t>(arguments[i]->shape))
      badInput("argument {} of @{} has another type than the tensor given", i, function.getName().str());
    values[argument] = arguments[i];
  }
  for (Operation &op : function.getBody().front()) {
    SmallVector<HostTensorPtr> operands;
    for (Value operand : op.getOperands())
      operands.push_back(values.at(operand));
    if (isa<func::ReturnOp>(op))
      return std::vector<HostTensorPtr>(operands.begin(), operands.end());
    std::vector<HostTensorPtr> results = evaluateOp(&op, operands, options);
    for (auto [value, result] : llvm::zip(op.getResults(), results)) {
      if (value.use_empty())
        continue;
      values[value] = result;
      remaining[value] = std::distance(value.use_begin(), value.use_end());
    }
    for (Value operand : op.getOperands())
      if (auto it = remaining.find(operand); it != remaining.end() && --it->second == 0)
        values.erase(operand);
  }
  internalError("@{} does not return", function.getName().str());
}

} // namespace tgc::graph
