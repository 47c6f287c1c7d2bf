// Names of devices that take SPIR-V, and of the packages that suit them.
#pragma once
#include "runtime/format/Package.h"
#include <string>

namespace tgc::runtime::spirv {

/// The number behind the colon of "opencl:1", 0 without one; throws a usage error unless it is below `count`, which
/// must not be 0.
size_t ordinalOf(const std::string &name, size_t count);

/// Throws unsupported unless the package was compiled for a device that takes SPIR-V, by whatever interface: the code
/// is the same. `label` names this device in the message.
void requireKind(const Package &package, const std::string &label);

} // namespace tgc::runtime::spirv
