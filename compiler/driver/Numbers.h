// Arrays of any element type as doubles and back, for random data and comparisons.
#pragma once
#include "runtime/io/Npy.h"

namespace tgc::driver {

std::vector<double> toDoubles(const runtime::Array &array);
/// Rounds to nearest even; integers are truncated towards zero.
runtime::Array fromDoubles(const std::vector<double> &values, runtime::DType dtype,
                           const runtime::Shape &shape);

/// How far an output is from its reference.
struct Difference {
  double maxError = 0; ///< largest |a - b|, infinite where NaN or infinities disagree
  double scale = 0;    ///< largest finite |reference|
  size_t at = 0;       ///< element of the largest error
  /// maxError over scale, or maxError itself where the reference is all zero.
  double relative() const { return scale > 0 ? maxError / scale : maxError; }
};
Difference compare(const std::vector<double> &values, const std::vector<double> &reference);

} // namespace tgc::driver
