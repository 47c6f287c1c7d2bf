#include "compiler/driver/CodeCache.h"

#include "compiler/driver/Records.h"
#include "compiler/driver/RuntimeCall.h"
#include "compiler/driver/Search.h"
#include <filesystem>
#include <mutex>

namespace tgc::driver {
namespace {

/// The database, opened when it is first needed. The functions of its cache are called from several threads.
class DatabaseCache {
public:
  std::optional<std::vector<uint8_t>> find(const NativeKey &key) {
    return guarded([&]() -> std::optional<std::vector<uint8_t>> {
      std::error_code ignored;
      if (!database && !std::filesystem::exists(databasePath(""), ignored))
        return std::nullopt;
      return open().nativeCode(key);
    });
  }
  void store(const NativeKey &key, std::span<const uint8_t> code) {
    guarded([&]() -> std::optional<std::vector<uint8_t>> {
      open().storeNativeCode(key, code);
      return std::nullopt;
    });
  }

private:
  template <typename F>
  std::optional<std::vector<uint8_t>> guarded(F body) {
    std::lock_guard lock(mutex);
    if (broken)
      return std::nullopt;
    try {
      return body();
    } catch (const std::exception &error) {
      broken = true;
      fmt::print(stderr, "warning: code that drivers compile is not kept: {}\n", error.what());
      return std::nullopt;
    }
  }
  Database &open() {
    if (!database)
      database = openDatabase("");
    return *database;
  }

  std::mutex mutex;
  std::unique_ptr<Database> database;
  bool broken = false;
};

NativeKey keyOf(const tgc_code_key *key) { return {key->device, key->driver, key->options, key->code}; }

} // namespace

void keepCompiledCode(tgc_device *device) {
  // Devices may live until the process ends.
  static auto *kept = new DatabaseCache();
  tgc_code_cache cache;
  cache.user = kept;
  cache.find = [](void *user, const tgc_code_key *key, tgc_take_code take, void *to) {
    if (auto code = static_cast<DatabaseCache *>(user)->find(keyOf(key)))
      take(to, code->data(), code->size());
  };
  cache.store = [](void *user, const tgc_code_key *key, const void *data, size_t bytes) {
    static_cast<DatabaseCache *>(user)->store(keyOf(key), {static_cast<const uint8_t *>(data), bytes});
  };
  call(tgc_device_set_code_cache(device, &cache));
}

} // namespace tgc::driver
