// Opens the CUDA driver and says what its errors mean.
#pragma once
#include "runtime/devices/cuda/CudaApi.h"
#include <string>

namespace tgc::runtime::cuda {

struct Driver {
  Api api;
  int version = 0; // 12040 is 12.4
  int devices = 0;
};

/// The driver, opened and initialised on the first call that can; kept for the life of the process. The file
/// is libcuda.so.1, or what the environment variable TGC_CUDA_LIBRARY names. Throws a device error that says
/// what is missing and what to do.
const Driver &driver();

/// "CUDA_ERROR_ILLEGAL_ADDRESS (700): a kernel used memory that is not its own", with what to do.
std::string errorText(const Driver &driver, Result result);
/// Whether every later call in this context fails too.
bool losesContext(Result result);

} // namespace tgc::runtime::cuda
