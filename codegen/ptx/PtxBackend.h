// NVIDIA GPUs as targets of the compiler: "cuda:h200" and its like.
#pragma once
#include "codegen/Target.h"
#include "codegen/ptx/CompilePtx.h"

namespace tgc::ptx {

/// Null when `device` does not begin with "cuda"; throws tgc::Error (Usage) for an unknown GPU.
std::unique_ptr<Target> makePtxBackend(const std::string &device);
std::vector<std::pair<std::string, std::string>> ptxBackendNames();
/// As targetFor says; empty if `found` is no GPU of this kind, or no code is made for it.
std::string ptxBackendFor(const FoundDevice &found);

} // namespace tgc::ptx
