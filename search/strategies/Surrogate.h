// What the measured schedules of a kernel say of others: which to try next.
#pragma once
#include "search/strategies/Space.h"
#include <memory>

namespace tgc {

/// A Gaussian process over schedules. Two schedules are the closer the more of their options' uses they have in common;
/// numbers count by their ratio. Expected without measurements: the guess.
class Surrogate {
public:
  /// Nothing: it failed, which counts as slow as the slowest.
  void learn(const Candidate &candidate, std::optional<double> seconds);
  bool empty() const { return points.empty(); }

  /// Seconds, as expected.
  double expected(const Candidate &candidate) const;

  /// Positions of up to `most` of them, best first. Each choice counts as known while the next is made, so that they
  /// differ from each other.
  std::vector<size_t> choose(const std::vector<Candidate> &among, size_t most) const;

private:
  /// One use of an option, or several of one axis: a number's logarithm, or a word.
  struct Feature {
    uint64_t key;
    bool isNumber;
    double number;
    uint64_t word;
  };
  using Features = std::vector<Feature>; // by key
  struct Point {
    Features features;
    double guess, value; ///< logarithms
  };
  struct Fit; ///< the process with some points

  static Point pointOf(const Candidate &candidate);
  static Features featuresOf(const Candidate &candidate);
  static double covariance(const Features &a, const Features &b);
  const Fit &fit() const;

  std::vector<Point> points;
  mutable std::shared_ptr<const Fit> current; ///< of `points`; null: there are new ones
};

} // namespace tgc
