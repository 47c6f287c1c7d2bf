// The CPU as a target of the compiler: "cpu" (this machine), "cpu:avx512", "cpu:avx2", "cpu:generic".
#pragma once
#include "codegen/Target.h"
#include "codegen/cpu/CompileCpu.h"
#include "codegen/cpu/CpuDevice.h"

namespace tgc::cpu {

/// Null when `device` does not begin with "cpu"; throws tgc::Error (Usage) for an unknown variant.
std::unique_ptr<Target> makeCpuBackend(const std::string &device);
std::vector<std::pair<std::string, std::string>> cpuBackendNames();

} // namespace tgc::cpu
