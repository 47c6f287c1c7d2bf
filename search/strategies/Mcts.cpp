// Monte Carlo tree search.
// 1. A node is a plan; the root's children are the seeds. Schedules that come to one plan are one node, so a node may
//    be reached on several ways. The first seeds are measured before anything else.
// 2. Down the tree by upper confidence bounds with a prior from what the surrogate expects. A node's children are opened
//    one by one as its visits grow.
// 3. From a newly opened node a playout of up to three more steps, drawn by the prior; its end is measured. What is
//    already known is not measured again, and counts at once.
// 4. The reward is the best seed's time over the candidate's, and goes to all nodes on the way; a failure is 0.
//    Candidates under way count as failures, so that one batch goes several ways.
#include "search/strategies/Strategy.h"
#include "search/strategies/Surrogate.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace tgc {
namespace {

constexpr double exploration = 0.6;
constexpr double sharpness = 4; // a candidate expected to take 1.2 times as long is half as likely

struct Node {
  Candidate candidate;
  std::vector<Candidate> closed; ///< children not yet opened
  std::vector<uint64_t> open;
  bool expanded = false;
  double visits = 0, reward = 0;
};

class Mcts : public Strategy {
public:
  Mcts(const Space &space, int64_t trials, uint64_t seed, std::vector<Candidate> seeds)
      : space(space), left(trials), random(seed) {
    for (Candidate &candidate : seeds)
      if (nodes.emplace(candidate.plan, Node{candidate, {}, {}, false, 0, 0}).second) {
        roots.push_back(candidate.plan);
        if (candidate.first)
          unmeasured.push_back(candidate.plan);
      }
  }

  std::vector<Candidate> propose(size_t most) override {
    std::vector<Candidate> next;
    auto add = [&](const Candidate &candidate, std::vector<uint64_t> path) {
      known.emplace(candidate.plan, 0);
      for (uint64_t plan : path)
        nodes.at(plan).visits += 1;
      paths[candidate.plan] = std::move(path);
      next.push_back(candidate);
      --left;
    };
    for (; next.size() < most && !unmeasured.empty() && left > 0; unmeasured.erase(unmeasured.begin()))
      add(nodes.at(unmeasured.front()).candidate, {unmeasured.front()});
    // The first rewards are needed before the tree says anything.
    for (size_t i = 0; best == 0 && next.empty() && i < roots.size() && left > 0; ++i)
      if (!known.count(roots[i]))
        add(nodes.at(roots[i]).candidate, {roots[i]});
    if (!next.empty() || best == 0)
      return next;
    for (int attempts = 0; next.size() < most && left > 0 && attempts < 200; ++attempts) {
      std::vector<uint64_t> path;
      Candidate end = playOut(path);
      if (auto found = known.find(end.plan); found != known.end()) {
        for (uint64_t plan : path) {
          nodes.at(plan).visits += 1;
          nodes.at(plan).reward += found->second;
        }
        continue;
      }
      if (end.bound > best) {
        known.emplace(end.plan, 0);
        continue;
      }
      add(end, std::move(path));
    }
    return next;
  }

