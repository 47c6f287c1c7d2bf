// ONNX's test data: a folder with input_N.pb and output_N.pb, compared with what a compiled model computes.
#pragma once
#include "compiler/driver/Numbers.h"
#include "compiler/driver/Tensors.h"
#include "compiler/pipeline/Compilation.h"

namespace tgc::driver {

struct TestData {
  std::map<std::string, onnx::ConstantTensor> inputs, outputs; ///< by the model's names
};

/// Reads the data set of a model. Throws tgc::Error (BadInput) when a file is missing or damaged.
TestData readTestData(const std::filesystem::path &model, const std::filesystem::path &directory);

/// Compiles a model for its data set: symbolic dimensions are those of the data, and inputs whose values must be
/// known when compiling are bound to the data's.
std::unique_ptr<Compilation> compileFor(const TestData &data, CompileOptions options);

/// How an output is judged: |a - b| <= absolute + relative · |b| for every element when `elementwise`, else
/// the largest error against `relative` times the reference's largest magnitude.
struct Tolerance {
  double relative = 1e-4, absolute = 0;
  bool elementwise = false;
};

struct OutputVerdict {
  std::string name;
  Difference difference;
  bool passed = false;
};

/// Loads the package and runs it on the data's inputs, with poisoned outputs, on a device of this machine; without a
/// name on the first of the package's kind.
Arrays runOnDevice(Compilation &compilation, const TestData &data, const std::string &device = "");
/// Evaluates the kernel stage in double precision on the data's inputs; `compilation` has run up to that stage.
Arrays runOnReference(Compilation &compilation, const TestData &data);

/// Compares every output for which the data has a reference.
std::vector<OutputVerdict> judge(const Arrays &outputs, const TestData &data, const Tolerance &tolerance);

} // namespace tgc::driver
