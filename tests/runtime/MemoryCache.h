// A cache of compiled code in memory that remembers what it was asked for.
#pragma once
#include "runtime/devices/CodeCache.h"
#include <map>
#include <mutex>
#include <vector>

namespace tgc::runtime::test {

struct MemoryCache final : CodeCache {
  std::optional<Bytes> find(const CodeKey &key) override {
    std::lock_guard<std::mutex> lock(mutex);
    keys.push_back(key);
    auto at = held.find(text(key));
    if (at == held.end())
      return std::nullopt;
    ++found;
    return Bytes(at->second);
  }
  void store(const CodeKey &key, std::span<const uint8_t> code) override {
    std::lock_guard<std::mutex> lock(mutex);
    ++stored;
    held[text(key)].assign(code.begin(), code.end());
  }
  static std::string text(const CodeKey &key) {
    return key.device + "\n" + key.driver + "\n" + key.options + "\n" + key.code;
  }

  std::mutex mutex;
  std::map<std::string, std::vector<uint8_t>> held;
  std::vector<CodeKey> keys; ///< as asked for
  int found = 0, stored = 0;
};

} // namespace tgc::runtime::test
