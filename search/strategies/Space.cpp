// 1. Neighbours come from the options themselves: what an option would add to the schedule; and, for each use in the
//    schedule's text, the text without it and what its own option adds to that in its place.
// 2. Each is judged by makePlan (planParts), and known by a hash of its plan's text.
// 3. Bound and guess come from the plan: the device's rates, the units that its blocks can fill, lanes.
#include "search/strategies/Space.h"

#include "search/options/Option.h"
#include "search/strategies/heuristic/AtomChoice.h"
#include "search/strategies/heuristic/Heuristic.h"
#include <algorithm>
#include <cmath>
#include <fmt/ranges.h>
#include <set>

namespace tgc {
namespace {

/// Of the multiplications of a convolution with 3×3 taps, what tiles of that many results a side leave.
double winogradShare(int64_t tile) {
  double side = double(tile + 2) / double(3 * tile);
  return side * side;
}

uint64_t hashOf(const std::string &text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (unsigned char c : text)
    hash = (hash ^ c) * 0x100000001b3;
  return hash;
}

/// What describe leaves out of a plan but code depends on.
std::string rest(const Plan &plan, const Schedule &schedule) {
  if (const auto *pipe = std::get_if<PipePlan>(&plan.body)) {
    std::string packs;
    for (const auto &[buffer, order] : schedule.packs)
      packs += fmt::format(" {} {}", buffer, order);
    return fmt::format("{} {} {} {} {}{}", fmt::join(pipe->gridOrder, ","), pipe->rasterAxis,
                       pipe->rasterTiles, pipe->laneAxis, pipe->secondAtomM, packs);
  }
  return "";
}

std::vector<std::string> uses(const std::string &text) {
  std::vector<std::string> found;
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find(' ', at), text.size());
    found.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return found;
}

std::string without(const std::vector<std::string> &uses, size_t left) {
  std::string text;
  for (size_t i = 0; i < uses.size(); ++i)
    if (i != left)
      text += (text.empty() ? "" : " ") + uses[i];
  return text;
}

bool isVectorOnGpu(const KernelInfo &kernel, const DeviceInfo &device) {
  return device.maxThreads > 1 && heuristic::hasVector(kernel);
}

} // namespace

double Space::roofline(double flops) const {
  ElementType operand = kernel.contract ? kernel.contract->lhs.type : ElementType::F32;
  double rate = std::max({device.matrixRate(operand), device.matrixRate(ElementType::F32), device.plainRate});
  double arithmetic = rate > 0 ? flops / rate : 0;
  double traffic = device.bandwidth > 0 ? kernel.bytes / device.bandwidth : 0;
  // What the caches still hold does not come from memory.
  if (kernel.bytes < double(device.l3Bytes))
    traffic /= 8;
  return std::max(arithmetic, traffic);
}

std::optional<Candidate> Space::candidate(const Schedule &schedule) const {
  Candidate result;
  result.schedule = schedule;
  result.text = printSchedule(schedule);
  if (schedule.splitsKernel()) {
    if (!illegalOption({kernel, device}, schedule).empty())
      return std::nullopt;
    if (!planParts(kernel, schedule))
      return std::nullopt;
    result.plan = hashOf("parts " + result.text);
    result.bound = result.guess =
        roofline(kernel.flops * (schedule.winograd ? winogradShare(*schedule.winograd) : 1));
    return result;
  }
  PlanResult plan = makePlan(kernel, schedule, device);
  if (!plan)
    return std::nullopt;
  result.plan = hashOf(describe(*plan.plan, kernel) + rest(*plan.plan, schedule));
  double blocks = 1;
  for (const LaunchPlan &launch : plan.plan->launches)
    blocks = std::max(blocks, double(launch.blocks));
  double units = double(std::max<int64_t>(1, device.units));
  double idle = blocks < units ? units / blocks : 1;
  double waves = std::ceil(blocks / units) * units / blocks;
  double lanes = 1, slow = 1;
  if (const auto *loop = std::get_if<LoopPlan>(&plan.plan->body)) {
    double wide = double(device.vectorBytes) / 4;
    if (device.maxThreads == 1 && loop->vectorWidth < wide)
      lanes = wide / double(loop->vectorWidth);
    // Memory bounds products with a vector: there plain loops are as good.
    if ((kernel.contract && !isVectorOnGpu(kernel, device)) || kernel.attend)
      slow = 4;
  }
  double arithmetic = device.plainRate > 0 ? kernel.flops / device.plainRate : 0;
  // Scalars run at a part of the vectors' rate; half of that slowness may be hidden behind memory.
  result.bound = std::max(roofline(), arithmetic / 2 * lanes / 2) * idle;
  if (lanes == 1)
    result.bound = roofline() * idle;
  double spilled =
      plan.plan->registers > device.registers ? double(plan.plan->registers) / double(device.registers) : 1;
  if (device.maxThreads == 1 && kernel.contract && std::holds_alternative<PipePlan>(plan.plan->body)) {
    result.guess = std::max(roofline(), heuristic::contractSeconds(kernel, device, *plan.plan));
    return result;
  }
  result.guess = (roofline() * slow * waves * std::sqrt(lanes) + 1e-7 * blocks / units) * std::sqrt(spilled);
  return result;
}