  void learn(const Candidate &candidate, std::optional<double> seconds) override {
    if (seconds && (best == 0 || *seconds < best))
      best = *seconds;
    if (seconds && std::find(roots.begin(), roots.end(), candidate.plan) != roots.end())
      reference = reference == 0 ? *seconds : std::min(reference, *seconds);
    double reward = seconds ? rewardOf(*seconds) : 0;
    surrogate.learn(candidate, seconds);
    priors.clear();
    known[candidate.plan] = reward;
    for (uint64_t plan : paths[candidate.plan])
      nodes.at(plan).reward += reward;
    paths.erase(candidate.plan);
  }

private:
  /// Walks down, opens a node, plays on; `path` gets the nodes that the result counts for.
  Candidate playOut(std::vector<uint64_t> &path) {
    uint64_t at = choose(roots, double(total(roots)));
    path.push_back(at);
    if (!known.count(at))
      return nodes.at(at).candidate;
    for (int depth = 0; depth < 12; ++depth) {
      Node &node = nodes.at(at);
      expand(node);
      bool widen = !node.closed.empty() && double(node.open.size()) < 1 + std::sqrt(node.visits);
      if (!widen && node.open.empty())
        break;
      if (widen) {
        Candidate opened = draw(node.closed);
        uint64_t plan = opened.plan;
        node.open.push_back(plan);
        nodes.emplace(plan, Node{opened, {}, {}, false, 0, 0});
        if (std::find(path.begin(), path.end(), plan) == path.end())
          path.push_back(plan);
        return playOn(opened);
      }
      at = choose(node.open, node.visits);
      if (std::find(path.begin(), path.end(), at) != path.end())
        break;
      path.push_back(at);
    }
    return nodes.at(path.back()).candidate;
  }

  Candidate playOn(Candidate candidate) {
    for (uint64_t steps = random() % 4; steps > 0; --steps) {
      std::vector<Candidate> next = space.neighbours(candidate.schedule);
      if (next.empty())
        break;
      candidate = draw(next);
    }
    return candidate;
  }

  void expand(Node &node) {
    if (node.expanded)
      return;
    node.expanded = true;
    node.closed = space.neighbours(node.candidate.schedule);
  }

  /// Falls with what is expected over the best.
  double priorOf(const Candidate &candidate) {
    auto [known, isNew] = priors.try_emplace(candidate.plan, 0);
    if (isNew)
      known->second = std::pow(std::min(1.0, best / surrogate.expected(candidate)), sharpness) + 0.01;
    return known->second;
  }

  /// Takes one out, likelier the better its prior.
  Candidate draw(std::vector<Candidate> &from) {
    double sum = 0;
    std::vector<double> weights;
    for (const Candidate &candidate : from)
      sum += weights.emplace_back(priorOf(candidate));
    double point = std::uniform_real_distribution<double>(0, sum)(random);
    size_t chosen = 0;
    for (; chosen + 1 < from.size() && (point -= weights[chosen]) > 0; ++chosen)
      ;
    Candidate candidate = std::move(from[chosen]);
    from.erase(from.begin() + std::ptrdiff_t(chosen));
    return candidate;
  }

  double rewardOf(double seconds) const {
    return std::min(2.0, (reference > 0 ? reference : seconds) / seconds);
  }

  double total(const std::vector<uint64_t> &among) const {
    double visits = 0;
    for (uint64_t plan : among)
      visits += nodes.at(plan).visits;
    return visits;
  }

  uint64_t choose(const std::vector<uint64_t> &among, double visits) {
    uint64_t best = among.front();
    double highest = -1;
    for (uint64_t plan : among) {
      const Node &node = nodes.at(plan);
      double prior = priorOf(node.candidate);
      // Not visited: as the prior has it, which is never more than the best.
      double mean = node.visits > 0 ? node.reward / node.visits : prior * rewardOf(best);
      double score = mean + exploration * prior * std::sqrt(visits + 1) / (1 + node.visits);
      if (score > highest) {
        highest = score;
        best = plan;
      }
    }
    return best;
  }

  const Space &space;
  int64_t left;
  std::mt19937_64 random;
  std::map<uint64_t, Node> nodes;
  std::vector<uint64_t> roots, unmeasured;
  std::map<uint64_t, double> known;                ///< rewards
  std::map<uint64_t, std::vector<uint64_t>> paths; ///< of candidates under way
  std::map<uint64_t, double> priors;               ///< by plan, until the next answer
  Surrogate surrogate;
  double best = 0, reference = 0;
};

} // namespace

std::unique_ptr<Strategy> makeMcts(const Space &space, int64_t trials, uint64_t seed,
                                   std::vector<Candidate> seeds) {
  return std::make_unique<Mcts>(space, trials > 0 ? trials : 100000, seed, std::move(seeds));
}

} // namespace tgc
