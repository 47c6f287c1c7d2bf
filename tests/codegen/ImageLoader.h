// Loads a CpuImage into this process: the tests' own minimal counterpart of the runtime's loader.
#pragma once
#include "codegen/cpu/CpuImage.h"
#include <string>

namespace tgc::test {

class LoadedImage {
public:
  /// Maps the image and fills its import slots from libc and libm; throws std::runtime_error if a symbol is
  /// missing or the mapping fails.
  explicit LoadedImage(const cpu::CpuImage &image);
  LoadedImage(const LoadedImage &) = delete;
  LoadedImage &operator=(const LoadedImage &) = delete;
  ~LoadedImage();

  /// Throws std::out_of_range if the image has no such function.
  cpu::CpuEntry *entry(const std::string &name) const;

private:
  cpu::CpuImage image;
  void *base = nullptr;
  size_t size = 0;
};

} // namespace tgc::test
