// A library in OpenCL's place that passes every call on to a driver, TGC_TEST_OPENCL, and makes one fail on demand:
// FAULTY_OPENCL=SYMBOL:STATUS:AFTER, from the AFTERth call of SYMBOL on.
#include "runtime/devices/opencl/OpenClApi.h"
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <map>
#include <mutex>
#include <string>

using namespace tgc::runtime::opencl;

namespace {
void *driverFunction(const char *symbol) {
  static void *driver = ::dlopen(std::getenv("TGC_TEST_OPENCL"), RTLD_NOW | RTLD_LOCAL);
  return driver ? ::dlsym(driver, symbol) : nullptr;
}

/// The status that this call must fail with; 0 if none.
Status failureOf(const char *symbol) {
  static std::mutex mutex;
  static std::map<std::string, int> calls;
  const char *text = std::getenv("FAULTY_OPENCL");
  if (!text)
    return Success;
  std::string plan = text;
  size_t first = plan.find(':'), second = plan.find(':', first + 1);
  if (plan.substr(0, first) != symbol)
    return Success;
  std::lock_guard<std::mutex> lock(mutex);
  return calls[plan]++ >= std::atoi(plan.c_str() + second + 1) ? std::atoi(plan.c_str() + first + 1)
                                                               : Success;
}

/// Calls that return a handle tell their status through the last parameter.
void tell(Status status, Status *where) { *where = status; }
template <typename T>
void tell(Status, T) {}
template <typename First, typename... Rest>
void tell(Status status, First, Rest... rest) {
  if constexpr (sizeof...(Rest) > 0)
    tell(status, rest...);
}

/// The extension's functions are asked for by name.
void *memoryFunction(PlatformId, const char *name);

template <const char *symbol, typename Function>
struct Pass;
template <const char *symbol, typename Result, typename... Parameters>
struct Pass<symbol, Result (*)(Parameters...)> {
  static Result call(Parameters... parameters) {
    if (Status status = failureOf(symbol)) {
      if constexpr (std::is_same_v<Result, Status>) {
        return status;
      } else {
        tell(status, parameters...);
        return nullptr;
      }
    }
    if constexpr (std::is_same_v<Result (*)(Parameters...), decltype(&memoryFunction)>)
      return memoryFunction(parameters...);
    static auto function = reinterpret_cast<Result (*)(Parameters...)>(driverFunction(symbol));
    return function(parameters...);
  }
};

#define NAME(member, symbol, result, parameters) constexpr char member##Name[] = symbol;
TGC_OPENCL_ENTRIES(NAME)
TGC_OPENCL_MEMORY_ENTRIES(NAME)
#undef NAME

void *memoryFunction(PlatformId, const char *name) {
#define OFFER(member, symbol, result, parameters)                                                            \
  if (std::strcmp(name, symbol) == 0)                                                                        \
    return reinterpret_cast<void *>(&Pass<member##Name, decltype(MemoryApi::member)>::call);
  TGC_OPENCL_MEMORY_ENTRIES(OFFER)
#undef OFFER
  return nullptr;
}
} // namespace

// Exported by their symbols: each resolves to its instance of Pass when the library is loaded.
#define FORWARD(member, symbol, result, parameters)                                                          \
  extern "C" {                                                                                               \
  void *member##Resolve() {                                                                                  \
    return reinterpret_cast<void *>(&Pass<member##Name, decltype(Api::member)>::call);                       \
  }                                                                                                          \
  __attribute__((visibility("default"), ifunc(#member "Resolve"))) void member##Exported() asm(symbol);      \
  }
TGC_OPENCL_ENTRIES(FORWARD)
