// The hidden commands measure-worker and compile-worker: candidates run and are compiled in processes of their own.
#include "compiler/driver/Command.h"
#include "compiler/tune/CompileWorker.h"
#include "search/measure/Measure.h"

namespace tgc::driver {

void addWorkers(CLI::App &app) {
  app.add_subcommand("measure-worker", "Measure candidates; lines of JSON on standard input and output")
      ->group("")
      ->callback([] { serveMeasurements(); });
  app.add_subcommand("compile-worker", "Compile candidates; lines of JSON on standard input")
      ->group("")
      ->callback([] { serveCompilations(); });
}

} // namespace tgc::driver
