// The text of a schedule: NAME(arg,arg) separated by spaces, read and written by the options' own words.
#include "search/Schedule.h"

#include "compiler/support/Error.h"
#include "search/options/Option.h"
#include <algorithm>
#include <fmt/ranges.h>

namespace tgc {
namespace {

std::string trimmed(std::string_view text) {
  size_t begin = text.find_first_not_of(" \t\n"), end = text.find_last_not_of(" \t\n");
  return begin == std::string_view::npos ? "" : std::string(text.substr(begin, end - begin + 1));
}

const char *nameOf(SplitKind kind) {
  switch (kind) {
  case SplitKind::Local:
    return "local";
  case SplitKind::Upcast:
    return "upcast";
  case SplitKind::Unroll:
    return "unroll";
  case SplitKind::Group:
    return "group";
  }
  return "";
}

} // namespace

Schedule parseSchedule(std::string_view text) {
  Schedule schedule;
  size_t at = 0;
  auto skipSpace = [&] { at = std::min(text.find_first_not_of(" \t\n", at), text.size()); };
  for (skipSpace(); at < text.size(); skipSpace()) {
    size_t end = std::min(text.find_first_of(" \t\n(", at), text.size());
    std::string_view name = text.substr(at, end - at);
    const Option *option = findOption(name);
    if (!option)
      usageError("schedule: unknown option '{}'", name);
    std::vector<std::string> arguments;
    at = end;
    if (at < text.size() && text[at] == '(') {
      size_t close = text.find(')', at);
      if (close == std::string_view::npos)
        usageError("schedule: '{}' is not closed", text.substr(at));
      for (++at; at <= close;) {
        size_t comma = std::min(text.find(',', at), close);
        arguments.push_back(trimmed(text.substr(at, comma - at)));
        at = comma + 1;
      }
    }
    option->parse(arguments, schedule);
  }
  return schedule;
}

std::string printSchedule(const Schedule &schedule) {
  std::vector<std::string> uses;
  for (const LoopSplit &split : schedule.loops)
    uses.push_back(fmt::format("{}({},{})", nameOf(split.kind), split.axis, split.factor));
  for (const Option *option : options())
    for (const std::vector<std::string> &arguments : option->print(schedule))
      uses.push_back(arguments.empty() ? option->name()
                                       : fmt::format("{}({})", option->name(), fmt::join(arguments, ",")));
  return fmt::format("{}", fmt::join(uses, " "));
}

} // namespace tgc
