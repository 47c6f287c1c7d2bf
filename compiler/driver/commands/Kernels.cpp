// tgc kernels: the kernels of a model and how they would run; without compiling them unless told to.
#include "compiler/driver/Command.h"
#include "compiler/driver/Progress.h"
#include "compiler/driver/Reports.h"

namespace tgc::driver {

void addKernels(CLI::App &app) {
  struct Arguments : ModelArguments {
    bool json = false, code = false, decisions = false;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App *command =
      app.add_subcommand("kernels", "List a model's kernels, their work, schedules and plans");
  arguments->addTo(*command);
  command->add_flag("--json", arguments->json, "print JSON");
  command->add_flag("--code", arguments->code,
                    "compile them too: registers, spills and the assembler's warnings");
  command->add_flag("--decisions", arguments->decisions,
                    "list what the cutter decided by cost instead: what --turn takes");
  command->callback([arguments] {
    CompileOptions options = arguments->options();
    if (arguments->decisions) {
      options.until = "kernel";
      Compilation compilation(options);
      compilation.run();
      clearProgress();
      fmt::print("{}", decisionsText(compilation.cut()));
      return;
    }
    options.until = arguments->code ? "code" : "schedule";
    Compilation compilation(options);
    compilation.run();
    clearProgress();
    if (arguments->json)
      fmt::print("{}\n", kernelsJson(compilation).dump(2));
    else
      fmt::print("{}", kernelsText(compilation));
  });
}

} // namespace tgc::driver
