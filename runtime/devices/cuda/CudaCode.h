// A package's code on a GPU, and its launch lists.
#pragma once
#include "runtime/devices/cuda/RandomFill.h"

namespace tgc::runtime::cuda {

/// What programs on one GPU share; whatever uses the GPU keeps it alive.
struct Shared {
  Shared(const Driver &driver, int ordinal) : gpu(driver, ordinal), transfers(gpu), random(gpu, transfers) {}
  Gpu gpu;
  Transfers transfers;
  RandomFill random;
};

/// A function of a loaded module.
struct Kernel {
  std::string name;
  FunctionHandle handle = nullptr;
  std::array<uint32_t, 3> block = {1, 1, 1}, cluster = {1, 1, 1};
  uint32_t sharedBytes = 0;
  std::vector<size_t> parameterBytes; // of each, where the driver says them
  bool knowsParameters = false;
};

struct LoadedCode {
  explicit LoadedCode(std::shared_ptr<Shared> shared) : shared(std::move(shared)) {}
  ~LoadedCode();
  std::shared_ptr<Shared> shared;
  std::vector<ModuleHandle> modules;
  std::vector<Kernel> kernels; // by function of the package
};

/// Loads the modules and looks up the functions. Throws unsupported if the package is for another GPU, bad
/// input if its code does not hold what it says, a device error with the driver's log if it refuses the code.
std::shared_ptr<const LoadedCode> loadCode(std::shared_ptr<Shared> shared, const Package &package);

/// Throws bad input if a launch does not suit its kernel or the GPU.
void checkLaunch(const Gpu &gpu, const Kernel &kernel, const Launch &launch);

/// Launches bound to memory; the launches must outlive it.
std::unique_ptr<Sequence> makeSequence(std::shared_ptr<const LoadedCode> code,
                                       std::span<const Launch> launches);

/// The descriptor of a tensor that starts at `address`.
EncodedTensorMap encode(const Gpu &gpu, const TensorMap &map, DevicePointer address);

} // namespace tgc::runtime::cuda
