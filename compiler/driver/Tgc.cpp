// tgc: the command.
#include "compiler/driver/Command.h"
#include "compiler/driver/Progress.h"
#include "compiler/support/Error.h"
#include "runtime/format/Error.h"
#include "runtime/include/tgc/tgc.h"

using namespace tgc;

/// Exit code of an error that escaped a command; its message goes to standard error, one "error: " each.
static int report(int code, const char *message) {
  driver::clearProgress();
  fmt::print(stderr, "error: {}\n", message);
  return code;
}

int main(int argc, char **argv) {
  CLI::App app{"tgc compiles tensor graphs ahead of time."};
  app.set_version_flag("--version", std::string("tgc ") + tgc_version());
  app.require_subcommand(1);
  app.footer("Exit codes: 0 fine, 1 internal error, 2 usage, 3 bad input, 4 unsupported, 5 device error.");
  driver::addCompile(app);
  driver::addCheck(app);
  driver::addRun(app);
  driver::addBench(app);
  driver::addKernels(app);
  driver::addWeights(app);
  driver::addDevices(app);
  driver::addTune(app);
  driver::addDb(app);
  driver::addWorkers(app);
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ErrorKind::Usage);
  } catch (const Error &error) {
    return report(error.exitCode(), error.what());
  } catch (const runtime::Error &error) {
    return report(static_cast<int>(error.kind), error.what());
  } catch (const std::bad_alloc &) {
    return report(static_cast<int>(ErrorKind::Device), "out of memory");
  } catch (const std::exception &error) {
    return report(static_cast<int>(ErrorKind::Internal), error.what());
  }
}
