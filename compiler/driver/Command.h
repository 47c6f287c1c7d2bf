// The commands of `tgc`: each adds itself to the command line and does its work in a callback.
#pragma once
#include "compiler/pipeline/Compilation.h"
#include <CLI/CLI.hpp>

namespace tgc::driver {

void addCompile(CLI::App &app);
void addCheck(CLI::App &app);
void addRun(CLI::App &app);
void addBench(CLI::App &app);
void addKernels(CLI::App &app);
void addWeights(CLI::App &app);
void addDevices(CLI::App &app);
void addTune(CLI::App &app);
void addDb(CLI::App &app);
/// Hidden: the processes that compile and measure candidates.
void addWorkers(CLI::App &app);

/// Options that compile, check and kernels have in common.
struct ModelArguments {
  std::string model, device = "cpu", precision, from;
  std::string database; ///< tuning records; empty: the user's own file
  std::vector<std::string> shapes, schedules, turned;
  unsigned jobs = 0;
  bool verbose = false;

  void addTo(CLI::App &command);
  /// Throws tgc::Error (Usage) for a malformed --shape or --schedule.
  CompileOptions options() const;
};

/// Splits "name=value"; throws tgc::Error (Usage) that names the option when there is no '='.
std::pair<std::string, std::string> splitAssignment(const std::string &text, const char *option);

} // namespace tgc::driver
