#include "runtime/devices/spirv/Names.h"
#include "runtime/format/Error.h"

namespace tgc::runtime::spirv {

size_t ordinalOf(const std::string &name, size_t count) {
  size_t colon = name.find(':'), ordinal = 0;
  std::string kind = name.substr(0, colon);
  if (colon != std::string::npos) {
    std::string digits = name.substr(colon + 1);
    bool valid =
        !digits.empty() && digits.size() <= 4 && digits.find_first_not_of("0123456789") == std::string::npos;
    ordinal = valid ? std::stoul(digits) : SIZE_MAX;
  }
  if (ordinal >= count)
    usageError("there is no device \"" + name + "\"; this machine has " + kind + ":0" +
               (count > 1 ? " to " + kind + ":" + std::to_string(count - 1) : ""));
  return ordinal;
}

void requireKind(const Package &package, const std::string &label) {
  for (const char *kind : {"opencl", "level_zero"})
    if (package.device == kind)
      return;
  unsupported("the package was compiled for the device \"" + package.device + "\", this is " + label);
}

} // namespace tgc::runtime::spirv
