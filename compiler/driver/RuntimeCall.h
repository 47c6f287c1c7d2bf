// The runtime library's C API with exceptions and owners, for the commands.
#pragma once
#include "compiler/driver/CodeCache.h"
#include "compiler/support/Error.h"
#include "runtime/include/tgc/tgc.h"
#include <memory>

namespace tgc::driver {

/// Throws tgc::Error of the status's kind with the runtime's message.
inline void call(tgc_status status) {
  if (status != TGC_OK)
    throw Error(static_cast<ErrorKind>(status), tgc_last_error());
}

struct CloseDevice {
  void operator()(tgc_device *device) const { tgc_device_close(device); }
};
struct UnloadProgram {
  void operator()(tgc_program *program) const { tgc_program_unload(program); }
};
using Device = std::unique_ptr<tgc_device, CloseDevice>;
using Program = std::unique_ptr<tgc_program, UnloadProgram>;

/// What the device's driver compiles is kept (CodeCache.h).
inline Device openDevice(const char *name) {
  tgc_device *device = nullptr;
  call(tgc_device_open(name, &device));
  Device owner(device);
  keepCompiledCode(device);
  return owner;
}
inline Program loadProgram(tgc_device *device, const std::string &path) {
  tgc_program *program = nullptr;
  call(tgc_program_load(device, path.c_str(), &program));
  return Program(program);
}

} // namespace tgc::driver
