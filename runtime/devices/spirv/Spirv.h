// What a SPIR-V module says of itself: what it asks of a device, its kernels, the functions that it imports.
#pragma once
#include "runtime/format/Bytes.h"
#include <array>
#include <string>
#include <vector>

namespace tgc::runtime::spirv {

struct EntryPoint {
  std::string name;
  std::array<uint32_t, 3> block = {0, 0, 0}; ///< threads of a block; 0: any
  uint32_t subgroup = 0;                     ///< threads of a subgroup; 0: any
};

struct ModuleFacts {
  uint32_t major = 0, minor = 0;
  std::vector<uint32_t> capabilities;
  std::vector<EntryPoint> kernels;
  std::vector<std::string> imports;

  bool needs(uint32_t capability) const;
};

constexpr uint32_t CapabilityFloat16 = 9, CapabilityFloat64 = 10;

/// Reads a module's words up to its first function. Throws bad input that begins with `where` if they are no SPIR-V
/// in this machine's byte order.
ModuleFacts readModule(const Bytes &image, const std::string &where);

} // namespace tgc::runtime::spirv
