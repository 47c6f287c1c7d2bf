// tgc compile: a model to a package, or to a stage's text.
#include "compiler/driver/Command.h"
#include "compiler/driver/Progress.h"
#include "compiler/driver/Reports.h"
#include "compiler/support/Error.h"
#include "runtime/format/File.h"

namespace tgc::driver {
namespace {

struct Arguments : ModelArguments {
  std::string output, emit;
  bool json = false;
};

void compile(const Arguments &arguments) {
  CompileOptions options = arguments.options();
  options.until = arguments.emit;
  Compilation compilation(options);
  compilation.run();
  clearProgress();
  if (arguments.verbose)
    fmt::print(stderr, "{}", timesText(compilation.times()));
  if (!arguments.emit.empty()) {
    std::string text = compilation.text();
    if (arguments.output.empty())
      fmt::print("{}", text);
    else
      runtime::writeFileAtomically(arguments.output, runtime::Bytes(std::vector<uint8_t>(text.begin(), text.end())));
    return;
  }
  std::string output = arguments.output.empty()
                           ? std::filesystem::path(arguments.model).filename().replace_extension(".tgc").string()
                           : arguments.output;
  runtime::writePackage(compilation.package(), output);
  if (arguments.json)
    fmt::print("{}\n", packageJson(compilation, output).dump(2));
  else
    fmt::print("{}", packageText(compilation, output));
}

} // namespace

void addCompile(CLI::App &app) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App *command = app.add_subcommand("compile", "Compile a model into a package");
  arguments->addTo(*command);
  std::vector<std::string> stages;
  for (const auto &[name, purpose] : stageNames())
    stages.push_back(name);
  command->add_option("-o,--output", arguments->output, "file to write (default: MODEL.tgc, or standard output with --emit)");
  command->add_option("--emit", arguments->emit, "stop after this stage and write its text")->check(CLI::IsMember(stages));
  command->add_flag("--json", arguments->json, "print the summary as JSON");
  command->callback([arguments] { compile(*arguments); });
}

} // namespace tgc::driver
