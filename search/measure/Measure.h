// What search asks of a device: run a compiled candidate, and say how long it took and what it computed.
#pragma once
#include "search/database/Database.h"
#include <cstdint>
#include <string>
#include <vector>

namespace tgc {

/// One element of an output, by its place in the output's memory.
struct SampledElement {
  std::string output;
  int64_t element = 0;
};

struct MeasureRequest {
  std::string package;        ///< file of the candidate's package
  std::string device = "cpu"; ///< as the runtime names it
  uint64_t seed = 1;          ///< of inputs and weights (tgc_random_fill)
  std::vector<SampledElement> samples;
  /// Bytes to go through before each run, so that what the model has cold is cold here; 0: caches stay warm.
  uint64_t coldBytes = 0;
  /// Inputs that together are no larger than this are touched again after that: the kernel before has just made them.
  uint64_t warmInputs = 0;
  double giveUpAbove =
      0; ///< seconds; a run that takes longer ends the measuring, and is ended itself; 0: never
  double leastSeconds = 0.03; ///< of measured time
  int leastRuns = 2, mostRuns = 15;
  double longRun = 0.25;    ///< seconds; of a kernel that takes this long the first run counts, and is enough
  double loadSeconds = 120; ///< for loading the package: drivers' compilers take their time
  double limitSeconds = 20; ///< for everything after that
  uint64_t memoryBytes = 0; ///< it may take beyond what the process holds already; 0: no bound
  std::string fault;        ///< test only: crash, hang, memory or wrong
};

struct MeasureReply {
  Outcome outcome = Outcome::Failed;
  std::string message;
  double median = 0, spread = 0; ///< seconds; the quartiles' distance as a part of the median
  std::vector<double> seconds;   ///< of each run
  std::vector<double> values;    ///< of the samples, after the first run
  bool noDevice = false;         ///< the device does not open: no candidate's fault
};

/// Runs candidates on a device. A bad candidate is an outcome; a device that does not open is a tgc::Error (Device).
class Measurer {
public:
  virtual ~Measurer() = default;
  virtual MeasureReply measure(const MeasureRequest &request) = 0;
  /// The next measurement starts from nothing: another process, cold driver state.
  virtual void refresh() = 0;
};

/// Measures in a process of its own (`command`, which must run serveMeasurements), restarted after a crash, a hang or too
/// much memory. One measurement a machine at a time: others wait for their turn.
std::unique_ptr<Measurer> makeProcessMeasurer(std::vector<std::string> command);

/// The other side: answers requests on standard input until it ends. Gives the process's exit code.
int serveMeasurements();

/// What the other side says before its reply once the package is loaded.
constexpr const char *loadedLine = "loaded";
/// One line of JSON, both ways.
std::string printRequest(const MeasureRequest &request);
MeasureRequest parseRequest(const std::string &line);
std::string printReply(const MeasureReply &reply);
MeasureReply parseReply(const std::string &line);

/// Fills in median and spread from the runs' times.
void summarise(MeasureReply &reply);

} // namespace tgc
