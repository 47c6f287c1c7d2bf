#include "tests/search/GuardedMemory.h"

#include <atomic>
#include <cstring>
#include <new>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>

namespace tgc::test {

static size_t roundUp(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }

GuardedMemory::GuardedMemory(size_t bytes) : bytes(bytes) {
  static std::atomic<unsigned> made = 0;
  size_t page = size_t(sysconf(_SC_PAGESIZE)), whole = roundUp(bytes, page);
  mappedBytes = whole + 2 * page;
  void *place = mmap(nullptr, mappedBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (place == MAP_FAILED)
    throw std::bad_alloc();
  mapped = static_cast<char *>(place);
  if (whole > 0 && mprotect(mapped + page, whole, PROT_READ | PROT_WRITE) != 0)
    throw std::bad_alloc();
  bool atEnd = made++ % 2 == 0;
  first = mapped + page + (atEnd ? whole - roundUp(bytes, 64) : 0);
}

GuardedMemory::GuardedMemory(const GuardedMemory &other) : GuardedMemory(other.bytes) {
  std::memcpy(first, other.first, bytes);
}

GuardedMemory::GuardedMemory(GuardedMemory &&other) noexcept
    : bytes(std::exchange(other.bytes, 0)), mappedBytes(std::exchange(other.mappedBytes, 0)),
      mapped(std::exchange(other.mapped, nullptr)), first(std::exchange(other.first, nullptr)) {}

GuardedMemory &GuardedMemory::operator=(GuardedMemory other) noexcept {
  std::swap(bytes, other.bytes);
  std::swap(mappedBytes, other.mappedBytes);
  std::swap(mapped, other.mapped);
  std::swap(first, other.first);
  return *this;
}

GuardedMemory::~GuardedMemory() {
  if (mapped)
    munmap(mapped, mappedBytes);
}

} // namespace tgc::test
