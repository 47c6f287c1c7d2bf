#include "runtime/devices/cuda/Transfers.h"
#include "runtime/io/Threads.h"
#include <algorithm>
#include <cstring>

namespace tgc::runtime::cuda {

namespace {
constexpr uint64_t SmallBytes = uint64_t(256) << 10, LargeBytes = uint64_t(16) << 20;
/// Enough that the host fills one while others travel.
constexpr unsigned SmallStages = 8, LargeStages = 4;
/// What one thread copies at a time; less is not worth a thread.
constexpr uint64_t PieceBytes = uint64_t(2) << 20;

void copyParallel(void *to, const void *from, uint64_t bytes) {
  if (bytes <= PieceBytes) {
    std::memcpy(to, from, bytes);
    return;
  }
  parallelFor((bytes + PieceBytes - 1) / PieceBytes, [&](uint64_t piece) {
    uint64_t at = piece * PieceBytes;
    std::memcpy(static_cast<char *>(to) + at, static_cast<const char *>(from) + at,
                std::min(PieceBytes, bytes - at));
  });
}
} // namespace

Transfers::Transfers(const Gpu &gpu)
    : gpu(gpu), small{SmallBytes, SmallStages, 0, {}}, large{LargeBytes, LargeStages, 0, {}} {
  Gpu::Current current(gpu);
  gpu.check(gpu.api().streamCreate(&stream, StreamNonBlocking), "making a stream");
  if (Result result = gpu.api().eventCreate(&marker, EventDisableTiming); result != Success) {
    gpu.api().streamDestroy(stream);
    gpu.fail(result, "making an event");
  }
}

Transfers::~Transfers() {
  Gpu::Current current(gpu, std::nothrow);
  gpu.api().streamSynchronize(stream);
  for (Pool *pool : {&small, &large})
    for (Stage &stage : pool->idle) {
      gpu.api().eventDestroy(stage.used);
      gpu.api().memFreeHost(stage.memory);
    }
  gpu.api().eventDestroy(marker);
  gpu.api().streamDestroy(stream);
}

Transfers::Stage Transfers::take(uint64_t bytes) {
  Pool &pool = bytes <= SmallBytes ? small : large;
  if (pool.made < pool.limit) {
    Stage stage;
    stage.bytes = pool.bytes;
    gpu.check(gpu.api().memHostAlloc(&stage.memory, stage.bytes, 0), "taking page-locked host memory");
    if (Result result = gpu.api().eventCreate(&stage.used, EventDisableTiming); result != Success) {
      gpu.api().memFreeHost(stage.memory);
      gpu.fail(result, "making an event");
    }
    ++pool.made;
    return stage;
  }
  // Between take and give the mutex is held, so that there is always an idle one.
  Stage stage = pool.idle.front();
  gpu.check(gpu.api().eventSynchronize(stage.used), "copying to the device");
  pool.idle.pop_front();
  return stage;
}

void Transfers::give(Stage stage) { (stage.bytes == SmallBytes ? small : large).idle.push_back(stage); }

void Transfers::copyIn(DevicePointer to, const void *from, uint64_t bytes) {
  for (uint64_t at = 0; at < bytes;) {
    std::lock_guard<std::mutex> lock(mutex);
    Stage stage = take(bytes - at);
    uint64_t count = std::min(stage.bytes, bytes - at);
    copyParallel(stage.memory, static_cast<const char *>(from) + at, count);
    Result result = gpu.api().memcpyHtoDAsync(to + at, stage.memory, count, stream);
    if (result == Success)
      result = gpu.api().eventRecord(stage.used, stream);
    give(stage);
    gpu.check(result, "copying " + bytesText(bytes) + " to the device");
    at += count;
  }
}

/// One piece travels while the one before it is copied to its place.
void Transfers::copyOut(void *to, DevicePointer from, uint64_t bytes) {
  struct Piece {
    Stage stage;
    uint64_t at, count;
  };
  std::lock_guard<std::mutex> lock(mutex);
  std::deque<Piece> flying;
  Result result = Success;
  auto land = [&] {
    Piece piece = flying.front();
    flying.pop_front();
    if (result == Success)
      result = gpu.api().eventSynchronize(piece.stage.used);
    if (result == Success)
      copyParallel(static_cast<char *>(to) + piece.at, piece.stage.memory, piece.count);
    give(piece.stage);
  };
  try {
    for (uint64_t at = 0; at < bytes && result == Success;) {
      Stage stage = take(bytes - at);
      uint64_t count = std::min(stage.bytes, bytes - at);
      result = gpu.api().memcpyDtoHAsync(stage.memory, from + at, count, stream);
      if (result == Success)
        result = gpu.api().eventRecord(stage.used, stream);
      flying.push_back({stage, at, count});
      at += count;
      if (flying.size() == 2)
        land();
    }
  } catch (...) {
    while (!flying.empty())
      land();
    throw;
  }
  while (!flying.empty())
    land();
  gpu.check(result, "copying " + bytesText(bytes) + " from the device");
}

void Transfers::zero(DevicePointer address, uint64_t bytes) {
  std::lock_guard<std::mutex> lock(mutex);
  if (bytes > 0)
    gpu.check(gpu.api().memsetD8Async(address, 0, bytes, stream), "clearing memory");
}

void Transfers::before(Stream other) {
  std::lock_guard<std::mutex> lock(mutex);
  gpu.check(gpu.api().eventRecord(marker, stream), "ordering copies");
  gpu.check(gpu.api().streamWaitEvent(other, marker, 0), "ordering copies");
}

void Transfers::finishQuietly() {
  std::lock_guard<std::mutex> lock(mutex);
  gpu.api().streamSynchronize(stream);
}

} // namespace tgc::runtime::cuda
