// One run of the tuner: what it knows, and what its parts do.
#pragma once
#include "search/tune/Tuner.h"
#include <algorithm>
#include <chrono>
#include <future>
#include <mutex>
#include <random>
#include <set>

namespace tgc::tuning {

/// Seconds of a kernel: batches of such are smaller, and fewer finalists run.
inline constexpr double longTrial = 0.3;
inline constexpr double perTrial = 0.15; ///< seconds, roughly: loading, data, compiling

/// Adds the time that it lives to a sum.
class Stopwatch {
public:
  explicit Stopwatch(double &sum) : sum(sum), start(std::chrono::steady_clock::now()) {}
  ~Stopwatch() { sum += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); }

private:
  double &sum;
  std::chrono::steady_clock::time_point start;
};

struct State {
  size_t workload = 0;
  std::unique_ptr<Space> space;
  std::vector<Schedule> warm;
  std::unique_ptr<Strategy> strategy;     ///< made when it is first asked
  std::string heuristic;                  ///< its text
  std::map<std::string, double> seconds;  ///< usable, by schedule
  double best = 0;                        ///< seconds
  double expected = 0;                    ///< seconds, of a part before it is measured
  double least = 0;                       ///< seconds that no schedule can beat
  double spent = 0;                       ///< seconds of compiling and measuring
  enum { None, Gain, Alike } turn = None; ///< why it is in the wave under way
  double spentBefore = 0;                 ///< this turn
  double pace = 1;                        ///< how much longer the best takes now than when its time was taken
  size_t steady = 0, unpaced = 0;         ///< waves without a change of pace, and without a look at it
  std::vector<Candidate> postponed;       ///< proposed, but the time was kept for finalists
  std::set<std::string> finalists;        ///< measured again, by this run or one before
  size_t flat = 0;                        ///< trials since something better was found
  bool begun = false, done = false;
  bool triedHeuristic = false; ///< by this run
  bool adopted = false;        ///< its best is the database's and stays
  std::string apart;           ///< the schedule whose parts these are
  std::vector<size_t> parts;   ///< states of the kernels that its best schedule puts in its place
  TuneRow row;
};

struct Trial {
  size_t state = 0;
  Candidate candidate;
  std::optional<TuningRecord> answer;
  enum { Known, Hopeless, Mine, Others } kind = Known;
  CompileReply compiled;
};

struct Wave {
  std::vector<Trial> trials;
  std::vector<size_t> mine;
  std::future<std::vector<CompileReply>> compiling;
};

class TuneRun {
public:
  TuneRun(TuneHost &host, const DeviceInfo &device, Measurer &measurer, Database &database,
          const TuneOptions &options)
      : host(host), device(device), measurer(measurer), database(database), options(options),
        random(options.seed), start(now()) {}

