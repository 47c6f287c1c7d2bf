#include "compiler/kernel/evaluate/Reduce.h"

#include "compiler/kernel/Elements.h"

#include <limits>

using namespace mlir;
using namespace tgc::kernel;
using namespace tgc::kernel::evaluator;

namespace {

#if defined(__x86_64__) && defined(__gnu_linux__)
#define TGC_WIDE_VECTORS __attribute__((target_clones("arch=skylake-avx512", "arch=haswell", "default")))
#else
#define TGC_WIDE_VECTORS
#endif

/// c[m, n] += a[m, k] · b[k, n], all row-major and dense.
TGC_WIDE_VECTORS
void multiply(const double *a, const double *b, double *c, int64_t m, int64_t n, int64_t k) {
  constexpr int64_t depth = 128, width = 512;
  for (int64_t n0 = 0; n0 < n; n0 += width)
    for (int64_t k0 = 0; k0 < k; k0 += depth) {
      int64_t n1 = std::min(n, n0 + width), k1 = std::min(k, k0 + depth);
      int64_t i = 0;
      for (; i + 4 <= m; i += 4) {
        double *c0 = c + i * n, *c1 = c0 + n, *c2 = c1 + n, *c3 = c2 + n;
        for (int64_t x = k0; x < k1; ++x) {
          const double *row = b + x * n;
          double a0 = a[i * k + x], a1 = a[(i + 1) * k + x], a2 = a[(i + 2) * k + x], a3 = a[(i + 3) * k + x];
          for (int64_t j = n0; j < n1; ++j) {
            c0[j] += a0 * row[j];
            c1[j] += a1 * row[j];
            c2[j] += a2 * row[j];
            c3[j] += a3 * row[j];
          }
        }
      }
      for (; i < m; ++i)
        for (int64_t x = k0; x < k1; ++x) {
          double value = a[i * k + x];
          for (int64_t j = n0; j < n1; ++j)
            c[i * n + j] += value * b[x * n + j];
        }
    }
}

/// Cell offsets of every point of `axes` (in order, the last fastest), in one tensor.
std::vector<int64_t> offsetsOf(ArrayRef<unsigned> axes, const Box &box, const Tensor &tensor) {
  std::vector<int64_t> offsets{0};
  for (unsigned axis : axes) {
    std::vector<int64_t> next;
    next.reserve(offsets.size() * box.size[axis]);
    for (int64_t base : offsets)
      for (int64_t i = 0; i < box.size[axis]; ++i)
        next.push_back(base + i * tensor.stride[axis]);
    offsets = std::move(next);
  }
  return offsets;
}

bool has(const Tensor &tensor, unsigned axis) { return llvm::is_contained(tensor.axes, axis); }

/// Which axes of a contraction run where.
struct Sides {
  SmallVector<unsigned> both, left, right, reduced;
  int64_t repeats = 1; ///< product of the extents of reduced axes that neither operand has

  Sides(const Tensor &lhs, const Tensor &rhs, const Tensor &result, ArrayRef<unsigned> over, const Box &box) {
    for (unsigned axis : result.axes)
      (has(lhs, axis) ? has(rhs, axis) ? both : left : right).push_back(axis);
    for (unsigned axis : over)
      if (has(lhs, axis) || has(rhs, axis))
        reduced.push_back(axis);
      else
        repeats *= box.size[axis];
  }
};

std::vector<double> packed(const Tensor &tensor, int64_t base, ArrayRef<int64_t> rows,
                           ArrayRef<int64_t> columns, bool sizes) {
  std::vector<double> values(rows.size() * columns.size());
  double *out = values.data();
  for (int64_t row : rows)
    for (int64_t column : columns) {
      const Cell &cell = tensor.cells[base + row + column];
      *out++ = sizes ? cell.size() : cell.real;
    }
  return values;
}

bool lessUnsigned(int64_t a, int64_t b) { return uint64_t(a) < uint64_t(b); }

} // namespace

