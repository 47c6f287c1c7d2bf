#include "compiler/driver/DeviceNames.h"

#include "codegen/Target.h"
#include "compiler/driver/RuntimeCall.h"
#include "llvm/ADT/StringRef.h"
#include <algorithm>
#include <vector>

namespace tgc::driver {

bool namesDevice(const std::string &name) {
  auto [kind, number] = llvm::StringRef(name).split(':');
  return !kind.empty() && !number.empty() && number.find_first_not_of("0123456789") == llvm::StringRef::npos;
}

std::string targetOf(const std::string &name) {
  if (!namesDevice(name))
    return name;
  std::string kind = name.substr(0, name.find(':'));
  std::vector<std::pair<std::string, std::string>> targets = targetNames();
  auto ofKind = [&](const std::string &target) { return target.rfind(kind + ":", 0) == 0; };
  // No such kind: the list of targets says what there is.
  if (std::none_of(targets.begin(), targets.end(), [&](auto &target) { return ofKind(target.first); }))
    return name;
  Device device = openDevice(name.c_str());
  tgc_device_info info;
  call(tgc_device_describe(device.get(), &info));
  if (std::string target = targetFor({kind, info.arch, info.description, info.features, info.units});
      !target.empty())
    return target;
  unsupported("{} ({}) has the architecture {}, which nothing is compiled for; tgc devices lists what is",
              info.name, info.description, info.arch);
}

} // namespace tgc::driver
