// tgc-graph-eval MODEL.onnx --data DIR: imports a model, evaluates the graph stage in double precision on the
// inputs of an ONNX test data set and compares with its outputs. --cases LIST runs many: a line MODEL<tab>DIR
// for each. The words of `tgc check` are understood, so that tests/onnx_backend/run.py can run this tool in
// its place.
//
// Inputs whose values must be known at compile time are bound as constants from the data set.
#include "compiler/graph/Evaluate.h"
#include "frontends/onnx/Import.h"
#include "frontends/onnx/NodeContext.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include <chrono>
#include <cmath>
#include <fstream>
#include <iostream>

using namespace tgc;
namespace fs = std::filesystem;

namespace {

struct Options {
  double tolerance = 1e-4;
  std::optional<std::string> precision;
  graph::Rounding rounding = graph::Rounding::Explicit;
  bool bindIntegers = false; ///< all integer and bool inputs become constants
};

struct Outcome {
  int exit = 0;
  std::string message;
};

std::map<std::string, onnx::ConstantTensor> readTensors(const fs::path &directory, const char *prefix,
                                                        const std::vector<std::string> &names) {
  std::map<std::string, onnx::ConstantTensor> result;
  for (size_t i = 0; i < names.size(); ++i)
    if (fs::path file = directory / fmt::format("{}_{}.pb", prefix, i); fs::exists(file))
      result[names[i]] = onnx::readTensorFile(file);
  return result;
}

/// Binds what the importer asks for until it asks for nothing more.
mlir::OwningOpRef<mlir::ModuleOp> importWithData(mlir::MLIRContext &context, const fs::path &model,
                                                 const std::map<std::string, onnx::ConstantTensor> &inputs,
                                                 onnx::ImportOptions &options) {
  for (auto &[name, tensor] : inputs)
    options.shapes[name] = tensor.shape;
  for (;;) {
    try {
      return onnx::importModel(context, model, options);
    } catch (const onnx::ImportError &error) {
      bool bound = false;
      for (const std::string &name : error.constantInputs)
        if (auto it = inputs.find(name); it != inputs.end())
          bound |= options.constants.insert(*it).second;
      if (!bound)
        throw;
    }
  }
}

graph::HostTensorPtr toHost(mlir::MLIRContext &context, const onnx::ConstantTensor &tensor,
                            mlir::Type element) {
  auto value = graph::fromBytes(tensor.shape, onnx::mlirType(&context, tensor.dtype), tensor.bytes);
  if (auto type = mlir::dyn_cast<mlir::FloatType>(element); type && value.isFloat()) {
    value.element = type; // --precision gives arguments another type
    for (double &v : value.floats)
      v = graph::roundToType(v, type);
  }
  return std::make_shared<graph::HostTensor>(std::move(value));
}

/// The largest |got − wanted| / (|wanted| + scale) where scale is the largest finite magnitude; infinite
/// where NaN, infinities, shapes or types do not agree.
double worstError(const graph::HostTensor &got, const graph::HostTensor &wanted) {
  if (got.shape != wanted.shape || got.isFloat() != wanted.isFloat() ||
      (!got.isFloat() && got.element != wanted.element))
    return INFINITY;
  double scale = 1e-30, worst = 0;
  for (int64_t i = 0; i < wanted.size(); ++i)
    if (std::isfinite(wanted.asDouble(i)))
      scale = std::max(scale, std::fabs(wanted.asDouble(i)));
  for (int64_t i = 0; i < wanted.size(); ++i) {
    double a = got.asDouble(i), b = wanted.asDouble(i);
    if (std::isnan(a) || std::isnan(b) || std::isinf(b))
      worst = std::isnan(a) == std::isnan(b) &&
                      (std::isnan(a) || a == b || (got.isFloat() && float(a) == float(b)))
                  ? worst
                  : INFINITY;
    else
      worst = std::max(worst, std::fabs(a - b) / (std::fabs(b) + scale));
  }
  return worst;
}

Outcome runCase(mlir::MLIRContext &context, const fs::path &model, const fs::path &data,
                const Options &options) {
  try {
    onnx::ModelInterface interface = onnx::readInterface(model);
    auto inputs = readTensors(data, "input", interface.inputs);
    auto outputs = readTensors(data, "output", interface.outputs);
    onnx::ImportOptions import;
    import.precision = options.precision;
    if (options.bindIntegers)
      for (auto &[name, tensor] : inputs)
        if (!onnx::isFloat(tensor.dtype))
          import.constants[name] = tensor;
    auto start = std::chrono::steady_clock::now();
    auto module = importWithData(context, model, inputs, import);
    auto imported = std::chrono::steady_clock::now();
    auto function = module->lookupSymbol<mlir::func::FuncOp>("main");
    std::vector<graph::HostTensorPtr> arguments;
    for (unsigned i = 0; i < function.getNumArguments(); ++i) {
      std::string name = function.getArgAttrOfType<mlir::StringAttr>(i, graph::kNameAttr).str();
      if (!inputs.count(name))
        badInput("no data for input {}", name);
      auto type = mlir::cast<mlir::RankedTensorType>(function.getArgument(i).getType());
      arguments.push_back(toHost(context, inputs.at(name), type.getElementType()));
    }
    graph::EvaluateOptions evaluation;
    evaluation.rounding = options.rounding;
    evaluation.directory = model.parent_path();
    auto results = graph::evaluate(function, arguments, evaluation);
    auto evaluated = std::chrono::steady_clock::now();
    double worst = 0;
    bool passed = true;
    for (unsigned i = 0; i < results.size(); ++i) {
      std::string name = function.getResultAttrOfType<mlir::StringAttr>(i, graph::kNameAttr).str();
      if (!outputs.count(name))
        badInput("no data for output {}", name);
      const onnx::ConstantTensor &wanted = outputs.at(name);
      double error = worstError(*results[i], *toHost(context, wanted, results[i]->element));
      // No finer than two steps of the output's own type.
      double tolerance = options.tolerance;
      if (wanted.dtype == onnx::DType::F16 || wanted.dtype == onnx::DType::BF16 ||
          wanted.dtype == onnx::DType::F8E4M3)
        tolerance = std::max(tolerance, wanted.dtype == onnx::DType::F16    ? 2e-3
                                        : wanted.dtype == onnx::DType::BF16 ? 1.6e-2
                                                                            : 0.25);
      passed &= error <= tolerance;
      if (!(error <= worst))
        worst = error;
    }
    auto seconds = [](auto a, auto b) { return std::chrono::duration<double>(b - a).count(); };
    std::string text = fmt::format("worst error {:.2e}, import {:.2f} s, evaluation {:.2f} s", worst,
                                   seconds(start, imported), seconds(imported, evaluated));
    return {passed ? 0 : int(ErrorKind::Internal), text};
  } catch (const Error &error) {
    return {error.exitCode(), error.what()};
  }
}

} // namespace

