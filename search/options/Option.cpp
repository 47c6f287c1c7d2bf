#include "search/options/Option.h"

#include "compiler/support/Error.h"
#include <algorithm>
#include <charconv>

namespace tgc {

bool OptionContext::hasAtom(const std::string &name) const {
  return std::any_of(device.atoms.begin(), device.atoms.end(),
                     [&](const Atom &atom) { return name.empty() || atom.name == name; });
}

void expectArguments(const Option &option, const std::vector<std::string> &arguments, size_t count) {
  if (arguments.size() != count)
    usageError("schedule: {} takes {} argument{}, not {}", option.name(), count, count == 1 ? "" : "s",
               arguments.size());
}

int64_t integerArgument(const Option &option, const std::vector<std::string> &arguments, size_t i) {
  int64_t value = 0;
  const std::string &text = arguments[i];
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0)
    usageError("schedule: {} needs a number, not '{}'", option.name(), text);
  return value;
}

const std::string &wordArgument(const Option &option, const std::vector<std::string> &arguments, size_t i) {
  if (arguments[i].empty() ||
      !(std::isalpha(static_cast<unsigned char>(arguments[i][0])) || arguments[i][0] == '_'))
    usageError("schedule: {} needs a name, not '{}'", option.name(), arguments[i]);
  return arguments[i];
}

std::string unknownAxis(const KernelInfo &kernel, const std::string &axis) {
  for (size_t begin = 0; begin <= axis.size();) {
    size_t end = std::min(axis.find('.', begin), axis.size());
    std::string part = axis.substr(begin, end - begin);
    if (!kernel.axisNamed(part))
      return fmt::format("there is no axis {}", part);
    begin = end + 1;
  }
  return "";
}

std::string unknownBuffer(const KernelInfo &kernel, const std::string &buffer) {
  return kernel.bufferNamed(buffer) ? "" : fmt::format("there is no buffer {}", buffer);
}

int64_t factorTaken(const Schedule &schedule, const std::string &axis, size_t end) {
  int64_t product = 1;
  for (size_t i = 0; i < end; ++i)
    if (schedule.loops[i].axis == axis)
      product *= schedule.loops[i].factor;
  return product;
}

void FlagOption::parse(const std::vector<std::string> &arguments, Schedule &schedule) const {
  expectArguments(*this, arguments, 0);
  schedule.*flag = true;
}

std::vector<std::vector<std::string>> FlagOption::print(const Schedule &schedule) const {
  if (schedule.*flag)
    return {{}};
  return {};
}

std::vector<Schedule> FlagOption::candidates(const OptionContext &context, const Schedule &schedule) const {
  Schedule next = schedule;
  next.*flag = true;
  if (schedule.*flag || !illegal(context, next).empty())
    return {};
  return {next};
}

void AxisFactorOption::parse(const std::vector<std::string> &arguments, Schedule &schedule) const {
  expectArguments(*this, arguments, 2);
  const std::string &axis = wordArgument(*this, arguments, 0);
  int64_t n = integerArgument(*this, arguments, 1);
  if (n < 1)
    usageError("schedule: {}({},{}) is less than 1", name_, axis, n);
  if (!(schedule.*factors).emplace(axis, n).second)
    usageError("schedule: {} of axis {} is there twice", name_, axis);
}

std::vector<std::vector<std::string>> AxisFactorOption::print(const Schedule &schedule) const {
  std::vector<std::vector<std::string>> uses;
  for (const auto &[axis, n] : schedule.*factors)
    uses.push_back({axis, std::to_string(n)});
  return uses;
}

Schedule AxisFactorOption::with(const Schedule &schedule, const std::string &axis, int64_t n) const {
  Schedule next = schedule;
  (next.*factors)[axis] = n;
  return next;
}

void LoopOption::parse(const std::vector<std::string> &arguments, Schedule &schedule) const {
  expectArguments(*this, arguments, 2);
  int64_t n = integerArgument(*this, arguments, 1);
  if (n < 2)
    usageError("schedule: {}({},{}) needs a factor of 2 or more", name_, arguments[0], n);
  schedule.loops.push_back({kind, wordArgument(*this, arguments, 0), n});
}

std::string LoopOption::illegal(const OptionContext &context, const Schedule &schedule) const {
  for (size_t i = 0; i < schedule.loops.size(); ++i) {
    const LoopSplit &split = schedule.loops[i];
    if (split.kind != kind)
      continue;
    if (schedule.atom)
      return fmt::format("{} and tc exclude each other", name_);
    std::optional<int> position = context.kernel.axisNamed(split.axis);
    if (!position)
      return fmt::format("{}: there is no axis {}", name_, split.axis);
    const AxisInfo &axis = context.kernel.axes[*position];
    if (std::string reason = refuses(context, axis); !reason.empty())
      return fmt::format("{}({},{}): {}", name_, split.axis, split.factor, reason);
    int64_t extent = axis.extent;
    if (auto pad = schedule.padTo.find(split.axis); pad != schedule.padTo.end())
      extent = (extent + pad->second - 1) / pad->second * pad->second;
    if (extent % (factorTaken(schedule, split.axis, i) * split.factor) != 0)
      return fmt::format("{}({},{}): does not divide what is left of {}", name_, split.axis, split.factor,
                         extent);
  }
  return "";
}

std::vector<Schedule> LoopOption::candidates(const OptionContext &context, const Schedule &schedule) const {
  std::vector<Schedule> next;
  if (schedule.atom)
    return next;
  for (const AxisInfo &axis : context.kernel.axes)
    for (int64_t factor : factors(context)) {
      Schedule tried = schedule;
      tried.loops.push_back({kind, axis.name, factor});
      if (illegal(context, tried).empty())
        next.push_back(std::move(tried));
    }
  return next;
}

} // namespace tgc
