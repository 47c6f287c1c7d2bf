// OpenCL's native functions in a module of SPIR-V.
#pragma once
#include <cstdint>
#include <vector>

namespace tgc::spv {

/// Calls of imports that are named as OpenCL's native functions (native_exp2, native_recip) become the instructions.
void useQuickFunctions(std::vector<uint32_t> &words);

} // namespace tgc::spv
