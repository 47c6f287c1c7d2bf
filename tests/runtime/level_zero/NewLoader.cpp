// The installed loader with the entry point that newer ones have. A process that has used it may not use the older
// ones, as in newer loaders' drivers; what is not here is found in the loader itself.
#include <level_zero/ze_api.h>
#include <dlfcn.h>

#define EXPORTED extern "C" __attribute__((visibility("default")))

static void *loaderFunction(const char *symbol) {
  static void *loader = ::dlopen("libze_loader.so.1", RTLD_NOW | RTLD_LOCAL);
  return ::dlsym(loader, symbol);
}

struct InitDriverType {
  uint32_t stype;
  const void *next;
  uint32_t flags;
};

EXPORTED ze_result_t zeInitDrivers(uint32_t *count, ze_driver_handle_t *drivers, InitDriverType *type) {
  constexpr uint32_t Tag = 0x00020021, Gpu = 1;
  if (type->stype != Tag || type->flags != Gpu || type->next)
    return ZE_RESULT_ERROR_INVALID_ARGUMENT;
  auto init = reinterpret_cast<decltype(&zeInit)>(loaderFunction("zeInit"));
  auto get = reinterpret_cast<decltype(&zeDriverGet)>(loaderFunction("zeDriverGet"));
  ze_result_t result = init(0);
  return result == ZE_RESULT_SUCCESS ? get(count, drivers) : result;
}

EXPORTED ze_result_t zeInit(ze_init_flags_t) { return ZE_RESULT_ERROR_UNSUPPORTED_FEATURE; }
EXPORTED ze_result_t zeDriverGet(uint32_t *, ze_driver_handle_t *) {
  return ZE_RESULT_ERROR_UNSUPPORTED_FEATURE;
}
