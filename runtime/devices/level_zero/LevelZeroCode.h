// A package's SPIR-V, built for a Level Zero device, and its launch lists.
#pragma once
#include "runtime/devices/CodeCache.h"
#include "runtime/devices/level_zero/ZeDevice.h"

namespace tgc::runtime::level_zero {

/// A function of a built module. Level Zero's own kernel objects hold arguments: each sequence makes its own.
struct Kernel {
  std::string name;
  ModuleHandle module = nullptr;
  std::array<uint32_t, 3> block = {1, 1, 1};
};

struct LoadedCode {
  explicit LoadedCode(std::shared_ptr<ZeDevice> device) : device(std::move(device)) {}
  ~LoadedCode();
  std::shared_ptr<ZeDevice> device;
  std::vector<ModuleHandle> modules; // by module of the package
  std::vector<Kernel> kernels;       // by function
};

/// Builds the modules, or takes them as built before from `cache`, if there is one, and looks up the functions. Throws
/// unsupported if the code asks for what the device does not have, bad input if it does not hold what the package
/// says, a device error with the compiler's log if the driver refuses it. With TGC_LEVEL_ZERO_DEBUG=1 logs of builds
/// that went well, and what spills registers, are written to standard error too.
std::shared_ptr<const LoadedCode> loadCode(std::shared_ptr<ZeDevice> device, const Package &package,
                                           CodeCache *cache);

/// Launches bound to memory; the launches must outlive it.
std::unique_ptr<Sequence> makeSequence(std::shared_ptr<const LoadedCode> code,
                                       std::span<const Launch> launches);

/// TGC_LEVEL_ZERO_DEBUG=1: each launch is waited for, so that an error names it, and builds' logs are shown.
bool debugging();

} // namespace tgc::runtime::level_zero
