// Makes random weights on a GPU, the same numbers as io/RandomWeights.h makes on the host.
#pragma once
#include "runtime/devices/cuda/Transfers.h"
#include "runtime/format/DType.h"
#include <mutex>

namespace tgc::runtime::cuda {

/// The GPU and its transfers must outlive it. Safe from several threads.
class RandomFill {
public:
  RandomFill(const Gpu &gpu, Transfers &transfers) : gpu(gpu), transfers(transfers) {}
  ~RandomFill();
  RandomFill(const RandomFill &) = delete;
  RandomFill &operator=(const RandomFill &) = delete;

  /// Fills memory with the weight of that type, shape and name, in order with the transfers; false if the
  /// driver cannot compile the kernels. A context must be current.
  bool fill(DevicePointer to, DType dtype, const Shape &shape, const std::string &name, uint64_t seed);

private:
  const Gpu &gpu;
  Transfers &transfers;
  std::mutex mutex;
  bool tried = false;
  ModuleHandle module = nullptr;
};

} // namespace tgc::runtime::cuda
