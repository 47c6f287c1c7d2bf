// A way through the space of schedules: proposes candidates, learns how long they took.
#pragma once
#include "search/strategies/Space.h"
#include <memory>

namespace tgc {

class Strategy {
public:
  virtual ~Strategy() = default;
  /// Up to `most` candidates that have not been proposed; none: the strategy has come to its end. All of them are
  /// learned before the next call.
  virtual std::vector<Candidate> propose(size_t most) = 0;
  /// Seconds of a proposed candidate; nothing if it failed.
  virtual void learn(const Candidate &candidate, std::optional<double> seconds) = 0;
};

/// What --search takes: NAME or NAME=NUMBER.
struct StrategyChoice {
  std::string name;   ///< "raw", "hc", "tc", "beam", "mcts"
  int64_t number = 0; ///< beam's width, mcts' trials; 0: the strategy's own
};
/// Throws tgc::Error (Usage).
StrategyChoice parseStrategy(const std::string &text);

/// Equal seeds and equal answers give equal proposals. Schedules known from elsewhere (`warm`: other versions' records)
/// are tried first.
std::unique_ptr<Strategy> makeStrategy(const StrategyChoice &choice, const Space &space, uint64_t seed,
                                       const std::vector<Schedule> &warm = {});
std::vector<std::string> strategyNames();
/// Whether it tries more than one schedule.
bool searches(const StrategyChoice &choice);

// One a file.
std::unique_ptr<Strategy> makeFixed(std::vector<Candidate> candidates);
std::unique_ptr<Strategy> makeBeam(const Space &space, int64_t width, uint64_t seed,
                                   std::vector<Candidate> seeds);
std::unique_ptr<Strategy> makeMcts(const Space &space, int64_t trials, uint64_t seed,
                                   std::vector<Candidate> seeds);

} // namespace tgc
