// A module's code in memory: mapped, its imports filled in, protected so that nothing is both writable and
// executable.
#pragma once
#include "runtime/format/Package.h"

namespace tgc::runtime {

class CodeImage {
public:
  /// Throws unsupported naming an import that the runtime does not offer, or a device error.
  explicit CodeImage(const Module &module);
  ~CodeImage();
  CodeImage(const CodeImage &) = delete;
  CodeImage &operator=(const CodeImage &) = delete;

  const uint8_t *base() const { return static_cast<const uint8_t *>(memory); }

private:
  void *memory = nullptr;
  size_t bytes = 0;
};

/// The address of a function that code images may import (C's math functions, memcpy, ...), or nullptr.
void *importAddress(const std::string &symbol);

} // namespace tgc::runtime