void tgc::kernel::evaluator::contract(const Tensor &lhs, const Tensor &rhs, ArrayRef<unsigned> over,
                                      const Box &box, bool scales, Type type, Tensor &result) {
  Sides sides(lhs, rhs, result, over, box);
  std::vector<int64_t> lhsBatch = offsetsOf(sides.both, box, lhs), rhsBatch = offsetsOf(sides.both, box, rhs);
  std::vector<int64_t> outBatch = offsetsOf(sides.both, box, result);
  std::vector<int64_t> lhsRows = offsetsOf(sides.left, box, lhs), lhsK = offsetsOf(sides.reduced, box, lhs);
  std::vector<int64_t> rhsK = offsetsOf(sides.reduced, box, rhs),
                       rhsColumns = offsetsOf(sides.right, box, rhs);
  std::vector<int64_t> outRows = offsetsOf(sides.left, box, result);
  std::vector<int64_t> outColumns = offsetsOf(sides.right, box, result);
  int64_t m = lhsRows.size(), n = rhsColumns.size(), k = lhsK.size();
  for (size_t batch = 0; batch < outBatch.size(); ++batch) {
    if (!isa<FloatType>(type)) {
      for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n; ++j) {
          uint64_t sum = 0;
          for (int64_t x = 0; x < k; ++x)
            sum += uint64_t(lhs.cells[lhsBatch[batch] + lhsRows[i] + lhsK[x]].integer) *
                   uint64_t(rhs.cells[rhsBatch[batch] + rhsK[x] + rhsColumns[j]].integer);
          result.cells[outBatch[batch] + outRows[i] + outColumns[j]] =
              Cell::ofInteger(wrapTo(int64_t(sum * uint64_t(sides.repeats)), type));
        }
      continue;
    }
    for (bool sizes : {false, true}) {
      if (sizes && !scales)
        continue;
      std::vector<double> product(m * n, 0.0);
      // The longer side runs along vectors.
      bool flipped = n < m && n < 16;
      if (flipped) {
        std::vector<double> a = packed(rhs, rhsBatch[batch], rhsColumns, rhsK, sizes);
        std::vector<double> b = packed(lhs, lhsBatch[batch], lhsK, lhsRows, sizes);
        multiply(a.data(), b.data(), product.data(), n, m, k);
      } else {
        std::vector<double> a = packed(lhs, lhsBatch[batch], lhsRows, lhsK, sizes);
        std::vector<double> b = packed(rhs, rhsBatch[batch], rhsK, rhsColumns, sizes);
        multiply(a.data(), b.data(), product.data(), m, n, k);
      }
      for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n; ++j) {
          Cell &cell = result.cells[outBatch[batch] + outRows[i] + outColumns[j]];
          double value = product[flipped ? j * m + i : i * n + j] * double(sides.repeats);
          if (sizes)
            cell.scale = value;
          else
            cell = Cell::ofReal(value);
        }
    }
  }
}

void tgc::kernel::evaluator::reduce(const Tensor &source, ReduceKind kind, bool isUnsigned,
                                    ArrayRef<unsigned> over, const Box &box, Type sourceType, Type resultType,
                                    Tensor &result) {
  bool real = isa<FloatType>(sourceType);
  bool index = kind == ReduceKind::ArgMax || kind == ReduceKind::ArgMin;
  bool greatest = kind == ReduceKind::Max || kind == ReduceKind::ArgMax;
  int64_t repeats = 1;
  for (unsigned axis : over)
    if (!has(source, axis))
      repeats *= box.size[axis];
  // a stands before b: it is more extreme, or NaN, which is the extreme of all.
  auto before = [&](const Cell &a, const Cell &b) {
    if (real)
      return std::isnan(b.real) ? false
                                : std::isnan(a.real) || (greatest ? a.real > b.real : a.real < b.real);
    bool less = isUnsigned ? lessUnsigned(a.integer, b.integer) : a.integer < b.integer;
    bool more = isUnsigned ? lessUnsigned(b.integer, a.integer) : b.integer < a.integer;
    return greatest ? more : less;
  };
  Cell start =
      real ? Cell::ofReal(kind == ReduceKind::Mul ? 1 : 0) : Cell::ofInteger(kind == ReduceKind::Mul ? 1 : 0);
  std::vector<char> seen(result.cells.size(), 0);
  std::vector<Cell> best(index ? result.cells.size() : 0);
  for (Cell &cell : result.cells)
    cell = start;
  std::optional<unsigned> inner;
  if (!source.axes.empty())
    inner = source.axes.back();
  forEachRow(source, [&](ArrayRef<int64_t> coordinates, int64_t first) {
    int64_t out = cellAt(result, coordinates), step = inner ? result.stride[*inner] : 0;
    int64_t position = index && has(source, over[0]) ? coordinates[over[0]] : 0;
    int64_t positionStep = index && inner && *inner == over[0] ? 1 : 0;
    for (int64_t i = 0; i < source.rowLength(); ++i, out += step, position += positionStep) {
      const Cell &cell = source.cells[first + i];
      Cell &sum = result.cells[out];
      switch (kind) {
      case ReduceKind::Add:
        if (real) {
          sum.real += cell.real;
          sum.scale += cell.size();
        } else {
          sum.integer = int64_t(uint64_t(sum.integer) + uint64_t(cell.integer));
        }
        break;
      case ReduceKind::Mul:
        if (real) {
          // An error of one factor counts times all others.
          sum.scale = sum.scale * std::abs(cell.real) + std::abs(sum.real) * cell.size();
          sum.real *= cell.real;
        } else {
          sum.integer = int64_t(uint64_t(sum.integer) * uint64_t(cell.integer));
        }
        break;
      case ReduceKind::Max:
      case ReduceKind::Min: {
        double scale = seen[out] && real ? std::max(sum.scale, cell.scale) : cell.scale;
        if (!seen[out] || before(cell, sum))
          sum = cell;
        sum.scale = scale;
        break;
      }
      case ReduceKind::ArgMax:
      case ReduceKind::ArgMin:
        if (!seen[out] || before(cell, best[out])) {
          best[out] = cell;
          sum = Cell::ofInteger(position);
        }
        break;
      }
      seen[out] = 1;
    }
  });
  for (Cell &cell : result.cells) {
    if (repeats != 1 && kind == ReduceKind::Add) {
      if (real)
        cell = Cell::ofReal(cell.real * double(repeats), cell.scale * double(repeats));
      else
        cell.integer = int64_t(uint64_t(cell.integer) * uint64_t(repeats));
    } else if (repeats != 1 && kind == ReduceKind::Mul) {
      Cell factor = cell;
      for (int64_t i = 1; i < repeats; ++i)
        if (real)
          cell = Cell::ofReal(cell.real * factor.real,
                              cell.scale * std::abs(factor.real) + std::abs(cell.real) * factor.scale);
        else
          cell.integer = int64_t(uint64_t(cell.integer) * uint64_t(factor.integer));
    }
    if (!real || index)
      cell.integer = wrapTo(cell.integer, resultType);
  }
}

