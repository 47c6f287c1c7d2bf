// Memory on huge pages: fewer translations, and lines that do not evict each other by chance.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <sys/mman.h>

namespace tgc::runtime {

inline constexpr size_t HugePage = size_t(2) << 20;

/// Asks the system to use them for mapped memory that nobody has touched. Only whole ones count, from a multiple of their size
/// on.
inline void preferHugePages(void *memory, size_t bytes) { ::madvise(memory, bytes, MADV_HUGEPAGE); }

/// A buffer aligned to pages; a large one on huge pages, which makes filling and reading it faster. Its content is
/// undefined.
inline std::shared_ptr<uint8_t> newBuffer(uint64_t bytes) {
  static constexpr auto Small = std::align_val_t(4096), Large = std::align_val_t(HugePage);
  bool large = bytes >= 2 * HugePage;
  auto *memory = static_cast<uint8_t *>(::operator new(bytes, large ? Large : Small));
  if (large)
    preferHugePages(memory, bytes / HugePage * HugePage);
  return {memory, [large](uint8_t *memory) { ::operator delete(memory, large ? Large : Small); }};
}

} // namespace tgc::runtime
