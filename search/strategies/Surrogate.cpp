// 1. A schedule's features: for every option and axis (or buffer) that its text names the logarithm of the number, or the
//    word; factors of one option and axis are multiplied. The guess is one more.
// 2. Covariance: the exponential of minus half the squared distance, which grows with ratios of numbers, different words,
//    and uses that one of the two lacks. Far apart is far apart: a single number adds only so much.
// 3. Expectation: a line through the guesses' logarithms, whose slope is learnt and begins in the middle.
// 4. The next candidate has the least mean less a part of the deviation; it joins the points with its mean.
#include "search/strategies/Surrogate.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

namespace tgc {
namespace {

constexpr double numberScale = 4;  ///< squared binary logarithms of numbers that count as one step
constexpr double mostOfNumber = 9; ///< steps
constexpr double ofWord = 1, ofLack = 1;
constexpr double noise = 0.4;          ///< of measurements, as a part of the values' deviation
constexpr double leastDeviation = 0.1; ///< of logarithms
constexpr double firstDeviation = 0.5; ///< with one point alone
constexpr double curiosity = 0.3;      ///< deviations
constexpr size_t mostPoints = 160;

uint64_t hashOf(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (unsigned char c : text)
    hash = (hash ^ c) * 0x100000001b3;
  return hash;
}

/// Splits "n48k" into the number and the word around it.
std::pair<std::optional<double>, std::string> numberIn(std::string_view text) {
  size_t begin = text.find_first_of("0123456789");
  if (begin == std::string_view::npos)
    return {std::nullopt, std::string(text)};
  size_t end = std::min(text.find_first_not_of("0123456789", begin), text.size());
  double number = 0;
  std::from_chars(text.data() + begin, text.data() + end, number);
  return {number > 0 ? std::log2(number) : 0,
          std::string(text.substr(0, begin)) + std::string(text.substr(end))};
}

} // namespace

struct Surrogate::Fit {
  std::vector<Point> points;
  double offset = 0, slope = 0, scale = 1;
  std::vector<std::vector<double>> factor; ///< lower triangle of the covariance's
  std::vector<double> reduced;             ///< residuals, solved by the factor

  /// A candidate's covariances with the points, solved by the factor: as many of them as there were points.
  struct Seen {
    std::vector<double> solved;
    double mean = 0, explained = 0;
  };
  void see(const Features &features, Seen &seen) const {
    for (size_t i = seen.solved.size(); i < factor.size(); ++i) {
      const std::vector<double> &row = factor[i];
      double known = std::inner_product(seen.solved.begin(), seen.solved.end(), row.begin(), 0.0);
      double value = (covariance(features, points[i].features) - known) / row[i];
      seen.solved.push_back(value);
      seen.mean += value * reduced[i];
      seen.explained += value * value;
    }
  }
  double expected(double guess) const { return offset + slope * guess; }
  double meanOf(const Seen &seen, double guess) const { return expected(guess) + scale * seen.mean; }
  double deviationOf(const Seen &seen) const { return scale * std::sqrt(std::max(0.0, 1 - seen.explained)); }

  void add(const Point &point) {
    Seen seen;
    see(point.features, seen);
    double rest = std::sqrt(std::max(1e-9, 1 + noise * noise - seen.explained));
    double residual = (point.value - expected(point.guess)) / scale;
    seen.solved.push_back(rest);
    factor.push_back(std::move(seen.solved));
    reduced.push_back((residual - seen.mean) / rest);
    points.push_back(point);
  }
};

void Surrogate::learn(const Candidate &candidate, std::optional<double> seconds) {
  double value = 0;
  if (seconds && *seconds > 0)
    value = std::log(*seconds);
  else if (points.empty())
    return;
  else
    value = std::max_element(points.begin(), points.end(), [](const Point &a, const Point &b) {
              return a.value < b.value;
            })->value;
  points.push_back(pointOf(candidate));
  points.back().value = value;
  current = nullptr;
}

Surrogate::Point Surrogate::pointOf(const Candidate &candidate) {
  return {featuresOf(candidate), std::log(std::max(candidate.guess, 1e-9)), 0};
}

Surrogate::Features Surrogate::featuresOf(const Candidate &candidate) {
  Features features;
  auto add = [&](std::string_view name, std::optional<double> number, std::string_view word) {
    uint64_t key = hashOf(name) * 2 + (number ? 1 : 0);
    auto known = std::find_if(features.begin(), features.end(),
                              [&](const Feature &feature) { return feature.key == key; });
    if (known == features.end())
      features.push_back({key, number.has_value(), number.value_or(0), hashOf(word)});
    else if (number)
      known->number += *number;
  };
  const std::string &text = candidate.text;
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find(' ', at), text.size());
    std::string_view use(text.data() + at, end - at);
    at = end + 1;
    size_t open = use.find('(');
    if (open == std::string_view::npos || use.back() != ')') {
      add(use, std::nullopt, "");
      continue;
    }
    std::string_view arguments = use.substr(open + 1, use.size() - open - 2);
    // The axis or buffer belongs to the name, unless there is nothing else.
    size_t comma = arguments.rfind(',');
    std::string_view value = comma == std::string_view::npos ? arguments : arguments.substr(comma + 1);
    std::string_view name =
        comma == std::string_view::npos ? use.substr(0, open) : use.substr(0, open + 1 + comma);
    auto [number, word] = numberIn(value);
    if (number)
      add(name, number, "");
    if (!number || !word.empty())
      add(name, std::nullopt, word);
  }
  add("guess", 2 * std::log(std::max(candidate.guess, 1e-9)), "");
  std::sort(features.begin(), features.end(),
            [](const Feature &a, const Feature &b) { return a.key < b.key; });
  return features;
}

