#include "compiler/driver/TestData.h"

#include "compiler/graph/Graph.h"
#include "compiler/kernel/Evaluate.h"
#include "runtime/format/File.h"

#include <cmath>

namespace tgc::driver {
namespace {

runtime::DType runtimeType(onnx::DType dtype) {
  switch (dtype) {
  case onnx::DType::F32:
    return runtime::DType::F32;
  case onnx::DType::F16:
    return runtime::DType::F16;
  case onnx::DType::BF16:
    return runtime::DType::BF16;
  case onnx::DType::F64:
    return runtime::DType::F64;
  case onnx::DType::I8:
    return runtime::DType::I8;
  case onnx::DType::U8:
    return runtime::DType::U8;
  case onnx::DType::I16:
    return runtime::DType::I16;
  case onnx::DType::U16:
    return runtime::DType::U16;
  case onnx::DType::I32:
    return runtime::DType::I32;
  case onnx::DType::U32:
    return runtime::DType::U32;
  case onnx::DType::I64:
    return runtime::DType::I64;
  case onnx::DType::U64:
    return runtime::DType::U64;
  case onnx::DType::Bool:
    return runtime::DType::Bool;
  case onnx::DType::F8E4M3:
    return runtime::DType::U8; // passed on as bytes, as packages do
  default:
    unsupported("test data of ONNX element type {}", static_cast<int>(dtype));
  }
}

runtime::Array toArray(const onnx::ConstantTensor &tensor) {
  return {runtimeType(tensor.dtype), tensor.shape,
          runtime::Bytes(std::vector<uint8_t>(tensor.bytes.begin(), tensor.bytes.end()))};
}

bool within(const std::vector<double> &values, const std::vector<double> &reference,
            const Difference &difference, const Tolerance &tolerance) {
  if (!tolerance.elementwise)
    return difference.relative() <= tolerance.relative;
  for (size_t i = 0; i < reference.size(); ++i) {
    bool same = values[i] == reference[i] || (std::isnan(values[i]) && std::isnan(reference[i]));
    if (!same && !(std::abs(values[i] - reference[i]) <=
                   tolerance.absolute + tolerance.relative * std::abs(reference[i])))
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

/// The data's value of an input, in the type that the program wants.
static runtime::Array inputOf(const TestData &data, const std::string &name, runtime::DType dtype) {
  auto it = data.inputs.find(name);
  if (it == data.inputs.end())
    badInput("the test data has no value of input {}", name);
  runtime::Array array = toArray(it->second);
  return array.dtype == dtype ? array : fromDoubles(toDoubles(array), dtype, array.shape);
}

Arrays runOnDevice(Compilation &compilation, const TestData &data, const std::string &name) {
  runtime::Package &package = compilation.package();
  std::vector<uint8_t> bytes = runtime::serialize(package);
  Device device = openDevice(name.empty() ? package.device.c_str() : name.c_str());
  tgc_program *loaded = nullptr;
  call(tgc_program_load_memory(device.get(), bytes.data(), bytes.size(), nullptr, &loaded));
  Program program(loaded);
  Arrays inputs, outputs = makeOutputs(program.get());
  for (const runtime::TensorRecord &input : package.inputs)
    inputs[input.name] = inputOf(data, input.name, input.dtype);
  std::vector<tgc_tensor> in = tensorsOf(inputs), out = tensorsOf(outputs);
  call(tgc_program_run(program.get(), in.data(), in.size(), out.data(), out.size()));
  return outputs;
}

/// The element type of a program's buffer; `dtype` is the attribute that tells unsigned types.
static runtime::DType elementOf(mlir::Value buffer, std::optional<llvm::StringRef> dtype) {
  if (llvm::cast<mlir::MemRefType>(buffer.getType()).getElementType().isFloat8E4M3FN())
    return runtime::DType::U8;
  std::string name;
  if (dtype)
    name = dtype->str();
  else
    llvm::raw_string_ostream(name) << llvm::cast<mlir::MemRefType>(buffer.getType()).getElementType();
  return runtime::dtypeByName(name == "i1" ? "bool" : name).value();
}

Arrays runOnReference(Compilation &compilation, const TestData &data) {
  kernel::ProgramOp program = compilation.program();
  kernel::NamedBytes bound;
  auto bind = [&](llvm::StringRef name, const runtime::Bytes &bytes) {
    bound[name.str()].assign(bytes.data(), bytes.data() + bytes.size());
  };
  for (auto input : program.getBlock()->getOps<kernel::InputOp>())
    bind(input.getName(),
         inputOf(data, input.getName().str(), elementOf(input.getResult(), input.getDtype())).data);
  for (auto weight : program.getBlock()->getOps<kernel::WeightOp>())
    if (auto source =
            llvm::dyn_cast_if_present<graph::ExternalAttr>(weight.getSource().value_or(mlir::Attribute()))) {
      std::filesystem::path file = compilation.options().model.parent_path() / source.getPath().str();
      bind(weight.getName(), runtime::MappedFile::open(file)->bytes(source.getOffset(), source.getLength()));
    }
  kernel::NamedBytes computed = kernel::evaluateProgram(compilation.module(), program, bound);
  Arrays outputs;
  for (auto output : program.getBlock()->getOps<kernel::OutputOp>()) {
    auto type = llvm::cast<mlir::MemRefType>(output.getResult().getType());
    const std::vector<char> &bytes = computed.at(output.getName().str());
    outputs[output.getName().str()] = {elementOf(output.getResult(), output.getDtype()),
                                       type.getShape().vec(),
                                       runtime::Bytes(std::vector<uint8_t>(bytes.begin(), bytes.end()))};
  }
  return outputs;
}

std::vector<OutputVerdict> judge(const Arrays &outputs, const TestData &data, const Tolerance &tolerance) {
  std::vector<OutputVerdict> verdicts;
  for (const auto &[name, expected] : data.outputs) {
    OutputVerdict verdict{name, {}, false};
    std::vector<double> reference = toDoubles(toArray(expected));
    if (auto it = outputs.find(name); it != outputs.end() && it->second.shape == expected.shape) {
      std::vector<double> values = toDoubles(it->second);
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
