#include "compiler/driver/TestData.h"

#include <cmath>

namespace tgc::driver {
namespace {

runtime::DType runtimeType(onnx::DType dtype) {
  switch (dtype) {
  case onnx::DType::F32: return runtime::DType::F32;
  case onnx::DType::F16: return runtime::DType::F16;
  case onnx::DType::BF16: return runtime::DType::BF16;
  case onnx::DType::F64: return runtime::DType::F64;
  case onnx::DType::I8: return runtime::DType::I8;
  case onnx::DType::U8: return runtime::DType::U8;
  case onnx::DType::I16: return runtime::DType::I16;
  case onnx::DType::U16: return runtime::DType::U16;
  case onnx::DType::I32: return runtime::DType::I32;
  case onnx::DType::U32: return runtime::DType::U32;
  case onnx::DType::I64: return runtime::DType::I64;
  case onnx::DType::U64: return runtime::DType::U64;
  case onnx::DType::Bool: return runtime::DType::Bool;
  default: unsupported("test data of ONNX element type {}", static_cast<int>(dtype));
  }
}

runtime::Array toArray(const onnx::ConstantTensor &tensor) {
  return {runtimeType(tensor.dtype), tensor.shape,
          runtime::Bytes(std::vector<uint8_t>(tensor.bytes.begin(), tensor.bytes.end()))};
}

bool within(const std::vector<double> &values, const std::vector<double> &reference, const Difference &difference,
            const Tolerance &tolerance) {
  if (!tolerance.elementwise)
    return difference.relative() <= tolerance.relative;
  for (size_t i = 0; i < reference.size(); ++i) {
    bool same = values[i] == reference[i] || (std::isnan(values[i]) && std::isnan(reference[i]));
    if (!same && !(std::abs(values[i] - reference[i]) <= tolerance.absolute + tolerance.relative * std::abs(reference[i])))
      return false;
  }
  return true;
}

} // namespace

TestData readTestData(const std::filesystem::path &model, const std::filesystem::path &directory) {
  if (!std::filesystem::is_directory(directory))
    badInput("{}: no such folder of test data", directory.string());
  onnx::ModelInterface interface = onnx::readInterface(model);
  TestData data;
  auto read = [&](const char *kind, const std::vector<std::string> &names, auto &tensors) {
    for (size_t i = 0; i < names.size(); ++i) {
      std::filesystem::path file = directory / fmt::format("{}_{}.pb", kind, i);
      if (std::filesystem::exists(file))
        tensors[names[i]] = onnx::readTensorFile(file);
    }
  };
  read("input", interface.inputs, data.inputs);
  read("output", interface.outputs, data.outputs);
  if (data.outputs.empty())
    badInput("{}: holds no output_N.pb", directory.string());
  return data;
}

std::unique_ptr<Compilation> compileFor(const TestData &data, CompileOptions options) {
  for (const auto &[name, tensor] : data.inputs)
    options.import.shapes.try_emplace(name, tensor.shape);
  for (;;) {
    try {
      auto compilation = std::make_unique<Compilation>(options);
      compilation->run();
      return compilation;
    } catch (const onnx::ImportError &error) {
      size_t known = options.import.constants.size();
      for (const std::string &input : error.constantInputs)
        if (auto it = data.inputs.find(input); it != data.inputs.end())
          options.import.constants.insert(*it);
      if (options.import.constants.size() == known)
        throw;
    }
  }
}

std::vector<OutputVerdict> runAndCompare(Compilation &compilation, const TestData &data, const Tolerance &tolerance) {
  runtime::Package &package = compilation.package();
  std::vector<uint8_t> bytes = runtime::serialize(package);
  Device device = openDevice(package.device.c_str());
  tgc_program *loaded = nullptr;
  call(tgc_program_load_memory(device.get(), bytes.data(), bytes.size(), nullptr, &loaded));
  Program program(loaded);
  Arrays inputs, outputs = makeOutputs(program.get());
  for (const runtime::TensorRecord &input : package.inputs) {
    auto it = data.inputs.find(input.name);
    if (it == data.inputs.end())
      badInput("the test data has no value of input {}", input.name);
    runtime::Array array = toArray(it->second);
    inputs[input.name] = array.dtype == input.dtype ? array : fromDoubles(toDoubles(array), input.dtype, array.shape);
  }
  std::vector<tgc_tensor> in = tensorsOf(inputs), out = tensorsOf(outputs);
  call(tgc_program_run(program.get(), in.data(), in.size(), out.data(), out.size()));
  std::vector<OutputVerdict> verdicts;
  for (const auto &[name, expected] : data.outputs) {
    OutputVerdict verdict{name, {}, false};
    std::vector<double> reference = toDoubles(toArray(expected));
    if (outputs.count(name) && outputs[name].shape == expected.shape) {
      std::vector<double> values = toDoubles(outputs[name]);
      verdict.difference = compare(values, reference);
      verdict.passed = within(values, reference, verdict.difference, tolerance);
    } else {
      verdict.difference.maxError = HUGE_VAL;
    }
    verdicts.push_back(verdict);
  }
  return verdicts;
}

} // namespace tgc::driver
