// Errors of the package format and the runtime: thrown inside, turned into a status by the C API.
#pragma once
#include <stdexcept>
#include <string>

namespace tgc::runtime {

/// The values are those of tgc_status in tgc/tgc.h and the exit codes of the command.
enum class ErrorKind { Internal = 1, Usage = 2, BadInput = 3, Unsupported = 4, Device = 5 };

class Error : public std::runtime_error {
public:
  Error(ErrorKind kind, const std::string &message) : std::runtime_error(message), kind(kind) {}
  ErrorKind kind;
};

[[noreturn]] inline void badInput(const std::string &message) { throw Error(ErrorKind::BadInput, message); }
[[noreturn]] inline void usageError(const std::string &message) { throw Error(ErrorKind::Usage, message); }
[[noreturn]] inline void unsupported(const std::string &message) {
  throw Error(ErrorKind::Unsupported, message);
}
[[noreturn]] inline void deviceError(const std::string &message) { throw Error(ErrorKind::Device, message); }

} // namespace tgc::runtime