double Surrogate::covariance(const Features &a, const Features &b) {
  double distance = 0;
  size_t i = 0, j = 0;
  while (i < a.size() || j < b.size()) {
    if (j == b.size() || (i < a.size() && a[i].key < b[j].key)) {
      distance += ofLack;
      ++i;
    } else if (i == a.size() || b[j].key < a[i].key) {
      distance += ofLack;
      ++j;
    } else {
      double apart = a[i].number - b[j].number;
      distance += a[i].isNumber ? std::min(apart * apart / numberScale, mostOfNumber)
                                : (a[i].word == b[j].word ? 0 : ofWord);
      ++i;
      ++j;
    }
  }
  return std::exp(-distance / 2);
}

const Surrogate::Fit &Surrogate::fit() const {
  if (current)
    return *current;
  std::vector<Point> used = points;
  if (used.size() > mostPoints) {
    // The best say where to go, the last where one is.
    auto last = used.end() - std::ptrdiff_t(mostPoints / 4);
    std::sort(used.begin(), last, [](const Point &a, const Point &b) { return a.value < b.value; });
    used.erase(used.begin() + std::ptrdiff_t(mostPoints - mostPoints / 4), last);
  }
  auto fit = std::make_shared<Fit>();
  double count = double(std::max<size_t>(used.size(), 1)), values = 0, guesses = 0;
  for (const Point &point : used) {
    values += point.value / count;
    guesses += point.guess / count;
  }
  double along = 0.5, across = 1; // half a slope, as sure as a deviation of 1 would make it
  for (const Point &point : used) {
    along += (point.guess - guesses) * (point.value - values);
    across += (point.guess - guesses) * (point.guess - guesses);
  }
  fit->slope = std::clamp(along / across, 0.0, 1.0);
  fit->offset = values - fit->slope * guesses;
  double squares = 0;
  for (const Point &point : used) {
    double apart = point.value - fit->expected(point.guess);
    squares += apart * apart / count;
  }
  fit->scale = used.size() > 1 ? std::max(leastDeviation, std::sqrt(squares)) : firstDeviation;
  for (const Point &point : used)
    fit->add(point);
  current = fit;
  return *current;
}

double Surrogate::expected(const Candidate &candidate) const {
  Point point = pointOf(candidate);
  Fit::Seen seen;
  fit().see(point.features, seen);
  return std::exp(fit().meanOf(seen, point.guess));
}

std::vector<size_t> Surrogate::choose(const std::vector<Candidate> &among, size_t most) const {
  Fit growing = fit();
  std::vector<Point> candidates;
  for (const Candidate &candidate : among)
    candidates.push_back(pointOf(candidate));
  std::vector<Fit::Seen> seen(among.size());
  std::vector<char> taken(among.size());
  std::vector<size_t> chosen;
  while (chosen.size() < std::min(most, among.size())) {
    size_t best = among.size();
    double least = 0;
    for (size_t i = 0; i < among.size(); ++i) {
      if (taken[i])
        continue;
      growing.see(candidates[i].features, seen[i]);
      candidates[i].value = growing.meanOf(seen[i], candidates[i].guess);
      double score = candidates[i].value - curiosity * growing.deviationOf(seen[i]);
      if (best == among.size() || score < least) {
        best = i;
        least = score;
      }
    }
    taken[best] = 1;
    chosen.push_back(best);
    growing.add(candidates[best]);
  }
  return chosen;
}

} // namespace tgc
