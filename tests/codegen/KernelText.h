// Compiles kernels given as text and calls them: what the unit tests of the CPU target share.
#pragma once
#include "codegen/cpu/CompileCpu.h"
#include "tests/codegen/ImageLoader.h"
#include <memory>
#include <string>

namespace tgc::test {

/// Parses and compiles thread-stage text; throws if either fails.
std::unique_ptr<LoadedImage> compileText(const std::string &text, const std::string &target,
                                         const cpu::CpuCompileOptions &options = {});

/// The targets this machine can run.
std::vector<std::string> runnableTargets();

/// A kernel @f(in..., out) of one block, 64·1024 elements each: loads vectors of `lanes` elements (1:
/// scalars) of the types `inputs`, evaluates `body` on %x0, %x1, …, whose types are spelt IN0, IN1, …, OUT in
/// it and are those of the vectors, and stores %y of type `output`.
std::string elementwiseKernel(const std::vector<std::string> &inputs, const std::string &output,
                              const std::string &body, int lanes);
constexpr int64_t kernelElements = 64 * 1024;

} // namespace tgc::test
