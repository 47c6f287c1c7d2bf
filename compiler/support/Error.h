// The errors a user can meet, each kind with its own exit code.
#pragma once
#include <fmt/format.h>
#include <stdexcept>
#include <string>

namespace tgc {

/// What went wrong decides who has to act, and is the process's exit code.
enum class ErrorKind {
  Internal = 1,    ///< a bug of ours
  Usage = 2,       ///< the command line
  BadInput = 3,    ///< a file, tensor or model that is damaged or contradicts itself
  Unsupported = 4, ///< a sound model that uses something the compiler does not have
  Device = 5,      ///< a device that is missing, out of memory or lost
};

class Error : public std::runtime_error {
public:
  Error(ErrorKind kind, const std::string &message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const { return kind_; }
  int exitCode() const { return static_cast<int>(kind_); }

private:
  ErrorKind kind_;
};

template <typename... Args>
[[noreturn]] void badInput(fmt::format_string<Args...> format, Args &&...args) {
  throw Error(ErrorKind::BadInput, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
[[noreturn]] void unsupported(fmt::format_string<Args...> format, Args &&...args) {
  throw Error(ErrorKind::Unsupported, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
[[noreturn]] void internalError(fmt::format_string<Args...> format, Args &&...args) {
  throw Error(ErrorKind::Internal, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
[[noreturn]] void usageError(fmt::format_string<Args...> format, Args &&...args) {
  throw Error(ErrorKind::Usage, fmt::format(format, std::forward<Args>(args)...));
}

} // namespace tgc
