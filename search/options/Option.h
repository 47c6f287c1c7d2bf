// What a schedule option is: its words, when it is legal, what may be tried, and its effect on a Schedule.
#pragma once
#include "search/DeviceInfo.h"
#include "search/KernelInfo.h"
#include "search/Schedule.h"
#include <string>
#include <vector>

namespace tgc {

/// What an option's legality and candidates may depend on beside the schedule so far.
struct OptionContext {
  const KernelInfo &kernel;
  const DeviceInfo &device;

  /// Whether the device has a matrix atom of that name; any, if empty.
  bool hasAtom(const std::string &name = "") const;
};

class Option {
public:
  virtual ~Option() = default;
  virtual const char *name() const = 0;
  /// Puts one use with these arguments into the schedule; throws tgc::Error (Usage).
  virtual void parse(const std::vector<std::string> &arguments, Schedule &schedule) const = 0;
  /// The arguments of every use in the schedule, in a fixed order. The loop options give none: their order
  /// among each other is meaning, so printSchedule prints them together.
  virtual std::vector<std::vector<std::string>> print(const Schedule &schedule) const = 0;
  /// Why this option's uses in the schedule are illegal for themselves; empty if they are legal. What two
  /// options mean together is the plan's to judge.
  virtual std::string illegal(const OptionContext &context, const Schedule &schedule) const = 0;
  /// Schedules one use further than `schedule`, worth trying.
  virtual std::vector<Schedule> candidates(const OptionContext &context, const Schedule &schedule) const = 0;
};

/// All options in the order in which they are printed.
const std::vector<const Option *> &options();
const Option *findOption(std::string_view name);

/// The first reason for which an option of the schedule is illegal for itself; empty if there is none.
std::string illegalOption(const OptionContext &context, const Schedule &schedule);

// For the options' files.

int64_t integerArgument(const Option &option, const std::vector<std::string> &arguments, size_t i);
const std::string &wordArgument(const Option &option, const std::vector<std::string> &arguments, size_t i);
/// Throws unless there are `count` arguments.
void expectArguments(const Option &option, const std::vector<std::string> &arguments, size_t count);
/// Empty if the kernel has the axis (or every axis of the product `a.b`).
std::string unknownAxis(const KernelInfo &kernel, const std::string &axis);
std::string unknownBuffer(const KernelInfo &kernel, const std::string &buffer);
/// Product of the factors that loop options before position `end` took off the axis.
int64_t factorTaken(const Schedule &schedule, const std::string &axis, size_t end);

/// An option without arguments that sets one flag.
class FlagOption : public Option {
public:
  FlagOption(const char *name, bool Schedule::*flag) : name_(name), flag(flag) {}
  const char *name() const override { return name_; }
  void parse(const std::vector<std::string> &arguments, Schedule &schedule) const override;
  std::vector<std::vector<std::string>> print(const Schedule &schedule) const override;
  std::vector<Schedule> candidates(const OptionContext &context, const Schedule &schedule) const override;

protected:
  const char *name_;
  bool Schedule::*flag;
};

/// An option NAME(axis, n), once an axis.
class AxisFactorOption : public Option {
public:
  using Factors = std::map<std::string, int64_t>;
  AxisFactorOption(const char *name, Factors Schedule::*factors) : name_(name), factors(factors) {}
  const char *name() const override { return name_; }
  void parse(const std::vector<std::string> &arguments, Schedule &schedule) const override;
  std::vector<std::vector<std::string>> print(const Schedule &schedule) const override;

protected:
  /// `schedule` with the factor of that axis set.
  Schedule with(const Schedule &schedule, const std::string &axis, int64_t n) const;
  const char *name_;
  Factors Schedule::*factors;
};

/// One of the four loop options.
class LoopOption : public Option {
public:
  LoopOption(const char *name, SplitKind kind) : name_(name), kind(kind) {}
  const char *name() const override { return name_; }
  void parse(const std::vector<std::string> &arguments, Schedule &schedule) const override;
  std::vector<std::vector<std::string>> print(const Schedule &schedule) const override { return {}; }
  std::string illegal(const OptionContext &context, const Schedule &schedule) const override;
  std::vector<Schedule> candidates(const OptionContext &context, const Schedule &schedule) const override;

protected:
  /// Why the option cannot act on this axis; empty if it can.
  virtual std::string refuses(const OptionContext &context, const AxisInfo &axis) const = 0;
  virtual std::vector<int64_t> factors(const OptionContext &context) const = 0;
  const char *name_;
  SplitKind kind;
};

} // namespace tgc
