#include "compiler/tune/ModelCuts.h"

#include "compiler/support/Error.h"
#include "compiler/tune/Session.h"
#include <algorithm>

namespace tgc {

/// A decision moves as much as its dearer side costs; one that was a close call is likelier to be wrong.
static double stakeOf(const CutDecision &decision) {
  double more = std::max(decision.yesSeconds, decision.noSeconds);
  double less = std::min(decision.yesSeconds, decision.noSeconds);
  return more > 0 ? double(decision.count) * (more + 3 * less) / 4 : 0;
}

std::optional<CutTrial> ModelCuts::measure(const std::vector<std::string> &turned, double seconds) {
  CompileOptions options = front;
  options.turned = turned;
  options.until = "kernel";
  Compilation compilation(options);
  try {
    compilation.run();
  } catch (const Error &) {
    // A cut that the cutter cannot make.
    return std::nullopt;
  }
  TuneSession session(compilation, options.device, program, options.jobs);
  TuneOptions tune = tuning;
  tune.newOnly = true;
  tune.budgetSeconds = std::max(seconds, 1e-3);
  tune.modelBytes = session.modelBytes();
  Tuned &made = known[turned] = {{}, tgc::tune(session, device, measurer, database, tune)};
  made.workloads = session.workloads();
  CutTrial trial{made.result.modelSeconds, {}};
  for (const TuneRow &row : made.result.rows)
    if (!row.part && row.seconds <= 0) {
      if (row.trials + row.known > 0 && !made.result.stopped)
        return std::nullopt;
      trial.seconds = 0;
    }
  for (const CutDecision &decision : compilation.cut().decisions)
    trial.alternatives.push_back({decision.name, stakeOf(decision)});
  return trial;
}

} // namespace tgc
