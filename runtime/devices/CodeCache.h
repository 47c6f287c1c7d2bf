// Code as a driver's compiler has made it, kept for the next load: drivers take up to minutes to compile a package.
#pragma once
#include "runtime/format/Bytes.h"
#include <optional>
#include <span>
#include <string>

namespace tgc::runtime {

/// What compiled code depends on.
struct CodeKey {
  std::string device;  ///< the kind of device and its name: "opencl Intel(R) Arc(TM) B580 Graphics"
  std::string driver;  ///< its version
  std::string options; ///< that its compiler was given
  std::string code;    ///< length and hash of what it compiled
};

/// The length and a 128-bit hash of code, in hexadecimal digits.
std::string codeHash(const Bytes &code);

/// Calls come from several threads. A cache never fails: what it cannot find or keep is compiled again.
class CodeCache {
public:
  virtual ~CodeCache() = default;
  virtual std::optional<Bytes> find(const CodeKey &key) = 0;
  /// Takes the place of what was stored under the key.
  virtual void store(const CodeKey &key, std::span<const uint8_t> code) = 0;
};

} // namespace tgc::runtime
