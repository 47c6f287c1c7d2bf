// Matrix products: one contraction with an index map per operand.
#include "frontends/onnx/Quantization.h"
#include "frontends/onnx/ops/Families.h"

#include <algorithm>

using namespace mlir;

namespace tgc::onnx {
namespace {

using graph::ReduceKind;

/// numpy's matmul of two values: batch dimensions broadcast, operands of rank 1 lose their dimension. The
/// result is in the accumulator's type.
Value matmulValues(NodeContext &c, Value a, Value b) {
  ArrayRef<int64_t> sa = c.shapeOf(a), sb = c.shapeOf(b);
  if (sa.empty() || sb.empty())
    c.bad("an operand is a scalar");
  bool rowVector = sa.size() == 1, columnVector = sb.size() == 1;
  int64_t k = sa.back(), kb = columnVector ? sb[0] : sb[sb.size() - 2];
  if (k != kb)
    c.bad("the inner dimensions {} and {} differ", k, kb);
  ArrayRef<int64_t> batchA = sa.drop_back(rowVector ? 1 : 2), batchB = sb.drop_back(columnVector ? 1 : 2);
  Shape extents = c.broadcastShape(batchA, batchB);
  int64_t batch = int64_t(extents.size());
  auto batchIndices = [&](ArrayRef<int64_t> shape) {
    SmallVector<AffineExpr> indices;
    for (size_t i = 0; i < shape.size(); ++i)
      indices.push_back(shape[i] == 1 ? c.number(0) : c.dim(batch - shape.size() + i));
    return indices;
  };
  SmallVector<AffineExpr> ia = batchIndices(batchA), ib = batchIndices(batchB);
  int64_t resultRank = batch;
  if (!rowVector) {
    extents.push_back(sa[sa.size() - 2]);
    ia.push_back(c.dim(resultRank++));
  }
  AffineExpr column;
  if (!columnVector) {
    extents.push_back(sb.back());
    column = c.dim(resultRank++);
  }
  extents.push_back(k);
  ia.push_back(c.dim(resultRank));
  ib.push_back(c.dim(resultRank));
  if (column)
    ib.push_back(column);
  return c.contract(a, ia, b, ib, extents, resultRank);
}

void matmul(NodeContext &c) {
  c.requireSameTypes(0, 1);
  Value y = matmulValues(c, c.in(0), c.in(1));
  if (isFloat(c.dtype(0)))
    return c.outFloat(y, c.dtype(0));
  if (c.elementOf(y) != c.typeOf(c.dtype(0)))
    c.fail("products of {}", dtypeName(c.dtype(0)));
  c.out(y, c.dtype(0));
}

void gemm(NodeContext &c) {
  c.requireSameTypes(0, 1);
  c.requireRank(0, 2, 2);
  c.requireRank(1, 2, 2);
  bool transA = c.intAttr("transA", 0), transB = c.intAttr("transB", 0);
  int64_t m = c.shape(0)[transA ? 1 : 0], k = c.shape(0)[transA ? 0 : 1];
  int64_t n = c.shape(1)[transB ? 0 : 1], kb = c.shape(1)[transB ? 1 : 0];
  if (k != kb)
    c.bad("the inner dimensions {} and {} differ", k, kb);
  SmallVector<AffineExpr> a{c.dim(0), c.dim(2)}, b{c.dim(2), c.dim(1)};
  if (transA)
    std::swap(a[0], a[1]);
  if (transB)
    std::swap(b[0], b[1]);
  Value y = c.contract(c.in(0), a, c.in(1), b, {m, n, k}, 2);
  DType t = c.dtype(0);
  double alpha = c.floatAttr("alpha", 1), beta = c.floatAttr("beta", 1);
  if (!isFloat(t) && (alpha != 1 || beta != 1))
    c.fail("scaled integer Gemm");
  if (alpha != 1)
    y = c.mul(y, c.splatLike(y, alpha));
  if (c.has(2) && beta != 0) {
    c.requireSameTypes(0, 2);
    Value bias = isFloat(t) ? c.wideAs(2, {m, n}) : c.inAs(2, {m, n});
    y = c.add(y, beta == 1 ? bias : c.mul(bias, c.splatLike(bias, beta)));
  }
  if (isFloat(t))
    c.outFloat(y, t);
  else
    c.out(y, t);
}

void matmulInteger(NodeContext &c) {
  Value a = centred(c, 0, 2, std::max<int64_t>(c.rank(0) - 2, 0));
  Value b = centred(c, 1, 3, std::max<int64_t>(c.rank(1) - 1, 0));
  c.out(matmulValues(c, a, b), DType::I32);
}

/// Inputs: a with scale and zero point, b with both, the result's scale and zero point.
void qlinearMatmul(NodeContext &c) {
  Value a = centred(c, 0, 2, std::max<int64_t>(c.rank(0) - 2, 0));
  Value b = centred(c, 3, 5, std::max<int64_t>(c.rank(3) - 1, 0));
  Value product = matmulValues(c, a, b);
  outRequantized(c, product, 1, 4, 6, c.rankOf(product) - 1);
}

// --- Einsum ---

/// One operand's value and the label of each of its dimensions. Ellipsis dimensions have the labels 256, 257,
/// … counted from the last.
struct Labelled {
  Value value;
  SmallVector<int> labels;
};

SmallVector<int> parseLabels(NodeContext &c, StringRef text, int64_t rank) {
  SmallVector<int> labels;
  size_t dots = text.find("...");
  int64_t letters = int64_t(text.size()) - (dots == StringRef::npos ? 0 : 3);
  if (dots == StringRef::npos ? letters != rank : letters > rank)
    c.bad("the term \"{}\" does not fit rank {}", text.str(), rank);
  for (size_t i = 0; i < text.size(); ++i) {
    if (i == dots) {
      for (int64_t k = rank - letters; k-- > 0;)
        labels.push_back(256 + int(k));
      i += 2;
    } else if (isalpha(static_cast<unsigned char>(text[i]))) {
      labels.push_back(text[i]);
    } else {
      c.bad("the equation has the character '{}'", text[i]);
    }
  }
  return labels;
}

class Einsum {
public:
  explicit Einsum(NodeContext &c) : c(c) {}

