// The tuning database of a compilation.
#pragma once
#include "compiler/pipeline/Compilation.h"
#include "search/database/Database.h"

namespace tgc::driver {

/// The file that --db names, else the user's own.
std::string databasePath(const std::string &argument);
/// What CompileOptions::recorded asks, for a device's name. Empty where the user's own file does not exist yet. Throws
/// tgc::Error (BadInput) when a file named by --db does not.
std::function<std::vector<std::string>(uint64_t kernel)> recordedSchedules(const std::string &argument,
                                                                           const std::string &device);

/// What CompileOptions::recordedCut asks: decisions of the cutter that the best measured cut of a graph turns.
std::function<std::vector<std::string>(uint64_t graph)> recordedCuts(const std::string &argument,
                                                                     const std::string &device);

/// What CompileOptions::kept is: the same file, if it is there and can be written, for this build of the program.
std::shared_ptr<FrontKeeper> keptFronts(const std::string &argument);

} // namespace tgc::driver
