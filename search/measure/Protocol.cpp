// Requests and replies as lines of JSON. Numbers that JSON has no words for travel as text.
#include "search/measure/Measure.h"

#include "compiler/support/Error.h"
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace tgc {

using nlohmann::json;

std::string printRequest(const MeasureRequest &r) {
  json samples = json::array();
  for (const SampledElement &sample : r.samples)
    samples.push_back({sample.output, sample.element});
  return json{{"package", r.package},     {"device", r.device},      {"seed", r.seed},
              {"samples", samples},       {"cold", r.coldBytes},     {"warm", r.warmInputs},
              {"give_up", r.giveUpAbove}, {"least", r.leastSeconds}, {"least_runs", r.leastRuns},
              {"most_runs", r.mostRuns},  {"fault", r.fault},        {"limit", r.limitSeconds},
              {"memory", r.memoryBytes},  {"long", r.longRun}}
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

MeasureRequest parseRequest(const std::string &line) {
  try {
    json j = json::parse(line);
    MeasureRequest r;
    r.package = j.at("package");
    r.device = j.at("device");
    r.seed = j.at("seed");
    for (const json &sample : j.at("samples"))
      r.samples.push_back({sample.at(0), sample.at(1)});
    r.coldBytes = j.at("cold");
    r.warmInputs = j.at("warm");
    r.giveUpAbove = j.at("give_up");
    r.leastSeconds = j.at("least");
    r.leastRuns = j.at("least_runs");
    r.mostRuns = j.at("most_runs");
    r.fault = j.at("fault");
    r.limitSeconds = j.at("limit");
    r.memoryBytes = j.at("memory");
    r.longRun = j.at("long");
    return r;
  } catch (const json::exception &error) {
    badInput("a measuring request is malformed: {}", error.what());
  }
}

static json numberOf(double value) {
  return std::isfinite(value) ? json(value) : json(std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
}

static double valueOf(const json &number) {
  if (!number.is_string())
    return number.get<double>();
  std::string word = number;
  return word == "nan" ? NAN : word == "inf" ? HUGE_VAL : -HUGE_VAL;
}

std::string printReply(const MeasureReply &r) {
  json values = json::array();
  for (double value : r.values)
    values.push_back(numberOf(value));
  return json{{"outcome", nameOf(r.outcome)},
              {"message", r.message},
              {"seconds", r.seconds},
              {"values", values},
              {"no_device", r.noDevice}}
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

MeasureReply parseReply(const std::string &line) {
  try {
    json j = json::parse(line);
    MeasureReply r;
    r.outcome = outcomeNamed(j.at("outcome")).value_or(Outcome::Failed);
    r.message = j.at("message");
    r.noDevice = j.at("no_device");
    r.seconds = j.at("seconds").get<std::vector<double>>();
    for (const json &value : j.at("values"))
      r.values.push_back(valueOf(value));
    summarise(r);
    return r;
  } catch (const json::exception &error) {
    MeasureReply r;
    r.outcome = Outcome::Crashed;
    r.message = fmt::format("the measuring process answered nonsense: {}", error.what());
    return r;
  }
}

void summarise(MeasureReply &reply) {
  if (reply.seconds.empty())
    return;
  std::vector<double> sorted = reply.seconds;
  std::sort(sorted.begin(), sorted.end());
  auto quantile = [&](double q) {
    double at = q * double(sorted.size() - 1);
    size_t low = size_t(at);
    return sorted[low] + (at - double(low)) * (sorted[std::min(low + 1, sorted.size() - 1)] - sorted[low]);
  };
  reply.median = quantile(0.5);
  reply.spread = reply.median > 0 ? (quantile(0.75) - quantile(0.25)) / reply.median : 0;
}

} // namespace tgc