  void run() {
    std::string equation = c.stringAttr("equation", "");
    std::erase(equation, ' ');
    StringRef left = equation, right;
    bool isExplicit = StringRef(equation).contains("->");
    std::tie(left, right) = StringRef(equation).split("->");
    SmallVector<StringRef> terms;
    left.split(terms, ',');
    if (terms.size() != c.inputCount())
      c.bad("the equation has {} terms for {} inputs", terms.size(), c.inputCount());
    std::vector<Labelled> operands;
    std::map<int, int> counts;
    int64_t ellipsis = 0;
    for (auto [i, term] : llvm::enumerate(terms)) {
      c.requireSameTypes(0, i);
      operands.push_back({c.in(i), parseLabels(c, term, c.rank(i))});
      for (auto [d, label] : llvm::enumerate(operands.back().labels)) {
        ++counts[label];
        if (label >= 256)
          ellipsis = std::max<int64_t>(ellipsis, label - 255);
        int64_t &extent = extents.try_emplace(label, 1).first->second;
        int64_t mine = c.shape(i)[d];
        if (mine != extent && mine != 1 && extent != 1)
          c.bad("a label has the extents {} and {}", extent, mine);
        extent = extent == 1 ? mine : extent;
      }
    }
    SmallVector<int> result;
    if (isExplicit) {
      int64_t rank = int64_t(right.size()) + (right.contains("...") ? ellipsis - 3 : 0);
      result = parseLabels(c, right, rank);
    } else { // ellipsis dimensions, then the labels that occur once
      for (int64_t k = ellipsis; k-- > 0;)
        result.push_back(256 + int(k));
      for (auto [label, count] : counts)
        if (label < 256 && count == 1)
          result.push_back(label);
    }
    for (int label : result)
      if (!extents.count(label) || llvm::count(result, label) != 1)
        c.bad("the result has a label twice, or one that no operand has");
    Labelled all = reduceAlone(operands[0], keptBy(operands, 1, result));
    for (size_t i = 1; i < operands.size(); ++i)
      all = multiply(all, operands[i],
                     i + 1 == operands.size() ? result : keptBy(operands, i + 1, result, &all, i));
    if (operands.size() == 1)
      all = reduceAlone(all, result);
    if (isFloat(c.dtype(0)))
      c.outFloat(all.value, c.dtype(0));
    else
      c.out(all.value, c.dtype(0));
  }

private:
  /// Labels needed after the first `done` operands: those of the others and of the result.
  SmallVector<int> keptBy(const std::vector<Labelled> &operands, size_t done, ArrayRef<int> result,
                          const Labelled *all = nullptr, size_t current = 0) {
    SmallVector<int> kept;
    auto consider = [&](ArrayRef<int> labels) {
      for (int label : labels) {
        bool needed = llvm::is_contained(result, label);
        for (size_t i = done; i < operands.size(); ++i)
          needed |= llvm::is_contained(operands[i].labels, label);
        if (needed && !llvm::is_contained(kept, label))
          kept.push_back(label);
      }
    };
    consider(all ? all->labels : operands[0].labels);
    if (all)
      consider(operands[current].labels);
    return kept;
  }