int main(int argc, char **argv) {
  Options options;
  std::string model, data, cases, json;
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    if (argument == "--data" && i + 1 < argc)
      data = argv[++i];
    else if (argument == "--cases" && i + 1 < argc)
      cases = argv[++i];
    else if (argument == "--json" && i + 1 < argc)
      json = argv[++i];
    else if ((argument == "--tolerance" || argument == "--rtol") && i + 1 < argc)
      options.tolerance = std::atof(argv[++i]);
    else if (argument == "--atol" && i + 1 < argc)
      ++i; // the tolerance is relative to the output's largest value
    else if (argument == "--precision" && i + 1 < argc)
      options.precision = argv[++i];
    else if (argument == "--bind-integers")
      options.bindIntegers = true;
    else if (argument == "--round-every")
      options.rounding = graph::Rounding::Every;
    else if (i != 1 || argument != "check")
      model = argument;
  }
  if (model.empty() == cases.empty() || model.empty() != data.empty()) {
    std::cerr << "usage: tgc-graph-eval MODEL.onnx --data DIR | --cases LIST [--tolerance 1e-4] [--precision "
                 "TYPE] [--bind-integers] [--round-every]\n";
    return int(ErrorKind::Usage);
  }
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  if (cases.empty()) {
    Outcome outcome = runCase(context, model, data, options);
    std::cout << (outcome.exit ? "FAILED " : "ok ") << outcome.message << "\n";
    return outcome.exit;
  }
  int failed = 0;
  std::ifstream list(cases);
  std::ofstream answers;
  if (!json.empty())
    answers.open(json);
  for (std::string line; std::getline(list, line);) {
    size_t tab = line.find('\t');
    if (tab == std::string::npos)
      continue;
    Outcome outcome = runCase(context, line.substr(0, tab), line.substr(tab + 1), options);
    std::cout << outcome.exit << "\t" << line.substr(0, tab) << "\t";
    for (char c : outcome.message)
      std::cout << (c == '\n' ? ' ' : c);
    std::cout << std::endl;
    if (answers.is_open())
      answers << llvm::formatv("{0}\n", llvm::json::Value(llvm::json::Object{
                                            {"model", line.substr(0, tab)},
                                            {"exit", outcome.exit},
                                            {"message", llvm::json::fixUTF8(outcome.message)}}))
                     .str()
              << std::flush;
    failed += outcome.exit != 0;
  }
  return failed ? int(ErrorKind::Internal) : 0;
}