void tgc::kernel::evaluator::moments(const Tensor &source, ArrayRef<unsigned> over, Tensor &mean,
                                     Tensor &variance) {
  double count = double(source.cells.size()) / double(mean.cells.size());
  std::optional<unsigned> inner;
  if (!source.axes.empty())
    inner = source.axes.back();
  auto accumulate = [&](auto add) {
    forEachRow(source, [&](ArrayRef<int64_t> coordinates, int64_t first) {
      int64_t out = cellAt(mean, coordinates), step = inner ? mean.stride[*inner] : 0;
      for (int64_t i = 0; i < source.rowLength(); ++i, out += step)
        add(source.cells[first + i], out);
    });
  };
  for (Tensor *tensor : {&mean, &variance})
    for (Cell &cell : tensor->cells)
      cell = Cell::ofReal(0);
  accumulate([&](const Cell &cell, int64_t out) {
    mean.cells[out].real += cell.real;
    mean.cells[out].scale += cell.size();
  });
  for (Cell &cell : mean.cells)
    cell = Cell::ofReal(cell.real / count, cell.scale / count);
  accumulate([&](const Cell &cell, int64_t out) {
    double distance = cell.real - mean.cells[out].real;
    variance.cells[out].real += distance * distance;
    variance.cells[out].scale +=
        distance * distance + 2 * std::abs(distance) * (cell.scale + mean.cells[out].scale);
  });
  for (Cell &cell : variance.cells)
    cell = Cell::ofReal(cell.real / count, cell.scale / count);
}

void tgc::kernel::evaluator::softmaxWeights(const Tensor &source, ArrayRef<unsigned> over, Tensor &result) {
  // Rows of the softmax are numbered by the axes of `result` that are not reduced.
  llvm::SmallBitVector kept(result.stride.size());
  Box box{SmallVector<int64_t>(result.stride.size(), 0), SmallVector<int64_t>(result.stride.size(), 1)};
  for (auto [axis, low, size] : llvm::zip(result.axes, result.low, result.size)) {
    box.low[axis] = low;
    box.size[axis] = size;
    if (!llvm::is_contained(over, axis))
      kept.set(axis);
  }
  Tensor greatest(kept, box), sums(kept, box), errors(kept, box);
  for (size_t i = 0; i < sums.cells.size(); ++i) {
    greatest.cells[i] = Cell::ofReal(-std::numeric_limits<double>::infinity());
    sums.cells[i] = errors.cells[i] = Cell::ofReal(0);
  }
  std::optional<unsigned> inner;
  if (!result.axes.empty())
    inner = result.axes.back();
  auto forEach = [&](auto body) {
    forEachRow(result, [&](ArrayRef<int64_t> coordinates, int64_t first) {
      int64_t in = cellAt(source, coordinates), inStep = inner ? source.stride[*inner] : 0;
      int64_t row = cellAt(sums, coordinates), rowStep = inner ? sums.stride[*inner] : 0;
      for (int64_t i = 0; i < result.rowLength(); ++i, in += inStep, row += rowStep)
        body(source.cells[in], row, result.cells[first + i]);
    });
  };
  // fmax takes the number where the other is NaN; the sum still sees it.
  forEach([&](const Cell &cell, int64_t row, Cell &) {
    greatest.cells[row].real = std::fmax(greatest.cells[row].real, cell.real);
  });
  forEach([&](const Cell &cell, int64_t row, Cell &out) {
    out = Cell::ofReal(std::exp(cell.real - greatest.cells[row].real), cell.scale);
    sums.cells[row].real += out.real;
    errors.cells[row].real += out.real * cell.scale;
  });
  // d p = p (d t - Σ p d t)
  forEach([&](const Cell &, int64_t row, Cell &out) {
    double total = sums.cells[row].real, value = out.real / total;
    out = Cell::ofReal(value, value * (out.scale + errors.cells[row].real / total));
  });
}
