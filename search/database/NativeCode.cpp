// Native code in the database: the use of an entry is noted once a day.
#include "search/database/Statement.h"

#include <ctime>

namespace tgc {

std::optional<std::vector<uint8_t>> Database::nativeCode(const NativeKey &key) {
  constexpr int64_t day = 86400;
  std::vector<uint8_t> code;
  int64_t used = 0;
  {
    Statement found(
        *this, "select code, used from native where device = ? and driver = ? and options = ? and hash = ?");
    if (!found.bind(key.device, key.driver, key.options, key.code).step())
      return std::nullopt;
    code = found.bytes(0);
    used = found.integer(1);
  }
  // A reader's transaction that began before others wrote could not become a writer's.
  int64_t now = std::time(nullptr);
  if (used + day < now)
    Statement(*this,
              "update native set used = ? where device = ? and driver = ? and options = ? and hash = ?")
        .bind(now, key.device, key.driver, key.options, key.code)
        .step();
  return code;
}

void Database::storeNativeCode(const NativeKey &key, std::span<const uint8_t> code) {
  Transaction transaction(*this);
  Statement(
      *this,
      "insert or replace into native (device, driver, options, hash, used, code) values (?, ?, ?, ?, ?, ?)")
      .bind(key.device, key.driver, key.options, key.code, int64_t(std::time(nullptr)), code)
      .step();
  Statement(*this,
            "delete from native where rowid in (select rowid from (select rowid, sum(length(code)) over "
            "(order by used desc, rowid desc) as total from native) where total > ?)")
      .bind(mostNativeBytes)
      .step();
  transaction.commit();
}

} // namespace tgc
