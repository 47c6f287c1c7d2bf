// Beam search.
// 1. The seeds are measured.
// 2. The best `width` schedules that have not been expanded are expanded: of each one's neighbours those are tried that
//    are new, could still beat the best, and that the guess puts first, with some at random.
// 3. Over when as many rounds as it is patient brought nothing better, or nothing is left to expand. A round that
//    brings nothing better is not the end: behind a flat step the way may go on.
#include "search/strategies/Strategy.h"

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <tuple>

namespace tgc {
namespace {

constexpr size_t perMember = 10;  // neighbours tried of one schedule in one round
constexpr int patience = 10;      // rounds without an improvement
constexpr double hopeless = 3;    // times the schedule's own guess

class Beam : public Strategy {
public:
  Beam(const Space &space, size_t width, uint64_t seed, std::vector<Candidate> seeds)
      : space(space), width(width), random(seed) {
    for (Candidate &candidate : seeds)
      if (seen.insert(candidate.plan).second)
        waiting.push_back(std::move(candidate));
  }

  std::vector<Candidate> propose(size_t most) override {
    while (waiting.empty())
      if (!expand())
        return {};
    std::vector<Candidate> next;
    while (next.size() < most && !waiting.empty()) {
      next.push_back(std::move(waiting.front()));
      waiting.pop_front();
    }
    return next;
  }

  void learn(const Candidate &candidate, std::optional<double> seconds) override {
    if (!seconds)
      return;
    measured.push_back({candidate, *seconds, false});
    // Less than this is noise.
    if (best == 0 || *seconds < best * 0.99)
      flat = 0;
    best = best == 0 ? *seconds : std::min(best, *seconds);
  }

private:
  struct Member {
    Candidate candidate;
    double seconds;
    bool expanded;
  };

  /// Fills `waiting`; false at the end.
  bool expand() {
    if (flat++ >= patience)
      return false;
    std::sort(measured.begin(), measured.end(), [](const Member &a, const Member &b) {
      return std::tie(a.seconds, a.candidate.text) < std::tie(b.seconds, b.candidate.text);
    });
    size_t taken = 0;
    for (Member &member : measured) {
      if (taken == width)
        break;
      if (member.expanded)
        continue;
      member.expanded = true;
      ++taken;
      std::vector<Candidate> neighbours = space.neighbours(member.candidate.schedule);
      std::erase_if(neighbours, [&](const Candidate &next) {
        return next.bound > best || next.guess > hopeless * member.candidate.guess || seen.count(next.plan);
      });
      // Half by guess, the rest as they come.
      std::shuffle(neighbours.begin(), neighbours.end(), random);
      size_t half = std::min(perMember / 2, neighbours.size());
      std::partial_sort(neighbours.begin(), neighbours.begin() + std::ptrdiff_t(half), neighbours.end(),
                        [](const Candidate &a, const Candidate &b) { return a.guess < b.guess; });
      if (neighbours.size() > perMember) {
        // What is left for another round: the member may be expanded again.
        member.expanded = false;
        neighbours.resize(perMember);
      }
      for (Candidate &next : neighbours)
        if (seen.insert(next.plan).second)
          waiting.push_back(std::move(next));
    }
    return taken > 0;
  }

  const Space &space;
  size_t width;
  std::mt19937_64 random;
  std::deque<Candidate> waiting;
  std::vector<Member> measured;
  std::set<uint64_t> seen;
  double best = 0;
  int flat = 0;
};

} // namespace

std::unique_ptr<Strategy> makeBeam(const Space &space, int64_t width, uint64_t seed, std::vector<Candidate> seeds) {
  return std::make_unique<Beam>(space, width > 0 ? size_t(width) : 4, seed, std::move(seeds));
}

} // namespace tgc
