// The test driver's memory: the OpenCL device's, and the host's; who owns what is known.
#include "tests/runtime/level_zero/TestDriver.h"
#include <cstdlib>

using namespace test_ze;

namespace {
struct Allocation {
  size_t bytes = 0;
  void *start = nullptr; ///< as it was given to the driver
  bool host = false;
};
std::mutex guarding;
std::map<const char *, Allocation> allocations;
uint64_t taken = 0;

size_t aligned(size_t bytes, size_t alignment) { return (bytes + alignment - 1) / alignment * alignment; }
} // namespace

bool test_ze::given(const void *start, size_t bytes) {
  std::lock_guard<std::mutex> lock(guarding);
  const char *first = static_cast<const char *>(start);
  auto at = allocations.upper_bound(first);
  return at != allocations.begin() && (--at)->first + at->second.bytes >= first + bytes;
}

ze_result_t zeMemAllocDevice(ze_context_handle_t context, const ze_device_mem_alloc_desc_t *desc,
                             size_t bytes, size_t alignment, ze_device_handle_t, void **pointer) {
  ENTER(context);
  auto *relaxed = static_cast<const ze_relaxed_allocation_limits_exp_desc_t *>(desc->pNext);
  bool unlimited = relaxed && relaxed->stype == ZE_STRUCTURE_TYPE_RELAXED_ALLOCATION_LIMITS_EXP_DESC &&
                   relaxed->flags & ZE_RELAXED_ALLOCATION_LIMITS_EXP_FLAG_MAX_SIZE;
  if (!unlimited && bytes > number("TEST_ZE_ALLOCATION", UINT64_MAX))
    return ZE_RESULT_ERROR_UNSUPPORTED_SIZE;
  std::lock_guard<std::mutex> lock(guarding);
  if (taken + bytes > number("TEST_ZE_MEMORY", UINT64_MAX))
    return ZE_RESULT_ERROR_OUT_OF_DEVICE_MEMORY;
  cl::Status status = cl::Success;
  // OpenCL takes alignments up to the widest vector's alone.
  constexpr size_t Vector = 64;
  void *start =
      device().memory.allocate(context->context, device().id, nullptr, bytes + alignment, Vector, &status);
  if (status != cl::Success)
    return resultOf(status);
  auto *first = reinterpret_cast<char *>(aligned(reinterpret_cast<size_t>(start), alignment));
  allocations[first] = {bytes, start, false};
  taken += bytes;
  *pointer = first;
  return ZE_RESULT_SUCCESS;
}

ze_result_t zeMemAllocHost(ze_context_handle_t context, const ze_host_mem_alloc_desc_t *, size_t bytes,
                           size_t alignment, void **pointer) {
  ENTER(context);
  std::lock_guard<std::mutex> lock(guarding);
  void *start = std::aligned_alloc(alignment, aligned(bytes, alignment));
  allocations[static_cast<char *>(start)] = {bytes, start, true};
  *pointer = start;
  return ZE_RESULT_SUCCESS;
}

ze_result_t zeMemFree(ze_context_handle_t context, void *pointer) {
  enter(__func__);
  std::lock_guard<std::mutex> lock(guarding);
  auto at = allocations.find(static_cast<char *>(pointer));
  if (at == allocations.end())
    return ZE_RESULT_ERROR_INVALID_ARGUMENT;
  if (at->second.host) {
    std::free(at->second.start);
  } else {
    device().memory.free(context->context, at->second.start);
    taken -= at->second.bytes;
  }
  allocations.erase(at);
  return ZE_RESULT_SUCCESS;
}
