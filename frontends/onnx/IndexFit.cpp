// A sequence is tried as a·i + b, then, its common factor taken out, as floor((p·i + b) / q) with a small q,
// then by its period. A table of several dimensions is tried as a sum of one sequence per dimension, taken
// along the table's edges and then checked at every point.
#include "frontends/onnx/IndexFit.h"

#include "llvm/ADT/SmallVector.h"
#include <cmath>
#include <numeric>

using namespace mlir;

namespace tgc::onnx {

constexpr int64_t kMaxDivisor = 32;

static int64_t floorDiv(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a % b < 0) != (b < 0)); }

static std::optional<AffineExpr> fitSequence(AffineExpr i, ArrayRef<int64_t> values) {
  int64_t n = int64_t(values.size());
  MLIRContext *context = i.getContext();
  if (n == 1)
    return getAffineConstantExpr(values[0], context);
  auto holds = [&](auto &&form) {
    // The end first: most wrong forms fail there.
    for (int64_t k = n; k-- > 0;)
      if (form(k) != values[k])
        return false;
    return true;
  };
  int64_t step = values[1] - values[0];
  if (holds([&](int64_t k) { return values[0] + step * k; }))
    return i * step + values[0];
  int64_t common = 0;
  for (int64_t value : values)
    common = std::gcd(common, value - values[0]);
  if (common > 1) {
    SmallVector<int64_t> reduced;
    for (int64_t value : values)
      reduced.push_back((value - values[0]) / common);
    if (std::optional<AffineExpr> expr = fitSequence(i, reduced))
      return *expr * common + values[0];
    return std::nullopt;
  }
  for (int64_t q = 2; q <= std::min(kMaxDivisor, n); ++q) {
    int64_t slope = int64_t(std::llround(double(values[n - 1] - values[0]) * double(q) / double(n - 1)));
    for (int64_t p = slope - 1; p <= slope + 1; ++p)
      for (int64_t b = 0; p != 0 && b < q; ++b) {
        int64_t base = values[0]; // floor(b / q) is 0
        if (holds([&](int64_t k) { return base + floorDiv(p * k + b, q); }))
          return (i * p + (b + base * q)).floorDiv(q);
      }
  }
  for (int64_t period = 2; period <= n / 2; ++period)
    if (values[period] == values[0] && holds([&](int64_t k) { return values[k % period]; }))
      return fitSequence(i % period, values.take_front(period));
  return std::nullopt;
}

std::optional<AffineExpr> fitIndex(ArrayRef<AffineExpr> dims, ArrayRef<int64_t> values,
                                   ArrayRef<int64_t> shape) {
  if (values.empty())
    return std::nullopt;
  if (shape.empty()) {
    if (dims.empty())
      return std::nullopt;
    return getAffineConstantExpr(values[0], dims[0].getContext());
  }
  AffineExpr sum = getAffineConstantExpr(values[0], dims[0].getContext());
  SmallVector<SmallVector<int64_t>> edges;
  int64_t stride = int64_t(values.size());
  for (size_t d = 0; d < shape.size(); ++d) {
    stride /= shape[d];
    SmallVector<int64_t> edge;
    for (int64_t k = 0; k < shape[d]; ++k)
      edge.push_back(values[k * stride] - values[0]);
    std::optional<AffineExpr> expr = fitSequence(dims[d], edge);
    if (!expr)
      return std::nullopt;
    sum = sum + *expr;
    edges.push_back(std::move(edge));
  }
  SmallVector<int64_t> point(shape.size(), 0);
  for (int64_t value : values) {
    int64_t expected = values[0];
    for (size_t d = 0; d < shape.size(); ++d)
      expected += edges[d][point[d]];
    if (value != expected)
      return std::nullopt;
    for (size_t d = shape.size(); d-- > 0 && ++point[d] == shape[d];)
      point[d] = 0;
  }
  return sum;
}

std::optional<std::vector<IndexSegment>> fitSegments(AffineExpr dim, ArrayRef<int64_t> values, size_t most) {
  std::vector<IndexSegment> segments;
  int64_t n = int64_t(values.size());
  for (int64_t start = 0; start < n;) {
    if (segments.size() == most)
      return std::nullopt;
    // All that is left but a short tail, else the affine run from here.
    std::optional<AffineExpr> expr;
    int64_t length = 0;
    for (int64_t tail = 0; tail <= 8 && n - start - tail > 2 && !expr; ++tail) {
      length = n - start - tail;
      expr = fitSequence(dim - start, values.slice(start, length));
    }
    if (!expr) {
      length = std::min<int64_t>(2, n - start);
      int64_t step = length == 2 ? values[start + 1] - values[start] : 0;
      while (start + length < n && values[start + length] == values[start] + step * length)
        ++length;
      // Two values with a jump between them are rarely a run: the second may start the next one.
      if (length == 2 && start + 2 < n && step != 0 && step != 1)
        length = 1;
      expr = fitSequence(dim - start, values.slice(start, length));
    }
    segments.push_back({start, length, *expr});
    start += length;
  }
  return segments;
}

} // namespace tgc::onnx
