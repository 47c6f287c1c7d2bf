// Beam search.
// 1. The first seeds are measured.
// 2. The `width` best schedules that have untried neighbours are the beam. Tried next, a few at a time, are those of
//    their neighbours and of the other seeds that are new, could still beat the best, and that the surrogate puts
//    first; some at random.
// 3. Over when as many trials as it is patient brought nothing better, or nothing is left to try. A few trials that
//    bring nothing better are not the end: behind a flat step the way may go on.
#include "search/strategies/Strategy.h"
#include "search/strategies/Surrogate.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace tgc {
namespace {

constexpr size_t patience = 100;  // trials without an improvement, for each place of the beam
constexpr double hopeless = 3;    // times the schedule's own guess
constexpr size_t oneAtRandom = 8; // of so many

class Beam : public Strategy {
public:
  Beam(const Space &space, size_t width, uint64_t seed, std::vector<Candidate> seeds)
      : space(space), width(width), random(seed) {
    std::set<uint64_t> plans;
    for (Candidate &candidate : seeds)
      if (plans.insert(candidate.plan).second)
        (candidate.first ? first : others).push_back(std::move(candidate));
  }

  std::vector<Candidate> propose(size_t most) override {
    std::vector<Candidate> next;
    for (; next.size() < most && !first.empty(); first.erase(first.begin()))
      take(first.front(), next);
    if (!next.empty())
      return next;
    if (flat >= patience * width)
      return {};
    std::vector<Candidate> pool = untried();
    size_t drawn = 0;
    for (size_t i = 0; i < most; ++i)
      drawn += random() % oneAtRandom == 0;
    drawn = std::min(drawn, pool.size());
    for (size_t i = 0; i < drawn; ++i) {
      size_t at = random() % pool.size();
      take(pool[at], next);
      pool.erase(pool.begin() + std::ptrdiff_t(at));
    }
    for (size_t at : surrogate.choose(pool, most - next.size()))
      take(pool[at], next);
    return next;
  }

  void learn(const Candidate &candidate, std::optional<double> seconds) override {
    surrogate.learn(candidate, seconds);
    ++flat;
    if (!seconds)
      return;
    measured.push_back({candidate, *seconds});
    // Less than this is noise.
    if (best == 0 || *seconds < best * 0.99)
      flat = 0;
    best = best == 0 ? *seconds : std::min(best, *seconds);
  }

private:
  struct Member {
    Candidate candidate;
    double seconds;
  };

  void take(const Candidate &candidate, std::vector<Candidate> &next) {
    tried.insert(candidate.plan);
    next.push_back(candidate);
  }

  /// What may be tried next: neighbours of the beam, and seeds.
  std::vector<Candidate> untried() {
    std::vector<Candidate> pool;
    std::set<uint64_t> plans = tried;
    auto add = [&](const std::vector<Candidate> &candidates) {
      size_t before = pool.size();
      for (const Candidate &next : candidates)
        if ((best == 0 || next.bound <= best) && plans.insert(next.plan).second)
          pool.push_back(next);
      return pool.size() > before;
    };
    add(others);
    std::sort(measured.begin(), measured.end(), [](const Member &a, const Member &b) {
      return std::tie(a.seconds, a.candidate.text) < std::tie(b.seconds, b.candidate.text);
    });
    size_t members = 0;
    for (const Member &member : measured) {
      if (members == width)
        break;
      members += add(neighboursOf(member.candidate));
    }
    return pool;
  }

  const std::vector<Candidate> &neighboursOf(const Candidate &candidate) {
    auto [known, isNew] = neighbours.try_emplace(candidate.plan);
    if (isNew) {
      known->second = space.neighbours(candidate.schedule);
      std::erase_if(known->second,
                    [&](const Candidate &next) { return next.guess > hopeless * candidate.guess; });
    }
    return known->second;
  }

  const Space &space;
  size_t width;
  std::mt19937_64 random;
  std::vector<Candidate> first, others;
  std::vector<Member> measured;
  std::map<uint64_t, std::vector<Candidate>> neighbours; ///< by plan
  std::set<uint64_t> tried;
  Surrogate surrogate;
  double best = 0;
  size_t flat = 0;
};

} // namespace

std::unique_ptr<Strategy> makeBeam(const Space &space, int64_t width, uint64_t seed,
                                   std::vector<Candidate> seeds) {
  return std::make_unique<Beam>(space, width > 0 ? size_t(width) : 4, seed, std::move(seeds));
}

} // namespace tgc
