#include "compiler/driver/Reports.h"

#include "compiler/package/MemoryPlan.h"
#include "runtime/format/File.h"
#include <algorithm>
#include <numeric>

namespace tgc::driver {

std::string timesText(const std::vector<StageTime> &times) {
  std::string text;
  for (const StageTime &time : times)
    text += fmt::format("{:<10} {:8.3f} s\n", time.stage, time.seconds);
  return text;
}

std::string bytesText(double bytes) {
  static constexpr const char *units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  int unit = 0;
  for (; bytes >= 1024 && unit < 4; ++unit)
    bytes /= 1024;
  return fmt::format("{:.{}f} {}", bytes, unit ? 1 : 0, units[unit]);
}

double rooflineSeconds(const KernelInfo &kernel, const DeviceInfo &device) {
  ElementType operand = kernel.contract ? kernel.contract->lhs.type : ElementType::F32;
  double rate = std::max(device.matrixRate(operand), device.plainRate);
  double arithmetic = rate > 0 ? kernel.flops / rate : 0;
  double traffic = device.bandwidth > 0 ? kernel.bytes / device.bandwidth : 0;
  return std::max(arithmetic, traffic) + device.launchSeconds;
}

static double sumOf(const std::vector<runtime::Slot> &slots, runtime::SlotClass slotClass) {
  return std::accumulate(slots.begin(), slots.end(), 0.0, [&](double sum, const runtime::Slot &slot) {
    return sum + (slot.slotClass == slotClass ? double(slot.bytes) : 0);
  });
}

nlohmann::json packageJson(Compilation &compilation, const std::string &path) {
  const runtime::Package &package = compilation.package();
  nlohmann::json remarks = nlohmann::json::object();
  for (const auto &[name, report] : compilation.reports())
    if (!report.code.empty())
      remarks[name] = report.code;
  nlohmann::json stages;
  for (const StageTime &time : compilation.times())
    stages[time.stage] = time.seconds;
  return {{"package", path},
          {"bytes", std::filesystem::file_size(path)},
          {"device", compilation.target().device().name},
          {"kernels", package.functions.size()},
          {"run_launches", package.run.size()},
          {"prepare_launches", package.prepare.size()},
          {"arena_bytes", std::accumulate(package.arenas.begin(), package.arenas.end(), uint64_t(0))},
          {"weight_bytes", sumOf(package.slots, runtime::SlotClass::Weight)},
          {"prepared_bytes", sumOf(package.slots, runtime::SlotClass::Prepared)},
          {"assembler", remarks},
          {"seconds", stages}};
}

std::string packageText(Compilation &compilation, const std::string &path) {
  nlohmann::json json = packageJson(compilation, path);
  double seconds = 0;
  for (const StageTime &time : compilation.times())
    seconds += time.seconds;
  return fmt::format("{}: {} kernels, {} launches ({} to prepare), {}\n"
                     "running needs {} of weights as prepared and {} for intermediate values\n"
                     "compiled for {} in {:.1f} s{}\n",
                     path, json["kernels"].get<size_t>(), json["run_launches"].get<size_t>(),
                     json["prepare_launches"].get<size_t>(), bytesText(json["bytes"].get<double>()),
                     bytesText(json["prepared_bytes"].get<double>()),
                     bytesText(json["arena_bytes"].get<double>()), json["device"].get<std::string>(), seconds,
                     json["assembler"].empty()
                         ? ""
                         : fmt::format("; the assembler remarks on {} kernels (tgc kernels --code)",
                                       json["assembler"].size()));
}

/// Launches of each kernel in the run list, in order of first use.
static std::vector<std::pair<std::string, size_t>> launchCounts(Compilation &compilation) {
  std::vector<std::pair<std::string, size_t>> counts;
  std::map<std::string, size_t> position;
  for (auto launch : compilation.program().getOps<kernel::LaunchOp>()) {
    if (launch.getPrepare())
      continue;
    auto [it, isNew] = position.try_emplace(launch.getKernel().str(), counts.size());
    if (isNew)
      counts.push_back({it->first, 0});
    ++counts[it->second].second;
  }
  return counts;
}

nlohmann::json kernelsJson(Compilation &compilation) {
  nlohmann::json kernels = nlohmann::json::array();
  size_t launches = 0;
  for (const auto &[name, count] : launchCounts(compilation)) {
    const KernelReport &report = compilation.reports().at(name);
    launches += count;
    kernels.push_back({{"kernel", name},
                       {"class", nameOf(report.info.shape)},
                       {"launches", count},
                       {"flops", report.info.flops},
                       {"bytes", report.info.bytes},
                       {"roofline_seconds", rooflineSeconds(report.info, compilation.target().device())},
                       {"schedule", report.schedule},
                       {"plan", report.plan},
                       {"registers", report.registers},
                       {"assembler", report.code}});
  }
  return {{"kernels", kernels}, {"launches", launches}};
}

std::string decisionsText(const CutReport &cut) {
  std::vector<CutDecision> decisions = cut.decisions;
  auto dearest = [](const CutDecision &d) { return double(d.count) * std::max(d.yesSeconds, d.noSeconds); };
  std::stable_sort(decisions.begin(), decisions.end(),
                   [&](const CutDecision &a, const CutDecision &b) { return dearest(a) > dearest(b); });
  std::string text = fmt::format("graph {:016x}\n{:>5}  {:<4}{:>10}{:>10}  name\n", cut.graph, "times",
                                 "made", "yes us", "no us");
  for (const CutDecision &decision : decisions)
    text += fmt::format("{:5}  {:<4}{:10.2f}{:10.2f}  {}\n", decision.count, decision.yes ? "yes" : "no",
                        decision.yesSeconds * 1e6, decision.noSeconds * 1e6, decision.name);
  return text;
}

std::string kernelsText(Compilation &compilation) {
  std::string text =
      fmt::format("{:>5} {:<8} {:>10} {:>10} {:>9}  kernel\n", "runs", "class", "GFLOP", "MB", "best ms");
  size_t launches = 0, kernels = 0;
  double seconds = 0;
  for (const auto &[name, count] : launchCounts(compilation)) {
    const KernelReport &report = compilation.reports().at(name);
    double best = rooflineSeconds(report.info, compilation.target().device());
    launches += count;
    ++kernels;
    seconds += best * count;
    text += fmt::format("{:5} {:<8} {:10.3f} {:10.2f} {:9.3f}  {}\n{:48}{}\n", count,
                        nameOf(report.info.shape), report.info.flops * 1e-9, report.info.bytes * 1e-6,
                        best * 1e3, name, "", report.schedule);
    if (!report.plan.empty())
      text += fmt::format("{:48}{}\n", "", report.plan);
    if (report.registers)
      text += fmt::format("{:48}{} registers\n", "", report.registers);
    if (!report.code.empty())
      text += fmt::format("{:48}{}", "", report.code);
  }
  return text + fmt::format("{} launches of {} kernels; at least {:.3f} ms by {}'s rates\n", launches,
                            kernels, seconds * 1e3, compilation.target().device().name);
}

static MemoryPlan memoryOf(Compilation &compilation) {
  return planMemory(compilation.program(), compilation.target().device().maxAllocation,
                    [&](kernel::LaunchOp launch, unsigned buffer) {
                      return compilation.reports().at(launch.getKernel().str()).info.buffers[buffer].stored;
                    });
}

nlohmann::json preflightJson(Compilation &compilation) {
  nlohmann::json json = kernelsJson(compilation);
  double seconds = 0;
  for (const nlohmann::json &kernel : json["kernels"])
    seconds += kernel["roofline_seconds"].get<double>() * kernel["launches"].get<size_t>();
  MemoryPlan memory = memoryOf(compilation);
  json["weight_bytes"] = memory.bytesOf(runtime::SlotClass::Weight);
  json["prepared_bytes"] = memory.bytesOf(runtime::SlotClass::Prepared);
  json["arena_bytes"] = memory.arenaBytes();
  json["roofline_seconds"] = seconds;
  return json;
}

std::string preflightText(Compilation &compilation) {
  MemoryPlan memory = memoryOf(compilation);
  return fmt::format("weights {}; as prepared for running {}; intermediate values {}\n",
                     bytesText(memory.bytesOf(runtime::SlotClass::Weight)),
                     bytesText(memory.bytesOf(runtime::SlotClass::Prepared)), bytesText(memory.arenaBytes()));
}

void writeJson(const std::string &path, const nlohmann::json &value) {
  std::string text = value.dump(2) + "\n";
  runtime::writeFileAtomically(path, runtime::Bytes(std::vector<uint8_t>(text.begin(), text.end())));
}

} // namespace tgc::driver
