// The fake driver's devices and contexts.
#include "tests/runtime/fake_cuda/State.h"
#include <cstring>

using namespace fake;

FAKE_API Result cuInit(unsigned) {
  Guard guard(lock);
  ++calls["cuInit"];
  if (Result code = injected("cuInit"); code != Success)
    return code;
  if (number("FAKE_CUDA_DEVICES", 1) == 0)
    return NoDevice;
  initialised = true;
  return Success;
}
FAKE_API Result cuDriverGetVersion(int *version) {
  *version = int(number("FAKE_CUDA_VERSION", 12040));
  return Success;
}
FAKE_API Result cuGetErrorName(Result code, const char **text) {
  *text = code == 700           ? "CUDA_ERROR_ILLEGAL_ADDRESS"
          : code == OutOfMemory ? "CUDA_ERROR_OUT_OF_MEMORY"
                                : "CUDA_ERROR_FAKE";
  return Success;
}
FAKE_API Result cuGetErrorString(Result, const char **text) {
  *text = "the fake driver's text";
  return Success;
}
FAKE_API Result cuDeviceGetCount(int *count) {
  ENTER_NO_CONTEXT("cuDeviceGetCount");
  *count = int(number("FAKE_CUDA_DEVICES", 1));
  return Success;
}
FAKE_API Result cuDeviceGet(DeviceId *device, int ordinal) {
  ENTER_NO_CONTEXT("cuDeviceGet");
  *device = ordinal;
  return Success;
}
FAKE_API Result cuDeviceGetName(char *name, int bytes, DeviceId) {
  std::strncpy(name, "Fake GPU", size_t(bytes));
  return Success;
}
FAKE_API Result cuDeviceGetAttribute(int *value, int attribute, DeviceId) {
  long capability = number("FAKE_CUDA_CAPABILITY", 90);
  const std::map<int, long> values = {{1, 1024},
                                      {13, 1980000},
                                      {16, number("FAKE_CUDA_UNITS", 4)},
                                      {36, number("FAKE_CUDA_MEMORY_KHZ", 2619000)},
                                      {37, 5120},
                                      {38, 52428800},
                                      {75, capability / 10},
                                      {76, capability % 10},
                                      {82, 65536},
                                      {97, MostShared}};
  auto at = values.find(attribute);
  if (at == values.end())
    return InvalidValue;
  *value = int(at->second);
  return Success;
}
FAKE_API Result cuDeviceTotalMem_v2(size_t *bytes, DeviceId) {
  *bytes = size_t(number("FAKE_CUDA_MEMORY", 1 << 30));
  return Success;
}
FAKE_API Result cuDevicePrimaryCtxRetain(Context *context, DeviceId device) {
  ENTER_NO_CONTEXT("cuDevicePrimaryCtxRetain");
  if (contexts[device].lostBy != Success)
    return contexts[device].lostBy;
  ++contexts[device].references;
  *context = &contexts[device];
  return Success;
}
FAKE_API Result cuDevicePrimaryCtxRelease_v2(DeviceId device) {
  Guard guard(lock);
  --contexts[device].references; // one that is lost stays lost
  return Success;
}
FAKE_API Result cuCtxPushCurrent_v2(Context context) {
  Guard guard(lock);
  currents.push_back(context);
  return Success;
}
FAKE_API Result cuCtxPopCurrent_v2(Context *context) {
  Guard guard(lock);
  *context = currents.back();
  currents.pop_back();
  return Success;
}
