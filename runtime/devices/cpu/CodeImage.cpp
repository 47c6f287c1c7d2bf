#include "runtime/devices/cpu/CodeImage.h"
#include "runtime/format/Error.h"
#include <cerrno>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

namespace tgc::runtime {

CodeImage::CodeImage(const Module &module) {
  auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  if (module.writableOffset % page != 0 || module.writableSize % page != 0)
    unsupported("the package's code assumes smaller pages than the " + std::to_string(page) +
                " bytes of this machine");
  std::vector<std::pair<uint64_t, void *>> cells;
  std::string unknown;
  for (const Import &import : module.imports) {
    void *address = importAddress(import.symbol);
    if (!address)
      unknown += " " + import.symbol;
    cells.emplace_back(import.offset, address);
  }
  if (!unknown.empty())
    unsupported("the package's code needs functions that this runtime does not offer:" + unknown);

  bytes = (module.image.size() + page - 1) / page * page;
  memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    memory = nullptr;
    deviceError(std::string("cannot map memory for code: ") + std::strerror(errno));
  }
  auto *to = static_cast<uint8_t *>(memory);
  std::memcpy(to, module.image.data(), module.image.size());
  for (auto [offset, address] : cells)
    std::memcpy(to + offset, &address, sizeof address);
  auto protect = [&](uint64_t begin, uint64_t end, int protection) {
    if (begin < end && ::mprotect(to + begin, end - begin, protection) != 0) {
      int reason = errno;
      ::munmap(memory, bytes);
      memory = nullptr;
      deviceError(std::string("cannot make code executable: ") + std::strerror(reason));
    }
  };
  uint64_t tableEnd = module.writableOffset + module.writableSize;
  protect(0, module.writableOffset, PROT_READ | PROT_EXEC);
  protect(module.writableOffset, tableEnd, PROT_READ);
  protect(tableEnd, bytes, PROT_READ | PROT_EXEC);
  __builtin___clear_cache(reinterpret_cast<char *>(to), reinterpret_cast<char *>(to + bytes));
}

CodeImage::~CodeImage() {
  if (memory)
    ::munmap(memory, bytes);
}

} // namespace tgc::runtime
