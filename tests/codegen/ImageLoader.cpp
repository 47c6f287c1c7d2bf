#include "tests/codegen/ImageLoader.h"
#include <cstring>
#include <dlfcn.h>
#include <stdexcept>
#include <sys/mman.h>

namespace tgc::test {

LoadedImage::LoadedImage(const cpu::CpuImage &from) : image(from), size(from.bytes.size()) {
  base = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED)
    throw std::runtime_error("mmap failed");
  std::memcpy(base, image.bytes.data(), size);
  for (const cpu::CpuImport &import : image.imports) {
    void *address = dlsym(RTLD_DEFAULT, import.symbol.c_str());
    if (!address)
      throw std::runtime_error("no symbol " + import.symbol);
    std::memcpy(static_cast<char *>(base) + import.offset, &address, sizeof(address));
  }
  if (mprotect(base, image.writableOffset, PROT_READ | PROT_EXEC) != 0)
    throw std::runtime_error("mprotect failed");
}

LoadedImage::~LoadedImage() { munmap(base, size); }

cpu::CpuEntry *LoadedImage::entry(const std::string &name) const {
  for (const cpu::CpuFunction &function : image.functions)
    if (function.name == name)
      return reinterpret_cast<cpu::CpuEntry *>(static_cast<char *>(base) + function.offset);
  throw std::out_of_range("no function " + name);
}

} // namespace tgc::test
