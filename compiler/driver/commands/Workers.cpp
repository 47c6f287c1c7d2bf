// The hidden commands measure-worker and compile-worker: candidates run and are compiled in processes of their own.
#include "compiler/driver/Command.h"
#include "compiler/tune/CompileWorker.h"
#include "search/measure/Measure.h"
#include <sys/prctl.h>

namespace tgc::driver {

/// The link by which they are started (thisProgram) is called "exe", and so would they be in lists of processes.
static void takeName() { prctl(PR_SET_NAME, "tgc"); }

void addWorkers(CLI::App &app) {
  app.add_subcommand("measure-worker", "Measure candidates; lines of JSON on standard input and output")
      ->group("")
      ->callback([] {
        takeName();
        serveMeasurements();
      });
  app.add_subcommand("compile-worker", "Compile candidates; lines of JSON on standard input")
      ->group("")
      ->callback([] {
        takeName();
        serveCompilations();
      });
}

} // namespace tgc::driver
