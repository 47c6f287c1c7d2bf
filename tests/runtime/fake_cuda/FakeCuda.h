// A stand-in for NVIDIA's driver: memory is host memory, kernels are host functions found by name. Nothing
// that is put on a stream happens before something waits for it, so that a wait that is missing is noticed.
//
// Environment variables, read at every call:
//   FAKE_CUDA_DEVICES=N      how many GPUs there are (1)
//   FAKE_CUDA_CAPABILITY=N   of all of them, 90 for 9.0 (90)
//   FAKE_CUDA_UNITS=N        multiprocessors of each (4)
//   FAKE_CUDA_MEMORY_KHZ=N   the clock of its 5120 lines of memory (2619000)
//   FAKE_CUDA_MEMORY=BYTES   of each (1 GB)
//   FAKE_CUDA_LOAD_MS=NUMBER that loading a module takes (0)
//   FAKE_CUDA_VERSION=N      of the driver (12040)
//   FAKE_CUDA_FAIL=WHAT:CODE[:NTH]  the NTH call (the first) of a function "cuMemAlloc_v2", or the NTH
//                            execution of a kernel "kernel add", counted from when the variable is set, fails
#pragma once
#include "runtime/devices/cuda/CudaApi.h"
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace fake {

using namespace tgc::runtime::cuda;

struct Dim {
  uint32_t x, y, z;
};

/// One block of a kernel; `params` as cuLaunchKernelEx has them.
using Block = void (*)(void **params, Dim block, Dim grid);
struct HostKernel {
  const char *name;
  std::vector<size_t> parameterBytes;
  int staticShared;
  Block run;
};
const std::vector<HostKernel> &hostKernels();

/// The memory at the address, if the whole range is the device's; else the kernel fails (an exception).
void *deviceMemory(uint64_t address, uint64_t bytes);
template <typename T>
T *deviceArray(void *param, uint64_t count) {
  return static_cast<T *>(deviceMemory(*static_cast<uint64_t *>(param), count * sizeof(T)));
}
struct IllegalAddress {};

/// What the fake keeps in an encoded tensor map (f32 of rank 2 is all that its kernels use).
struct MapContent {
  uint64_t address, dims[2], stride;
  uint32_t box[2], rank;
  int type, swizzle, promotion, fill;
};

} // namespace fake

extern "C" {
/// How often a function of the driver was called ("cuGraphLaunch").
__attribute__((visibility("default"))) int fakeCudaCalls(const char *symbol);
/// The executed launches since the last call, one a line: "add grid 2,1,1 block 16,1,1 cluster 1,1,1 shared
/// 0".
__attribute__((visibility("default"))) const char *fakeCudaLaunches(void);
/// Bytes of device memory that are taken, and handles of every kind that are alive.
__attribute__((visibility("default"))) uint64_t fakeCudaMemory(void);
__attribute__((visibility("default"))) int fakeCudaHandles(void);
/// What only another process brings back: contexts that were lost.
__attribute__((visibility("default"))) void fakeCudaNewProcess(void);
}
