// tgc compile: a model to a package, or to a stage's text.
#include "compiler/driver/Command.h"
#include "compiler/driver/Progress.h"
#include "compiler/driver/Records.h"
#include "compiler/driver/Reports.h"
#include "compiler/driver/SearchTable.h"
#include "compiler/support/Error.h"
#include "runtime/format/File.h"

namespace tgc::driver {
namespace {

struct Arguments : ModelArguments {
  std::string output, emit;
  SearchArguments search;
  bool json = false, locked = false;
};

/// Compiles with what the database has, writes the package, searches, and compiles again with what was found: there
/// is a usable package from the first minute on.
std::string searchBetween(const Arguments &arguments, const std::function<void()> &build) {
  TuneOptions tuning = arguments.search.options();
  openDatabase(arguments.database);
  build();
  CompileOptions options = static_cast<const ModelArguments &>(arguments).options();
  SearchReport report = searchModel(options, arguments.database, tuning, arguments.search.cutSeconds());
  return searchTable(report, searchRows(report, *openDatabase(arguments.database)), 20);
}

std::unique_ptr<Compilation> build(const Arguments &arguments) {
  CompileOptions options = arguments.options();
  options.until = arguments.emit;
  options.locked = arguments.locked;
  if (arguments.locked && !options.recorded)
    badInput("--locked: there is no database {}", databasePath(arguments.database));
  auto compilation = std::make_unique<Compilation>(options);
  compilation->run();
  clearProgress();
  if (arguments.verbose)
    fmt::print(stderr, "{}", timesText(compilation->times()));
  return compilation;
}

constexpr const char *standardOutput = "-";

void compile(const Arguments &arguments) {
  if (arguments.emit.empty() && arguments.output == standardOutput)
    usageError("-o -: a package goes to a file; standard output is for --emit");
  std::string output =
      arguments.output.empty()
          ? std::filesystem::path(arguments.model).filename().replace_extension(".tgc").string()
          : arguments.output;
  std::string table;
  if (!arguments.search.search.empty()) {
    if (!arguments.emit.empty())
      usageError("--search goes with a package, not with --emit");
    if (arguments.locked)
      usageError("--locked builds from the database alone, it does not --search");
    table = searchBetween(arguments, [&] { runtime::writePackage(build(arguments)->package(), output); });
  } else if (!arguments.search.budget.empty()) {
    usageError("--budget goes with --search");
  }
  std::unique_ptr<Compilation> compilation = build(arguments);
  if (!arguments.emit.empty()) {
    std::string text = compilation->text();
    if (arguments.output.empty() || arguments.output == standardOutput)
      fmt::print("{}", text);
    else
      runtime::writeFileAtomically(arguments.output,
                                   runtime::Bytes(std::vector<uint8_t>(text.begin(), text.end())));
    return;
  }
  runtime::writePackage(compilation->package(), output);
  if (arguments.json)
    fmt::print("{}\n", packageJson(*compilation, output).dump(2));
  else
    fmt::print("{}{}", table, packageText(*compilation, output));
}

} // namespace

void addCompile(CLI::App &app) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App *command = app.add_subcommand("compile", "Compile a model into a package");
  arguments->addTo(*command);
  arguments->search.addTo(*command);
  command->add_flag("--locked", arguments->locked,
                    "build from the database alone; a kernel that it lacks is an error");
  std::vector<std::string> stages;
  for (const auto &[name, purpose] : stageNames())
    stages.push_back(name);
  command->add_option("-o,--output", arguments->output,
                      "file to write (default: MODEL.tgc, or with --emit standard output, also called -)");
  command->add_option("--emit", arguments->emit, "stop after this stage and write its text")
      ->check(CLI::IsMember(stages));
  command->add_flag("--json", arguments->json, "print the summary as JSON");
  command->callback([arguments] { compile(*arguments); });
}

} // namespace tgc::driver