std::vector<Schedule> Space::variations(const Schedule &schedule) const {
  OptionContext context{kernel, device};
  std::vector<Schedule> found;
  for (const Option *option : options())
    for (Schedule &next : option->candidates(context, schedule))
      found.push_back(std::move(next));
  std::vector<std::string> parts = uses(printSchedule(schedule));
  for (size_t i = 0; i < parts.size(); ++i) {
    Schedule less = parseSchedule(without(parts, i));
    found.push_back(less);
    const Option *option = findOption(parts[i].substr(0, parts[i].find('(')));
    for (Schedule &next : option->candidates(context, less)) {
      // A loop option's place is meaning: the new one takes the old one's.
      if (i < schedule.loops.size() && next.loops.size() == schedule.loops.size()) {
        LoopSplit added = next.loops.back();
        next.loops.pop_back();
        next.loops.insert(next.loops.begin() + std::ptrdiff_t(i), added);
      }
      found.push_back(std::move(next));
    }
  }
  return found;
}

std::vector<Candidate> Space::neighbours(const Schedule &schedule) const {
  std::vector<Candidate> found;
  std::set<uint64_t> seen;
  if (std::optional<Candidate> self = candidate(schedule))
    seen.insert(self->plan);
  std::set<std::string> tried;
  for (const Schedule &variation : variations(schedule))
    if (tried.insert(printSchedule(variation)).second)
      if (std::optional<Candidate> next = candidate(variation); next && seen.insert(next->plan).second)
        found.push_back(std::move(*next));
  return found;
}

std::vector<Candidate> Space::apart() const {
  std::vector<Candidate> found;
  for (const Option *option : options())
    for (const Schedule &schedule : option->candidates({kernel, device}, {}))
      if (schedule.splitsKernel())
        if (std::optional<Candidate> next = candidate(schedule))
          found.push_back(std::move(*next));
  return found;
}

double Space::least() const {
  double seconds = roofline();
  for (const Candidate &candidate : apart())
    seconds = std::min(seconds, candidate.bound);
  return seconds;
}

std::vector<Candidate> Space::seeds() const {
  std::vector<Candidate> found;
  std::set<uint64_t> seen;
  auto add = [&](const Schedule &schedule) {
    if (std::optional<Candidate> next = candidate(schedule); next && seen.insert(next->plan).second)
      found.push_back(std::move(*next));
  };
  add(heuristicSchedule(kernel, device));
  // What takes the kernel apart is far from everything else.
  for (const Candidate &candidate : apart())
    if (candidate.schedule.split.empty())
      add(candidate.schedule);
  size_t first = found.size();
  // The best of each panel come before the seconds: of panels the estimate is less sure than within one.
  constexpr size_t panels = 5;
  for (const Schedule &schedule : heuristic::contractSchedules(kernel, device, 24)) {
    add(schedule);
    if (found.size() <= panels)
      first = found.size();
  }
  for (size_t i = 0; i < first; ++i)
    found[i].first = true;
  if (device.maxThreads == 1)
    for (const Schedule &schedule : heuristic::attendSchedules(kernel, device))
      add(schedule);
  // Without its atom a large product takes many times as long, and one such trial as long as many others.
  constexpr double cheap = 1e-3;
  if (isVectorOnGpu(kernel, device))
    add(loopHeuristic(kernel, device));
  if (!kernel.contract || roofline() < cheap)
    for (const Schedule &schedule : {loopHeuristic(kernel, device), Schedule()})
      add(schedule);
  constexpr double hopeless = 3;
  double expected = found.empty() ? 0 : found.front().guess;
  std::erase_if(found, [&](const Candidate &next) { return next.guess > hopeless * expected; });
  return found;
}

Schedule loopHeuristic(const KernelInfo &kernel, const DeviceInfo &device) {
  DeviceInfo plain = device;
  plain.atoms.clear();
  return heuristicSchedule(kernel, plain);
}

} // namespace tgc
