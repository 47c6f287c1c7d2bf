// Tunes the kernels of a model within a budget: trials go where they promise most of the model's time.
#pragma once
#include "search/database/Database.h"
#include "search/measure/Measure.h"
#include "search/strategies/Strategy.h"
#include <functional>
#include <map>

namespace tgc {

/// A kernel of the model that is tuned by itself.
struct Workload {
  std::string name; ///< the kernel's symbol
  WorkloadRecord record;
  KernelInfo info;
  size_t launches = 1; ///< in one run of the model
};

/// A candidate to compile.
struct CompileJob {
  size_t workload = 0;
  std::string schedule;
};

struct CompileReply {
  std::string package; ///< file; empty if the candidate did not compile
  std::string message;
  std::string remarks; ///< of the assembler: spills, or instructions that it could not arrange as asked
};

/// What the compiler does for the tuner.
class TuneHost {
public:
  virtual ~TuneHost() = default;
  virtual const std::vector<Workload> &workloads() const = 0;
  /// A schedule that takes its kernel apart: the kernels in its place become workloads too. Gives their
  /// positions; none for other schedules.
  virtual std::vector<size_t> parts(size_t workload, const std::string &schedule) = 0;
  /// A package for each candidate, compiled side by side, and once. Calls do not overlap each other, but may
  /// overlap calls of the other functions.
  virtual std::vector<CompileReply> compile(const std::vector<CompileJob> &jobs) = 0;
  /// Elements of the workload's outputs to compare, among them corners and edges.
  virtual const std::vector<SampledElement> &samples(size_t workload, uint64_t seed) = 0;
  /// Which of the samples' values are wrong, in words; empty if none.
  virtual std::string disagreement(size_t workload, const std::vector<double> &values) = 0;
};

struct TuneProgress {
  std::string kernel;
  size_t trials = 0, failures = 0;
  double kernelSeconds = 0; ///< best of this kernel
  double modelSeconds = 0;  ///< projected, of the whole model
  double secondsLeft = 0;   ///< of the budget; negative: no limit
};

struct TuneOptions {
  StrategyChoice strategy{"beam", 0};
  double budgetSeconds = 0; ///< 0: until the strategy ends
  int64_t budgetTrials = 0; ///< 0: no limit
  uint64_t seed = 1;
  std::string device = "cpu"; ///< as the runtime names it
  std::string compiler;       ///< its version
  uint64_t modelBytes =
      0; ///< what one run of the model goes through: more than the caches hold makes them cold
  uint64_t memoryBytes = 0; ///< of the measuring process; 0: from the workload's size
  size_t jobs = 2;          ///< candidates that compile at a time
  /// Compare a wave's times with the best's in the same wave: where others use the device's cores.
  bool takePace = false;
  bool besideMeasuring = false; ///< compile while the device measures: where it is not made of the same cores
  std::map<size_t, std::string> faults; ///< test only: trial → crash, hang, memory, wrong
  /// Workloads that the database has a usable record of are taken as they are: only the others are tuned.
  bool newOnly = false;
  std::function<bool()> stop; ///< asked between trials
  std::function<void(const TuneProgress &)> progress;
};

/// What became of one workload.
struct TuneRow {
  size_t workload = 0;
  std::string schedule; ///< the best; empty text is a schedule too
  double seconds = 0;   ///< 0: nothing usable was measured
  double heuristicSeconds = 0;
  size_t trials = 0, known = 0; ///< measured now; answered by the database
  bool part = false;            ///< a kernel that stands in the place of others, which are rows too
};

/// Where the time of a search went, in seconds.
struct TuneTimes {
  double proposing = 0, compiling = 0, reference = 0, measuring = 0;
};

/// How far a search had come.
struct TunePoint {
  double seconds = 0; ///< since it began
  size_t trials = 0;
  double modelSeconds = 0; ///< projected
};

struct TuneResult {
  std::vector<TuneRow> rows;
  size_t trials = 0, failures = 0;
  TuneTimes times;
  std::vector<TunePoint> history; ///< whenever the projection got better, from all kernels' first times on
  double seconds = 0;             ///< of searching
  bool stopped = false;           ///< by `stop`
  double modelSeconds = 0, heuristicSeconds = 0; ///< sums over the launches of tuned workloads
};

/// Every finished trial is in the database when its measurement ends, and is not measured again: the same
/// call after a kill goes on where it stopped.
TuneResult tune(TuneHost &host, const DeviceInfo &device, Measurer &measurer, Database &database,
                const TuneOptions &options);

/// A stored best schedule, measured again.
struct VerifyRow {
  size_t workload = 0;
  TuningRecord before, after;
};
/// Measures the best record of every workload again and stores what came out.
std::vector<VerifyRow> verifyRecords(TuneHost &host, const DeviceInfo &device, Measurer &measurer,
                                     Database &database, const TuneOptions &options);

/// The name under which a device's records are kept: schedules suit a kind of device, not one machine.
std::string deviceKey(const DeviceInfo &device);
/// A workload's key from its kernel's hash.
std::string workloadKey(uint64_t hash);

} // namespace tgc
