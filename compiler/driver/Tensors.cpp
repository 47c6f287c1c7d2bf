#include "compiler/driver/Tensors.h"

#include "compiler/driver/Command.h"
#include "compiler/driver/Numbers.h"
#include <algorithm>
#include <filesystem>
#include <random>

namespace tgc::driver {

void addBindingOptions(CLI::App &command, BindingArguments &arguments) {
  command.add_option("--input", arguments.inputs, "NAME=FILE.npy, or a FILE.npz with all of them");
  command.add_option("--random-inputs", arguments.randomInputs, "seed for inputs that are not given");
  command.add_option("--weights", arguments.weights,
                     "folder of the model's external data, or a safetensors file");
  command.add_option("--random-weights", arguments.randomWeights,
                     "seed for weights that the package does not hold");
}

std::string fileName(const std::string &tensor) {
  std::string name = tensor;
  for (char &c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '-')
      c = '_';
  return name;
}

Arrays readInputs(const std::vector<std::string> &arguments) {
  Arrays arrays;
  for (const std::string &argument : arguments) {
    if (std::filesystem::path(argument).extension() == ".npz" && argument.find('=') == std::string::npos) {
      for (auto &[name, array] : runtime::readNpz(argument))
        arrays[name] = array;
    } else {
      auto [name, path] = splitAssignment(argument, "--input");
      arrays[name] = runtime::readNpy(path);
    }
  }
  return arrays;
}

void addRandomInputs(tgc_program *program, uint64_t seed, Arrays &inputs) {
  tgc_program_info info;
  call(tgc_program_describe(program, &info));
  for (size_t i = 0; i < info.inputs; ++i) {
    tgc_tensor_info input;
    call(tgc_program_input(program, i, &input));
    if (inputs.count(input.name))
      continue;
    std::mt19937_64 generator(seed ^ std::hash<std::string>()(input.name));
    std::normal_distribution<double> normal;
    std::vector<double> values(input.bytes / tgc_dtype_bytes(input.dtype));
    if (input.dtype <= TGC_F64)
      std::generate(values.begin(), values.end(), [&] { return normal(generator); });
    inputs[input.name] = fromDoubles(values, static_cast<runtime::DType>(input.dtype),
                                     runtime::Shape(input.shape, input.shape + input.rank));
  }
}

void bindWeights(tgc_program *program, const BindingArguments &arguments) {
  if (arguments.randomWeights)
    call(tgc_program_use_random(program, *arguments.randomWeights));
  if (arguments.weights.empty())
    return;
  if (std::filesystem::is_directory(arguments.weights))
    call(tgc_program_use_directory(program, arguments.weights.c_str()));
  else
    call(tgc_program_use_safetensors(program, arguments.weights.c_str(), nullptr));
}

Arrays makeOutputs(tgc_program *program) {
  tgc_program_info info;
  call(tgc_program_describe(program, &info));
  Arrays outputs;
  for (size_t i = 0; i < info.outputs; ++i) {
    tgc_tensor_info output;
    call(tgc_program_output(program, i, &output));
    outputs[output.name] = {static_cast<runtime::DType>(output.dtype),
                            runtime::Shape(output.shape, output.shape + output.rank),
                            runtime::Bytes(std::vector<uint8_t>(output.bytes, 0xff))};
  }
  return outputs;
}

std::vector<tgc_tensor> tensorsOf(Arrays &arrays) {
  std::vector<tgc_tensor> tensors;
  // Bytes shows its memory as constant; arrays made by makeOutputs own theirs, and only outputs are written.
  for (auto &[name, array] : arrays)
    tensors.push_back({name.c_str(), static_cast<tgc_dtype>(array.dtype), uint32_t(array.shape.size()),
                       array.shape.data(), const_cast<uint8_t *>(array.data.data()), array.data.size()});
  return tensors;
}

} // namespace tgc::driver