  TuneResult run();
  std::vector<VerifyRow> verify();

private:
  static double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  }
  const Workload &workload(const State &state) const { return host.workloads()[state.workload]; }
  size_t launches(const State &state) const { return workload(state).launches; }
  const std::string &key(const State &state) const { return workload(state).record.key; }
  bool stopped() const { return options.stop && options.stop(); }
  double left() const { return options.budgetSeconds > 0 ? start + options.budgetSeconds - now() : -1; }
  bool over(double kept) const;

  // Tuner.cpp
  void addState(size_t index);
  /// Takes the database's best schedule, if there is one, with its parts' if it takes the kernel apart. Invalidates
  /// references to states.
  void adopt(size_t index);
  /// This wave and those after it, until what is left is kept for confirming.
  void runWaves(Wave next);
  static std::string bestOf(const State &state);
  double projected() const;
  void report(const State &state);
  TuneResult finish();

  // Waves.cpp
  /// The next trials, which begin to compile: heuristics' schedules first, then those of the workloads with
  /// most to gain. Workloads under way are left alone: their strategies wait for answers.
  Wave gather(const std::vector<Trial> &underWay);
  void propose(size_t index, size_t most, Wave &wave);
  /// Schedules of heuristics that need it, until the wave has so many trials.
  void proposeFirst(size_t most, Wave &wave);
  /// Makes a trial this process's own, unless another process is at it; with its answer, if that has come meanwhile.
  bool claim(const State &state, Trial &trial);
  void compile(Wave &wave);
  /// The host compiles one list at a time, and the next wave's may be under way.
  std::vector<CompileReply> compileInTurn(const std::vector<CompileJob> &jobs);
  void awaitCompiled(Wave &wave);
  void measureWave(Wave &wave);
  /// Another process' trial: its record comes, or its claim ends and the trial is ours.
  void awaitOthers(State &state, Trial &trial);
  void learn(const Trial &trial);

  // Parts.cpp
  /// Where the best schedule takes its kernel apart, the parts are tuned by themselves. Invalidates
  /// references to states.
  void takeUpParts(size_t index);
  /// Seconds of one launch: the best schedule's, or its parts' by themselves.
  double secondsOf(const State &state) const;
  /// Whether it is a part of schedules that are no longer their kernels' best.
  bool outdated(size_t index) const;
  static bool hasPart(const State &state, size_t index) {
    return std::find(state.parts.begin(), state.parts.end(), index) != state.parts.end();
  }
  /// Whether its heuristic's schedule is wanted whatever there is to gain: a model is compiled from records of all its
  /// kernels, those of proven schedules that take kernels apart included.
  bool needsFirst(size_t index) const;
  /// Parts' first trials belong to what they are parts of, whatever is left of the budget.
  bool tooLateForFirst(const State &state) const;
  /// Those that need it, and what these are taken apart to. Invalidates references to states.
  void measureNewParts();

  // Budget.cpp
  /// Seconds that a trial of this workload takes.
  double costOf(const State &state) const;
  /// What trials of this workload may still bring, in seconds of the model for a second of searching.
  double gain(const State &state) const;
  /// The workload whose turn it is, of those neither done nor taken.
  std::optional<size_t> choose(const std::vector<char> &taken);
  /// Puts what the wave's turns took to the account they were for.
  void settle(const Wave &wave);
  /// Trials of one turn.
  size_t batch() const;

  // Trials.cpp
  /// What this machine's database says of it. The heuristic's schedule has one more try in each run: without a time of it
  /// there is nothing to compare with, and what failed may have been the machine.
  std::optional<TuningRecord> known(const State &state, const std::string &schedule);
  MeasureRequest requestFor(const State &state, const std::string &package);
  /// Measures the best so far again, so that a wave's times can be compared with its own. Machines that others use change
  /// their pace every few seconds.
  void takePace(State &state);
  /// Measures, judges and stores. What was proven by an older version stays so in the database until finalists decide.
  TuningRecord measure(State &state, const std::string &schedule, const CompileReply &compiled);
  /// Measures what is stored again; whether it was proven stays as it is.
  TuningRecord remeasure(State &state, const TuningRecord &before);
  /// Measures and judges without storing.
  TuningRecord attempt(State &state, const std::string &schedule, const CompileReply &compiled, bool again,
                       MeasureReply &reply);

  // Finalists.cpp
  /// Seconds that measuring the finalists, and what proven ones take kernels apart to, will take.
  double reserve() const;
  static size_t rounds(const State &state);
  /// Whether its best is neither the heuristic's nor one that this run has measured again.
  bool unproven(const State &state) const;
  /// The best few schedules, and the heuristic's.
  static std::vector<std::string> finalistsOf(const State &state);
  /// All that is unproven, as long as there is time, with its parts. Invalidates references to states.
  void confirmAll();
  /// Measures the best again, unless that has been done: then false.
  bool confirm(State &state);
  /// Measures schedules again, in rounds. What does not beat the heuristic's, if that is among them, is not confirmed.
  void again(State &state, std::vector<std::string> chosen);

  TuneHost &host;
  const DeviceInfo &device;
  Measurer &measurer;
  Database &database;
  const TuneOptions &options;
  std::mt19937_64 random;
  double start;
  std::mutex compiling;
  std::string machine = machineName();
  std::vector<State> states;
  double spentOnGain = 0, spentAlike = 0; ///< seconds of turns
  TuneResult result;
};

} // namespace tgc::tuning
