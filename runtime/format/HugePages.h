// Memory on huge pages: fewer translations, and lines that do not evict each other by chance.
#pragma once
#include <cstddef>
#include <sys/mman.h>

namespace tgc::runtime {

inline constexpr size_t HugePage = size_t(2) << 20;

/// Asks the system to use them for mapped memory that nobody has touched. Only whole ones count, from a multiple of their size
/// on.
inline void preferHugePages(void *memory, size_t bytes) { ::madvise(memory, bytes, MADV_HUGEPAGE); }

} // namespace tgc::runtime
