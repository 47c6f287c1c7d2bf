// Tensors of a loaded program for the commands: inputs from files or random, outputs to files.
#pragma once
#include "compiler/driver/RuntimeCall.h"
#include "runtime/io/Npy.h"
#include <CLI/CLI.hpp>
#include <map>

namespace tgc::driver {

using Arrays = std::map<std::string, runtime::Array>;

/// What run and bench take to bind a program's inputs and weights.
struct BindingArguments {
  std::vector<std::string> inputs; ///< NAME=FILE.npy, or FILE.npz with arrays of the inputs' names
  std::string weights;             ///< folder of external data, or a safetensors file
  std::optional<uint64_t> randomWeights, randomInputs;
};

void addBindingOptions(CLI::App &command, BindingArguments &arguments);
/// A tensor's name as the name of a file: characters that a file system may refuse become '_'.
std::string fileName(const std::string &tensor);

/// The inputs given as files. Throws tgc::Error (BadInput, Usage).
Arrays readInputs(const std::vector<std::string> &arguments);
/// Adds inputs that are missing: floating-point ones normally distributed, deterministic in the seed and the
/// name, all others zero.
void addRandomInputs(tgc_program *program, uint64_t seed, Arrays &inputs);
void bindWeights(tgc_program *program, const BindingArguments &arguments);

/// Arrays for all outputs, poisoned so that an element nobody writes shows.
Arrays makeOutputs(tgc_program *program);
/// Tensors over the arrays' memory, which must outlive them. Outputs are written through.
std::vector<tgc_tensor> tensorsOf(Arrays &arrays);

} // namespace tgc::driver
