// Memory whose neighbours nobody may touch: a read or write before or behind it ends the process.
#pragma once
#include <cstddef>

namespace tgc::test {

/// Aligned to 64 bytes. Every other one begins right behind a page that is not there, the rest end before one, but for
/// what the alignment leaves.
class GuardedMemory {
public:
  explicit GuardedMemory(size_t bytes);
  GuardedMemory(const GuardedMemory &other);
  /// Moving keeps the addresses: what swaps two keeps pointers into them.
  GuardedMemory(GuardedMemory &&other) noexcept;
  GuardedMemory &operator=(GuardedMemory other) noexcept;
  ~GuardedMemory();
  char *data() const { return first; }

private:
  size_t bytes, mappedBytes;
  char *mapped, *first;
};

} // namespace tgc::test
