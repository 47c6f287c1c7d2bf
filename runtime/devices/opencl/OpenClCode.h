// A package's SPIR-V, built for an OpenCL device, and its launch lists.
#pragma once
#include "runtime/devices/CodeCache.h"
#include "runtime/devices/opencl/ClDevice.h"

namespace tgc::runtime::opencl {

/// A function of a built module. OpenCL's own kernel objects hold arguments: each launch makes one.
struct Kernel {
  std::string name;
  ProgramHandle program = nullptr;
  std::array<uint32_t, 3> block = {1, 1, 1};
};

struct LoadedCode {
  explicit LoadedCode(std::shared_ptr<ClDevice> device) : device(std::move(device)) {}
  ~LoadedCode();
  std::shared_ptr<ClDevice> device;
  std::vector<ProgramHandle> programs; // by module of the package
  std::vector<Kernel> kernels;         // by function
};

/// Builds the modules, or takes them as built before from `cache`, if there is one, and looks up the functions. Throws unsupported if the code asks for what the device does
/// not have, bad input if it does not hold what the package says, a device error with the compiler's log if the
/// driver refuses it. With TGC_OPENCL_DEBUG=1 logs of builds that went well are written to standard error too.
std::shared_ptr<const LoadedCode> loadCode(std::shared_ptr<ClDevice> device, const Package &package,
                                           CodeCache *cache);

/// Launches bound to memory; the launches must outlive it.
std::unique_ptr<Sequence> makeSequence(std::shared_ptr<const LoadedCode> code,
                                       std::span<const Launch> launches);

/// TGC_OPENCL_DEBUG=1: each launch is waited for, so that an error names it, and builds' logs are shown.
bool debugging();

} // namespace tgc::runtime::opencl
