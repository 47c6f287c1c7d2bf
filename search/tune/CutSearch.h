// Searches the cutter's decisions (which values are stored, and which computed where they are used): each of them
// changes several kernels, so what counts is the sum of all kernels' times.
#pragma once
#include "search/database/Database.h"
#include <functional>

namespace tgc {

/// A decision of the cutter that can be made the other way.
struct CutAlternative {
  std::string name;
  double stake =
      0; ///< seconds of a run that it moves at least, by the cutter's cost model; only their order matters
};

/// A cut whose kernels were tuned.
struct CutTrial {
  double seconds = 0; ///< sum over the launches of the best schedules; 0: not all kernels had their turn
  std::vector<CutAlternative> alternatives;
};

/// What the compiler and the tuner do for the search.
class CutHost {
public:
  virtual ~CutHost() = default;
  /// Cuts with these decisions turned and tunes the kernels that are new, for about so many seconds. Nothing: there
  /// is no such cut, or none that runs.
  virtual std::optional<CutTrial> measure(const std::vector<std::string> &turned, double seconds) = 0;
};

struct CutSearchOptions {
  std::string graph; ///< the model's, a workload's key; records of its cuts are kept under it
  std::string device, compiler, name;
  double budgetSeconds = 0;
  std::function<bool()> stop; ///< asked between cuts
};

struct CutSearchResult {
  std::vector<std::string> turned; ///< of the best cut
  size_t cuts = 0;                 ///< measured now
  double startSeconds = 0, seconds = 0;
};

/// Goes on from the cut with `start` turned, one decision at a time: those that move most first; each that makes the
/// sum clearly less stays turned. Every cut that was measured becomes a record, whose schedule is the names of what is
/// turned; none that this version has a record of is measured again.
CutSearchResult searchCuts(CutHost &host, Database &database, const std::vector<std::string> &start,
                           const CutSearchOptions &options);

/// Names of turned decisions as one text, and back.
std::string printTurned(const std::vector<std::string> &turned);
std::vector<std::string> parseTurned(const std::string &text);

} // namespace tgc
