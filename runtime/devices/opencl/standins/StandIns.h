// Stand-ins for what the compilers of Intel's GPUs supply themselves: the matrix engine's products, two-dimensional
// blocks of memory. For tests and for search on processors; no GPU ever gets them.
#pragma once
#include "runtime/devices/opencl/OpenClApi.h"
#include <string>
#include <vector>

namespace tgc::runtime::opencl {

/// OpenCL C that defines those of the imported functions that there is a stand-in for; empty if there is none. What the
/// hardware forbids (a beginning, a width, a pitch) reads as NaN, is not written, and is said on standard output.
std::string standIns(const std::vector<std::string> &imports);

/// Compiles `module`, a program that was not built, and `source` for the device, and links them: a program that is ready to
/// use, or null; `status` and `log` say why.
ProgramHandle linkStandIns(const Api &api, DeviceId id, Context context, ProgramHandle module,
                           const std::string &source, const std::string &options, Status &status,
                           std::string &log);

} // namespace tgc::runtime::opencl
