// A prepared SQL statement with its arguments and rows; several of them as one transaction.
#pragma once
#include "search/database/Database.h"
#include <chrono>
#include <sqlite3.h>

namespace tgc {

/// Throws tgc::Error for a result code of SQLite.
[[noreturn]] void databaseError(sqlite3 *db, const std::string &path);

/// Since 1970.
inline double secondsNow() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

class Database::Statement {
public:
  Statement(Database &database, const char *sql) : database(database) {
    if (sqlite3_prepare_v2(database.db, sql, -1, &statement, nullptr) != SQLITE_OK)
      databaseError(database.db, database.path);
  }
  ~Statement() { sqlite3_finalize(statement); }
  Statement(const Statement &) = delete;
  Statement &operator=(const Statement &) = delete;

  template <typename... Args>
  Statement &bind(const Args &...arguments) {
    int position = 0;
    (bindOne(++position, arguments), ...);
    return *this;
  }
  /// Whether there is a row.
  bool step() {
    int code = sqlite3_step(statement);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
      databaseError(database.db, database.path);
    return code == SQLITE_ROW;
  }
  std::string text(int column) const {
    auto *bytes = reinterpret_cast<const char *>(sqlite3_column_text(statement, column));
    return bytes ? std::string(bytes, size_t(sqlite3_column_bytes(statement, column))) : "";
  }
  std::vector<uint8_t> bytes(int column) const {
    auto *first = static_cast<const uint8_t *>(sqlite3_column_blob(statement, column));
    return {first, first + sqlite3_column_bytes(statement, column)};
  }
  int64_t integer(int column) const { return sqlite3_column_int64(statement, column); }
  double real(int column) const { return sqlite3_column_double(statement, column); }

private:
  void bindOne(int position, const std::string &value) {
    sqlite3_bind_text(statement, position, value.data(), int(value.size()), SQLITE_TRANSIENT);
  }
  void bindOne(int position, std::span<const uint8_t> value) {
    sqlite3_bind_blob64(statement, position, value.data(), value.size(), SQLITE_TRANSIENT);
  }
  void bindOne(int position, const char *value) { bindOne(position, std::string(value)); }
  void bindOne(int position, double value) { sqlite3_bind_double(statement, position, value); }
  template <typename Integer>
    requires std::is_integral_v<Integer>
  void bindOne(int position, Integer value) {
    sqlite3_bind_int64(statement, position, int64_t(value));
  }

  Database &database;
  sqlite3_stmt *statement = nullptr;
};

/// All or nothing of what is done while it lives, and no other process writes in between.
class Database::Transaction {
public:
  explicit Transaction(Database &database) : database(database) { database.execute("begin immediate"); }
  ~Transaction() {
    if (!committed)
      sqlite3_exec(database.db, "rollback", nullptr, nullptr, nullptr);
  }
  Transaction(const Transaction &) = delete;
  Transaction &operator=(const Transaction &) = delete;
  void commit() {
    database.execute("commit");
    committed = true;
  }

private:
  Database &database;
  bool committed = false;
};

} // namespace tgc
