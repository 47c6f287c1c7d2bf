// tgc check: what a model needs before it is compiled, and whether its outputs agree with reference data.
#include "compiler/driver/Command.h"
#include "compiler/driver/DeviceNames.h"
#include "compiler/driver/Progress.h"
#include "compiler/driver/Reports.h"
#include "compiler/driver/TestData.h"
#include "runtime/format/Error.h"
#include "runtime/format/File.h"
#include <fstream>

namespace tgc::driver {
namespace {

struct Arguments : ModelArguments {
  std::string data, cases;
  std::string json;
  std::optional<double> tolerance, relative, absolute;

  /// Where to run: what --device names, if that is a device of this machine.
  std::string runtimeDevice() const { return namesDevice(device) ? device : ""; }
  bool onReference() const { return device == "reference"; }

  CompileOptions options() const {
    ModelArguments model = *this;
    if (onReference())
      model.device = "cpu";
    CompileOptions options = model.options();
    if (onReference())
      options.until = "kernel";
    return options;
  }

  Tolerance judgement(Compilation &compilation) const {
    if (relative || absolute)
      return {relative.value_or(0), absolute.value_or(0), true};
    return {tolerance.value_or(hasNarrowBuffers(compilation) ? 2e-2 : 1e-4), 0, false};
  }

private:
  /// Whether values are kept in 16 bits between kernels, or multiplied in them.
  bool hasNarrowBuffers(Compilation &compilation) const {
    if (!precision.empty() && precision != "keep")
      return precision != "f32";
    bool narrow = false;
    compilation.program().walk([&](mlir::Operation *op) {
      for (mlir::Type type : op->getResultTypes())
        if (auto buffer = llvm::dyn_cast<mlir::MemRefType>(type))
          narrow |=
              llvm::isa<mlir::FloatType>(buffer.getElementType()) && buffer.getElementTypeBitWidth() < 32;
    });
    return narrow;
  }
};

struct Outcome {
  int code = 0;
  std::string message;
};

/// Compiles, runs and compares one model; errors become outcomes.
Outcome checkCase(const Arguments &arguments, const CompileOptions &options, const std::string &data) {
  try {
    TestData testData = readTestData(options.model, data);
    std::unique_ptr<Compilation> compilation = compileFor(testData, options);
    Arrays outputs = arguments.onReference() ? runOnReference(*compilation, testData)
                                             : runOnDevice(*compilation, testData, arguments.runtimeDevice());
    Outcome outcome;
    for (const OutputVerdict &verdict : judge(outputs, testData, arguments.judgement(*compilation))) {
      outcome.message +=
          fmt::format("{}{} {} max error {:.3g}, {:.3g} of scale {:.3g}", outcome.message.empty() ? "" : "; ",
                      verdict.passed ? "ok" : "WRONG", verdict.name, verdict.difference.maxError,
                      verdict.difference.relative(), verdict.difference.scale);
      if (!verdict.passed)
        outcome.code = static_cast<int>(ErrorKind::Internal);
    }
    return outcome;
  } catch (const Error &error) {
    return {error.exitCode(), error.what()};
  } catch (const runtime::Error &error) {
    return {static_cast<int>(error.kind), error.what()};
  } catch (const std::exception &error) {
    return {static_cast<int>(ErrorKind::Internal), error.what()};
  }
}

/// Many cases, one line of JSON each, written as soon as it is known: after a crash the answers so far are there.
void checkCases(const Arguments &arguments) {
  std::ifstream list(arguments.cases);
  if (!list)
    badInput("{}: cannot be read", arguments.cases);
  if (arguments.json.empty())
    usageError("--cases needs --json FILE for its answers");
  std::ofstream answers(arguments.json, std::ios::app);
  for (std::string line; std::getline(list, line);) {
    size_t tab = line.find('\t');
    if (tab == std::string::npos)
      badInput("{}: expected MODEL<tab>FOLDER, got '{}'", arguments.cases, line);
    CompileOptions options = arguments.options();
    options.progress = {};
    options.model = line.substr(0, tab);
    Outcome outcome = checkCase(arguments, options, line.substr(tab + 1));
    answers << nlohmann::json{{"model", options.model.string()},
                              {"exit", outcome.code},
                              {"message", outcome.message}}
                   .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)
            << std::endl;
    if (!answers)
      throw Error(ErrorKind::Device, arguments.json + ": cannot be written");
  }
}

void preflight(const Arguments &arguments) {
  CompileOptions options = arguments.options();
  options.until = "schedule";
  Compilation compilation(options);
  compilation.run();
  clearProgress();
  if (!arguments.json.empty()) {
    std::string text = preflightJson(compilation).dump(2) + "\n";
    if (arguments.json == "-")
      fmt::print("{}", text);
    else
      runtime::writeFileAtomically(arguments.json,
                                   runtime::Bytes(std::vector<uint8_t>(text.begin(), text.end())));
    return;
  }
  fmt::print("{}", kernelsText(compilation));
  fmt::print("{}", preflightText(compilation));
  if (arguments.verbose)
    fmt::print(stderr, "{}", timesText(compilation.times()));
}

void check(const Arguments &arguments) {
  if (!arguments.cases.empty())
    return checkCases(arguments);
  if (arguments.model.empty())
    usageError("check needs a model, or --cases");
  if (arguments.data.empty() && arguments.onReference())
    usageError("--device reference evaluates a model on test data: it needs --data");
  if (arguments.data.empty())
    return preflight(arguments);
  Outcome outcome = checkCase(arguments, arguments.options(), arguments.data);
  clearProgress();
  if (outcome.code != 0)
    throw Error(static_cast<ErrorKind>(outcome.code), outcome.message);
  fmt::print("{}\n", outcome.message);
}

} // namespace

void addCheck(CLI::App &app) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App *command =
      app.add_subcommand("check", "Say what a model needs, or compare its outputs with reference data");
  arguments->addTo(*command);
  command->get_option("model")->required(false);
  command->add_option("--data", arguments->data,
                      "folder of ONNX test data (input_N.pb, output_N.pb) to compare with; with --device "
                      "reference the kernels are\n"
                      "evaluated in double precision instead of compiled");
  command->add_option("--tolerance", arguments->tolerance,
                      "largest error as a part of the output's scale (default 1e-4; 2e-2 in 16 or 8 bits)");
  command->add_option("--rtol", arguments->relative, "compare every element, with this relative tolerance");
  command->add_option("--atol", arguments->absolute, "compare every element, with this absolute tolerance");
  command->add_option("--cases", arguments->cases, "file of many cases, a line MODEL<tab>FOLDER each");
  command->add_option("--json", arguments->json,
                      "write JSON to this file ('-': standard output); with --cases a line a case");
  command->callback([arguments] { check(*arguments); });
}

} // namespace tgc::driver
