// Whether a package's SPIR-V and launches suit a device, whatever interface reaches it.
#pragma once
#include "runtime/devices/spirv/Spirv.h"
#include "runtime/format/Package.h"

namespace tgc::runtime::spirv {

/// What code may ask of a device.
struct Abilities {
  std::string label; ///< the device in messages
  bool half = false, real64 = false;
  std::vector<uint32_t> subgroups; ///< sizes
  uint64_t maxThreads = 0, sharedBytes = 0;
};

/// What a driver says of a function that it has compiled.
struct FunctionFacts {
  uint32_t parameters = 0;
  uint64_t maxThreads = 0; ///< of a block
  uint64_t sharedBytes = 0;
};

/// "the package's module 2"
std::string moduleName(size_t index);

/// Reads a module and says what it is. Throws unsupported if it is no SPIR-V or asks for more than the device has, bad input if it is
/// damaged.
ModuleFacts requireSuits(const Abilities &device, const Module &module, size_t index);

/// Throws unsupported if the device cannot run the function's blocks.
void requireSuits(const Abilities &device, const Function &function, const FunctionFacts &facts);

/// Throws bad input if a launch does not suit its function, unsupported if it has what SPIR-V has not.
void checkLaunch(const std::string &function, const FunctionFacts &facts, const Launch &launch);

/// Whether a function of the module wants more registers a thread than GPUs give by default, at the price of threads.
bool wantsLargeRegisters(const Package &package, size_t module);

/// The most bytes that one allocation of the package has: an arena, a slot or the workspace.
uint64_t largestAllocation(const Package &package);

} // namespace tgc::runtime::spirv
