// One HTML file without references to others: drawings are SVG.
#include "compiler/driver/SearchTable.h"

#include <algorithm>
#include <cmath>

namespace tgc::driver {
namespace {

constexpr double width = 760, height = 380, left = 70, bottom = 50, top = 15, right = 15;

std::string escaped(const std::string &text) {
  std::string safe;
  for (char c : text)
    safe += c == '<'   ? "&lt;"
            : c == '>' ? "&gt;"
            : c == '&' ? "&amp;"
            : c == '"' ? "&quot;"
                       : std::string(1, c);
  return safe;
}

/// One axis of a plot, linear or by powers of ten.
struct Scale {
  double low, high, from, to; ///< values, and where they lie
  bool log;
  double operator()(double value) const {
    double part = log ? (std::log10(value) - std::log10(low)) / (std::log10(high) - std::log10(low))
                      : (value - low) / (high - low);
    return from + std::clamp(part, 0.0, 1.0) * (to - from);
  }
  std::vector<double> ticks() const {
    std::vector<double> found;
    if (log) {
      for (double power = std::floor(std::log10(low)); power <= std::ceil(std::log10(high)); ++power)
        for (double factor : {1.0, 2.0, 5.0})
          if (double value = factor * std::pow(10, power);
              (factor == 1 || high < 300 * low) && value >= low * 0.999 && value <= high * 1.001)
            found.push_back(value);
      return found;
    }
    double step = std::pow(10, std::floor(std::log10((high - low) / 4)));
    for (double factor : {1.0, 2.0, 5.0, 10.0})
      if ((high - low) / (step * factor) <= 8) {
        step *= factor;
        break;
      }
    for (double value = std::ceil(low / step) * step; value <= high; value += step)
      found.push_back(value);
    return found;
  }
};

std::string frame(const Scale &x, const Scale &y, const std::string &xName, const std::string &yName) {
  std::string svg =
      fmt::format("<div class='wide'><svg viewBox='0 0 {} {}' width='{}' role='img'>", width, height, width);
  for (double value : x.ticks())
    svg += fmt::format(
        "<line class='grid' x1='{0:.1f}' x2='{0:.1f}' y1='{1}' y2='{2}'/><text x='{0:.1f}' y='{3}' "
        "text-anchor='middle'>{4:g}</text>",
        x(value), top, height - bottom, height - bottom + 17, value);
  for (double value : y.ticks())
    svg += fmt::format(
        "<line class='grid' x1='{1}' x2='{2}' y1='{0:.1f}' y2='{0:.1f}'/><text x='{3}' y='{4:.1f}' "
        "text-anchor='end'>{5:g}</text>",
        y(value), left, width - right, left - 6, y(value) + 4, value);
  svg += fmt::format("<text x='{}' y='{}' text-anchor='middle'>{}</text>", (left + width - right) / 2,
                     height - 12, xName);
  svg += fmt::format("<text transform='translate(16 {}) rotate(-90)' text-anchor='middle'>{}</text>",
                     (top + height - bottom) / 2, yName);
  return svg;
}

double intensity(const SearchRow &row) {
  return row.workload->info.flops / std::max(1.0, row.workload->info.bytes);
}

std::string roofline(const SearchReport &report, const std::vector<SearchRow> &rows) {
  double lowX = 1e30, highX = 0, lowY = 1e30, highY = 0;
  for (const SearchRow &row : rows) {
    double flops = row.workload->info.flops;
    if (flops <= 0 || row.row.seconds <= 0)
      continue;
    lowX = std::min(lowX, intensity(row));
    highX = std::max(highX, intensity(row));
    for (double seconds : {row.row.seconds, row.row.heuristicSeconds, row.roofline})
      if (seconds > 0) {
        lowY = std::min(lowY, flops / seconds * 1e-9);
        highY = std::max(highY, flops / seconds * 1e-9);
      }
  }
  if (highX <= 0)
    return "<p>No kernel was measured.</p>";
  Scale x{lowX / 2, highX * 2, left, width - right, true}, y{lowY / 2, highY * 2, height - bottom, top, true};
  std::string svg = frame(x, y, "operations a byte", "GFLOP/s");
  // The roof of every type that occurs.
  std::map<double, bool> peaks;
  for (const SearchRow &row : rows) {
    ElementType type = row.workload->info.contract ? row.workload->info.contract->lhs.type : ElementType::F32;
    peaks[std::max(row.workload->info.contract ? report.device.matrixRate(type) : 0,
                   report.device.plainRate)] = true;
  }
  std::string names; // over everything else
  for (auto [peak, there] : peaks) {
    if (peak <= 0)
      continue;
    double knee =
        report.device.bandwidth > 0 ? std::clamp(peak / report.device.bandwidth, x.low, x.high) : x.low;
    auto at = [&](double intensity) {
      double memory = report.device.bandwidth > 0 ? report.device.bandwidth * intensity : peak;
      return std::max(y.low, std::min(peak, memory) * 1e-9);
    };
    svg += fmt::format("<polyline class='roof' points='{:.1f},{:.1f} {:.1f},{:.1f} {:.1f},{:.1f}'/>",
                       x(x.low), y(at(x.low)), x(knee), y(at(knee)), x(x.high), y(at(x.high)));
    names += fmt::format(
        "<text class='roofname' x='{:.1f}' y='{:.1f}' text-anchor='end'>{:.0f} GFLOP/s, {:.0f} GB/s</text>",
        x(x.high) - 4, y(at(x.high)) - 4, peak * 1e-9, report.device.bandwidth * 1e-9);
  }
  for (const SearchRow &row : rows) {
    double flops = row.workload->info.flops;
    if (flops <= 0 || row.row.seconds <= 0)
      continue;
    double share =
        double(row.workload->launches) * row.row.seconds / std::max(1e-12, report.result.modelSeconds);
    double radius = 3 + 12 * std::sqrt(std::min(1.0, share));
    double at = x(intensity(row)), now = y(flops / row.row.seconds * 1e-9);
    if (row.row.heuristicSeconds > 0)
      svg += fmt::format(
          "<line class='way' x1='{0:.1f}' x2='{0:.1f}' y1='{1:.1f}' y2='{2:.1f}'/><circle class='before' "
          "cx='{0:.1f}' cy='{1:.1f}' r='2.5'/>",
          at, y(flops / row.row.heuristicSeconds * 1e-9), now);
    svg += fmt::format("<circle class='now' cx='{:.1f}' cy='{:.1f}' r='{:.1f}'><title>{}: {} ({:.1f} "
                       "GFLOP/s), {:.1f}% of the "
                       "model</title></circle>",
                       at, now, radius, escaped(row.workload->name), timeText(row.row.seconds),
                       flops / row.row.seconds * 1e-9, share * 100);
  }
  return svg + names +
         "</svg></div><p class='note'>A circle a kernel, as large as its share of the model; the dot is the "
         "heuristic's "
         "schedule. Above the line of memory: what caches hold. Above the line of arithmetic: ways that "
         "multiply less than the kernel says.</p>";
}

std::string progress(const SearchReport &report) {
  double last = 0, most = 0, least = 1e30;
  for (const auto &[name, history] : report.histories)
    for (const TunePoint &point : history) {
      last = std::max(last, point.seconds);
      most = std::max(most, point.modelSeconds);
      least = std::min(least, point.modelSeconds);
    }
  if (most == 0)
    return "<p>The search ended before every kernel was measured: there is no time of the model.</p>";
  last = std::max(last, report.result.seconds);
  double margin = std::max((most - least) * 0.1, most * 0.01);
  Scale x{0, last, left, width - right, false},
      y{(least - margin) * 1e3, (most + margin) * 1e3, height - bottom, top, false};
  std::string svg = frame(x, y, "seconds of searching", "ms of the model");
  int line = 0;
  for (const auto &[name, history] : report.histories) {
    if (history.empty())
      continue;
    std::string points;
    for (size_t i = 0; i < history.size(); ++i) {
      if (i > 0)
        points += fmt::format("{:.1f},{:.1f} ", x(history[i].seconds), y(history[i - 1].modelSeconds * 1e3));
      points += fmt::format("{:.1f},{:.1f} ", x(history[i].seconds), y(history[i].modelSeconds * 1e3));
    }
    points += fmt::format("{:.1f},{:.1f}", x(last), y(history.back().modelSeconds * 1e3));
    svg += fmt::format(
        "<polyline class='line l{}' points='{}'/><text class='l{}' x='{}' y='{}' text-anchor='end'>{}</text>",
        line % 5, points, line % 5, width - right - 5, top + 15 + 16 * line, escaped(name));
    ++line;
  }
  return svg + "</svg></div>";
}

/// Those that some kernel was measured with.
std::vector<std::string> usedStrategies(const std::vector<SearchRow> &rows) {
  std::vector<std::string> used = strategyNames();
  std::erase_if(used, [&](const std::string &name) {
    return std::all_of(rows.begin(), rows.end(),
                       [&](const SearchRow &row) { return row.times.at(name).seconds <= 0; });
  });
  return used;
}

std::string table(const std::vector<SearchRow> &rows) {
  std::vector<std::string> strategies = usedStrategies(rows);
  std::string html = "<table><tr><th>runs</th><th class='text'>kernel</th>";
  for (const std::string &strategy : strategies)
    html += fmt::format("<th>{} ms</th><th>GFLOP/s</th>", strategy);
  html += "<th>roofline ms</th><th class='text'>best schedule</th></tr>";
  auto cells = [](const StrategyTime &time, double flops) {
    if (time.seconds <= 0)
      return std::string("<td>–</td><td>–</td>");
    return fmt::format("<td>{}{:.3f}</td><td>{}</td>", time.least ? "&gt;" : "", time.seconds * 1e3,
                       time.least || flops <= 0 ? "–" : fmt::format("{:.1f}", flops / time.seconds * 1e-9));
  };
  for (const SearchRow &row : rows) {
    html += fmt::format("<tr><td>{}</td><td class='text'>{}{}</td>", row.workload->launches,
                        row.row.part ? "part: " : "", escaped(row.workload->name));
    for (const std::string &strategy : strategies)
      html += cells(row.times.at(strategy), row.workload->info.flops);
    html += fmt::format("<td>{:.{}f}</td><td class='text schedule'><code>{}</code></td></tr>",
                        row.roofline * 1e3, row.roofline < 1e-4 ? 5 : 3, escaped(row.row.schedule));
  }
  html += "<tr class='sum'><td></td><td class='text'>model</td>";
  std::map<std::string, StrategyTime> totals = searchTotals(rows);
  for (const std::string &strategy : strategies)
    html += cells(totals[strategy], 0);
  return html + "<td></td><td></td></tr></table>";
}

constexpr const char *style = R"(
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 1200px; padding: 0 1em; color: #222; background: #fff }
h1 { font-size: 1.5em } h2 { font-size: 1.15em; margin-top: 1.8em }
svg { max-width: 100%; min-width: 540px; height: auto } svg text { font-size: 12px; fill: #444 }
.grid { stroke: #e4e4e4 } .roof { fill: none; stroke: #b33; stroke-width: 1.5 } .way { stroke: #9ab; stroke-width: 1 }
.before { fill: #9ab } .now { fill: #2a6fbb; fill-opacity: .55; stroke: #1c4f88 }
.line { fill: none; stroke-width: 2 } .line.l0 { stroke: #2a6fbb } .line.l1 { stroke: #c7621c } .line.l2 { stroke: #2c8a4b }
.line.l3 { stroke: #8a3fa0 } .line.l4 { stroke: #666 }
svg text.l0 { fill: #2a6fbb } svg text.l1 { fill: #c7621c } svg text.l2 { fill: #2c8a4b } svg text.l3 { fill: #8a3fa0 }
.wide { overflow-x: auto } table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums }
td, th { padding: 2px 8px; text-align: right; border-bottom: 1px solid #eee; white-space: nowrap } .text { text-align: left }
td.schedule { white-space: normal; min-width: 30em }
svg .roofname { fill: #b33; font-size: 10px; paint-order: stroke; stroke: #fff; stroke-width: 3px } .sum td { font-weight: 600; border-top: 2px solid #999 } .note { color: #666; font-size: 13px }
)";

} // namespace

std::string searchPage(const SearchReport &report, const std::vector<SearchRow> &rows,
                       const std::string &title) {
  const TuneResult &result = report.result;
  std::string sums;
  if (result.modelSeconds > 0 && result.heuristicSeconds > 0)
    sums = fmt::format("The heuristic's schedules take {}, the ones found {}: <b>{:.3f} times as fast</b>. ",
                       timeText(result.heuristicSeconds), timeText(result.modelSeconds),
                       result.heuristicSeconds / result.modelSeconds);
  return fmt::format(
      "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
      "<meta name='viewport' content='width=device-width, "
      "initial-scale=1'><title>{0}</title><style>{1}</style></head>"
      "<body><h1>{0}</h1><p>{2}{3} trials, {4} of no use, in {5:.0f} s on {6}: {7:.0f} s measuring, {8:.0f} "
      "s "
      "compiling, {9:.0f} s reference values, {10:.0f} s proposing.</p>"
      "<h2>Kernels under the roof</h2>{11}<h2>Progress</h2>{12}<h2>Kernels</h2><div class='wide'>{13}</div>"
      "</body></html>\n",
      escaped(title), style, sums, result.trials, result.failures, result.seconds,
      escaped(report.device.name), result.times.measuring, result.times.compiling, result.times.reference,
      result.times.proposing, roofline(report, rows), progress(report), table(rows));
}

} // namespace tgc::driver