  SmallVector<AffineExpr> indicesOf(const Labelled &operand, ArrayRef<int> space) {
    SmallVector<AffineExpr> indices;
    for (auto [d, label] : llvm::enumerate(operand.labels))
      indices.push_back(c.shapeOf(operand.value)[d] == 1
                            ? c.number(0)
                            : c.dim(unsigned(llvm::find(space, label) - space.begin())));
    return indices;
  }

  Shape extentsOf(ArrayRef<int> labels) {
    Shape shape;
    for (int label : labels)
      shape.push_back(extents.at(label));
    return shape;
  }

  static SmallVector<int> withOthers(ArrayRef<int> kept, ArrayRef<int> labels) {
    SmallVector<int> space(kept);
    for (int label : labels)
      if (!llvm::is_contained(space, label))
        space.push_back(label);
    return space;
  }

  /// Diagonals, order and sums of one operand.
  Labelled reduceAlone(const Labelled &operand, ArrayRef<int> kept) {
    SmallVector<int> space = withOthers(kept, operand.labels);
    Value v = c.widen(operand.value);
    v = c.view(v, indicesOf(operand, space), extentsOf(space));
    Shape dims;
    for (size_t d = kept.size(); d < space.size(); ++d)
      dims.push_back(int64_t(d));
    return {c.reduce(ReduceKind::Add, v, dims), SmallVector<int>(kept)};
  }

  Labelled multiply(const Labelled &a, const Labelled &b, ArrayRef<int> kept) {
    SmallVector<int> space = withOthers(withOthers(kept, a.labels), b.labels);
    Labelled left = a, right = b;
    if (space.size() == kept.size()) { // nothing to sum: an element-wise product
      Shape shape = extentsOf(space);
      return {c.mul(c.view(c.widen(left.value), indicesOf(left, space), shape),
                    c.view(c.widen(right.value), indicesOf(right, space), shape)),
              SmallVector<int>(kept)};
    }
    right.value = c.elementOf(left.value) == c.elementOf(right.value) ? right.value : c.widen(right.value);
    left.value = c.elementOf(left.value) == c.elementOf(right.value) ? left.value : c.widen(left.value);
    return {c.contract(left.value, indicesOf(left, space), right.value, indicesOf(right, space),
                       extentsOf(space), int64_t(kept.size())),
            SmallVector<int>(kept)};
  }

  NodeContext &c;
  std::map<int, int64_t> extents;
};

void einsum(NodeContext &c) { Einsum(c).run(); }

} // namespace

void addMatmuls(HandlerTable &table) {
  table["MatMul"] = matmul;
  table["MatMulInteger"] = matmulInteger;
  table["QLinearMatMul"] = qlinearMatmul;
  table["Gemm"] = gemm;
  table["Einsum"] = einsum;
}

} // namespace tgc::onnx
