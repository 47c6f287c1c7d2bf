// The fake driver's memory: the host's, with bounds that are kept, and copies that wait for their turn.
#include "tests/runtime/fake_cuda/State.h"
#include <cstdlib>
#include <cstring>

using namespace fake;

static std::map<uint64_t, uint64_t> allocations; // address → bytes
static std::map<uint64_t, void *> blocks;        // address → what malloc gave

void *fake::deviceMemory(uint64_t address, uint64_t bytes) {
  auto at = allocations.upper_bound(address);
  if (at == allocations.begin() || (--at)->first + at->second < address + bytes)
    throw IllegalAddress();
  return reinterpret_cast<void *>(address);
}

bool fake::inDevice(uint64_t address, uint64_t bytes) {
  try {
    deviceMemory(address, bytes);
    return true;
  } catch (IllegalAddress) {
    return false;
  }
}
uint64_t fakeCudaMemory() {
  Guard guard(lock);
  uint64_t total = 0;
  for (auto [address, bytes] : allocations)
    total += bytes;
  return total;
}

FAKE_API Result cuMemGetInfo_v2(size_t *free, size_t *total) {
  ENTER("cuMemGetInfo_v2");
  *total = size_t(number("FAKE_CUDA_MEMORY", 1 << 30));
  *free = *total - fakeCudaMemory();
  return Success;
}
FAKE_API Result cuMemAlloc_v2(DevicePointer *pointer, size_t bytes) {
  ENTER("cuMemAlloc_v2");
  if (capturesHere > 0)
    return CaptureUnsupported;
  if (bytes == 0)
    return InvalidValue;
  if (fakeCudaMemory() + bytes > uint64_t(number("FAKE_CUDA_MEMORY", 1 << 30)))
    return OutOfMemory;
  // Aligned no better than the driver promises, and full of something.
  auto *start = static_cast<char *>(std::aligned_alloc(4096, (bytes + 256 + 4095) / 4096 * 4096));
  std::memset(start, 0xcd, bytes + 256);
  *pointer = reinterpret_cast<uint64_t>(start + 256);
  allocations[*pointer] = bytes;
  blocks[*pointer] = start;
  return Success;
}
FAKE_API Result cuMemFree_v2(DevicePointer pointer) {
  Guard guard(lock);
  if (allocations.erase(pointer) == 0)
    return InvalidValue;
  std::free(blocks[pointer]);
  blocks.erase(pointer);
  return Success;
}
FAKE_API Result cuMemHostAlloc(void **pointer, size_t bytes, unsigned) {
  ENTER("cuMemHostAlloc");
  *pointer = std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
  return Success;
}
FAKE_API Result cuMemFreeHost(void *pointer) {
  std::free(pointer);
  return Success;
}
FAKE_API Result cuMemcpyHtoDAsync_v2(DevicePointer to, const void *from, size_t bytes, Stream stream) {
  ENTER("cuMemcpyHtoDAsync_v2");
  if (!inDevice(to, bytes))
    return InvalidValue;
  put(stream, {"copy", [=] {
                 if (inDevice(to, bytes))
                   std::memcpy(reinterpret_cast<void *>(to), from, bytes);
                 else
                   lose(IllegalAddress700);
               }});
  return Success;
}
FAKE_API Result cuMemcpyDtoHAsync_v2(void *to, DevicePointer from, size_t bytes, Stream stream) {
  ENTER("cuMemcpyDtoHAsync_v2");
  if (!inDevice(from, bytes))
    return InvalidValue;
  put(stream, {"copy", [=] { std::memcpy(to, reinterpret_cast<void *>(from), bytes); }});
  return Success;
}
FAKE_API Result cuMemsetD8Async(DevicePointer address, unsigned char value, size_t bytes, Stream stream) {
  ENTER("cuMemsetD8Async");
  if (!inDevice(address, bytes))
    return InvalidValue;
  put(stream, {"set", [=] {
                 if (inDevice(address, bytes))
                   std::memset(reinterpret_cast<void *>(address), value, bytes);
                 else
                   lose(IllegalAddress700);
               }});
  return Success;
}
