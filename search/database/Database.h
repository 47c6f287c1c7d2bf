// Tuning records in one SQLite file that several processes may use at the same time.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

struct sqlite3;

namespace tgc {

/// What a trial of a schedule came to.
enum class Outcome {
  Ok,
  Wrong,   ///< ran, and a sampled element disagreed with the reference
  Failed,  ///< did not compile, or the runtime refused it
  Crashed, ///< the measuring process died
  Hung,    ///< it took longer than its limit and was killed
  Memory,  ///< it wanted more memory than its limit
  Slow,    ///< clearly slower than another schedule, and stopped
};
const char *nameOf(Outcome outcome);
/// Nothing for a word that is none.
std::optional<Outcome> outcomeNamed(const std::string &name);

/// A kernel to be tuned, known by its canonical text.
struct WorkloadRecord {
  std::string key;   ///< 16 hexadecimal digits: the text's hash
  std::string text;  ///< canonical
  std::string shape; ///< for people
  std::string nodes; ///< ONNX nodes, where it was first seen
};

/// One schedule of one workload on one kind of device, as one machine found it.
struct TuningRecord {
  std::string workload, device, machine, schedule;
  Outcome outcome = Outcome::Ok;
  double seconds = 0; ///< median; of a Slow one what it had taken when it was stopped; 0 unless Ok or Slow
  double spread = 0;  ///< between the quartiles, as a part of the median
  int samples = 0;
  bool confirmed = false; ///< proven among the finalists; or the heuristic's, that needs no proof
  std::string strategy = {}, version = {}, message = {};
  int64_t time = 0; ///< seconds since 1970
};

/// Measured samples behind a record, and what they were measured with.
struct Evidence {
  std::vector<double> seconds;
  std::string compiler, runtime, conditions;
  int64_t time = 0;
};

/// What code that a driver's compiler has made depends on.
struct NativeKey {
  std::string device;  ///< the kind of device and its name
  std::string driver;  ///< its version
  std::string options; ///< of its compiler
  std::string code;    ///< length and hash of what it compiled
};

/// All calls throw tgc::Error: BadInput for a file that is no database of ours or of a newer format, Device where
/// the disk fails. Every call is one transaction: killing the process at any moment loses no finished call
/// and leaves no half of one.
class Database {
public:
  /// Opens or creates. A read-only database that does not exist is an error.
  explicit Database(const std::string &path, bool readOnly = false);
  ~Database();
  Database(const Database &) = delete;
  Database &operator=(const Database &) = delete;

  void addWorkload(const WorkloadRecord &workload);
  std::optional<WorkloadRecord> workload(const std::string &key);
  std::vector<WorkloadRecord> workloads();

  /// Adds, or replaces what this machine found before for the same workload, device and schedule; keeps the
  /// evidence of both. Ends the caller's claim of it. Adds the workload again if it was added here: another process's
  /// prune() may have deleted it for having no record.
  void store(const TuningRecord &record, const Evidence &evidence);
  std::optional<TuningRecord> find(const std::string &workload, const std::string &device,
                                   const std::string &machine, const std::string &schedule);
  /// All of a workload and a device (empty: of all), best first: usable ones, this machine's before others', each
  /// machine's in byPreference's order, then those that failed.
  std::vector<TuningRecord> records(const std::string &workload, const std::string &device,
                                    const std::string &machine);
  std::vector<Evidence> evidence(const TuningRecord &record);

  /// Tries to reserve a trial for this process; false while another living process has it. A claim ends with
  /// store(), release(), its owner's death, or after `seconds`.
  bool claim(const std::string &workload, const std::string &device, const std::string &schedule,
             double seconds);
  void release(const std::string &workload, const std::string &device, const std::string &schedule);

  /// Code that a driver's compiler has made; keeps it from being pruned for a while.
  std::optional<std::vector<uint8_t>> nativeCode(const NativeKey &key);
  /// Stores such code in place of what was there. What was not used for longest goes when all of it is more than
  /// `mostNativeBytes`.
  void storeNativeCode(const NativeKey &key, std::span<const uint8_t> code);
  static constexpr int64_t mostNativeBytes = int64_t(1) << 30;

  /// Takes over what another file has and this one has not; of the same record the confirmed one, else the newer.
  /// Gives how many.
  size_t merge(const std::string &path);
  /// Deletes what no best choice can come from: all but the first `keep` by preference of each workload's, device's
  /// and machine's usable records, and failures older than `failureSeconds`. Gives how many. Native code that was not
  /// used for so long goes too.
  size_t prune(size_t keep, int64_t failureSeconds);

private:
  class Statement;
  class Transaction;
  void remove(const TuningRecord &record);
  void execute(const char *sql);
  void open(int flags);
  /// False where readers cannot make the shared memory that they need beside a file that has no writer: in a read-only
  /// folder. It must then be opened as one that nobody changes.
  bool shares();
  int64_t userVersion();
  /// Writers do not hold up readers, and a killed one leaves nothing behind.
  void useLog();
  sqlite3 *db = nullptr;
  std::string path, uri;
  std::map<std::string, WorkloadRecord> added; ///< by key
};

/// This machine's name in records: the host and the processor.
std::string machineName();

} // namespace tgc
