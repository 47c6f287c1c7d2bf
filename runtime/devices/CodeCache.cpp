#include "runtime/devices/CodeCache.h"
#include <bit>
#include <cstdio>
#include <cstring>

namespace tgc::runtime {

std::string codeHash(const Bytes &code) {
  // Two lanes with multipliers of their own; each step is a bijection of its lane, so that no single change is lost.
  constexpr uint64_t P = 0x9e3779b97f4a7c15, Q = 0xbf58476d1ce4e5b9;
  uint64_t first = code.size() ^ P, second = code.size() ^ Q;
  for (size_t at = 0; at < code.size(); at += 8) {
    uint64_t word = 0;
    std::memcpy(&word, code.data() + at, std::min<size_t>(8, code.size() - at));
    first = (std::rotl(first, 29) ^ word) * Q;
    second = (std::rotl(second, 31) + word) * P;
  }
  auto mixed = [](uint64_t value) {
    value = (value ^ value >> 31) * Q;
    return (value ^ value >> 29) * P;
  };
  char text[64];
  std::snprintf(text, sizeof text, "%zx-%016llx%016llx", code.size(),
                static_cast<unsigned long long>(mixed(first)),
                static_cast<unsigned long long>(mixed(second)));
  return text;
}

} // namespace tgc::runtime
