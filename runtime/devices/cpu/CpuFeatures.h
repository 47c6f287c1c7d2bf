// Which instruction set extensions this machine has, by LLVM's names.
#pragma once
#include <string>
#include <vector>

namespace tgc::runtime {

/// "x86_64", "aarch64": the architecture that this library was built for.
const char *cpuArch();
/// The extensions that the machine and its operating system support, of those that the runtime knows.
const std::vector<std::string> &cpuFeatures();
/// Throws unsupported naming every feature that is missing here.
void requireCpuFeatures(const std::vector<std::string> &features);

} // namespace tgc::runtime
