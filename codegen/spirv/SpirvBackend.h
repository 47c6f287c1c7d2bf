// Devices that take SPIR-V as targets of the compiler: "opencl:bmg", "level_zero:bmg" and their like.
#pragma once
#include "codegen/Target.h"
#include "codegen/spirv/CompileSpirv.h"

namespace tgc::spv {

/// Null when `device` begins with neither interface's name; throws tgc::Error (Usage) for an unknown device.
std::unique_ptr<Target> makeSpirvBackend(const std::string &device);
std::vector<std::pair<std::string, std::string>> spirvBackendNames();

} // namespace tgc::spv
