#include "runtime/devices/cuda/Driver.h"
#include "runtime/format/Error.h"
#include <algorithm>
#include <cstdlib>
#include <dlfcn.h>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>

namespace tgc::runtime::cuda {

namespace {
/// The first driver with every entry: tensor maps, launches with clusters, graph updates.
constexpr int OldestVersion = 12000;

struct Advice {
  Result result;
  bool losesContext;
  const char *text;
};

const Advice Advices[] = {
    {InvalidValue, false, "the driver refused an argument"},
    {OutOfMemory, false, "out of memory"},
    {34, false, "the library is the toolkit's stub, which is for linking only: put the driver's own first"},
    {46, false, "the GPU is in exclusive use by another process: end that, or change the compute mode"},
    {NoDevice, false,
     "the driver sees no GPU: look at nvidia-smi, at CUDA_VISIBLE_DEVICES, and whether the container was "
     "given one"},
    {101, false, "there is no such GPU"},
    {200, false, "the code's image is damaged or of another kind"},
    {209, false, "the code was compiled for another GPU: compile for this one"},
    {214, true, "the GPU found an uncorrectable memory error: reset it, or have it checked"},
    {218, false, "the driver's compiler refuses the PTX"},
    {221, false, "the driver's PTX compiler is not installed (libnvidia-ptxjitcompiler)"},
    {222, false,
     "the PTX is newer than the driver: update the driver, or compile where ptxas or libnvJitLink is "
     "installed"},
    {500, false, "the code has no function of that name"},
    {700, true, "a kernel used memory that is not its own"},
    {701, false, "a kernel needs more registers or shared memory than the GPU has"},
    {702, true, "a kernel ran longer than the system lets it: use a GPU that drives no display"},
    {710, true, "a kernel's assertion failed"},
    {714, true, "a kernel overflowed its stack, or its code is damaged"},
    {715, true, "a kernel came to an instruction that the GPU does not have"},
    {716, true, "a kernel used an address that is not aligned"},
    {717, true, "a kernel used an address of another kind of memory"},
    {718, true, "a kernel jumped out of its code"},
    {719, true, "a kernel failed"},
    {801, false, "the driver does not support it on this GPU"},
    {802, false, "the system is not ready: is the fabric manager (nvidia-fabricmanager) running?"},
    {803, false, "the driver's library and the kernel module are of different versions: restart the machine"},
    {804, false, "the compatibility library does not support this GPU: take it out of the library path"},
    {912, false, "the GPU has no clusters of that size"},
};

const Advice *adviceFor(Result result) {
  const Advice *at = std::find_if(std::begin(Advices), std::end(Advices),
                                  [&](const Advice &a) { return a.result == result; });
  return at == std::end(Advices) ? nullptr : at;
}

[[noreturn]] void cannotOpen(const std::string &message) {
  deviceError("the CUDA driver cannot be used: " + message);
}

std::unique_ptr<Driver> open(const char *path) {
  void *library = ::dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library)
    cannotOpen(std::string(::dlerror()) + "; install NVIDIA's driver, or give its path in TGC_CUDA_LIBRARY");
  auto driver = std::make_unique<Driver>();
  auto fail = [&](const std::string &message) {
    ::dlclose(library);
    cannotOpen(message);
  };
  std::string missing;
  auto load = [&](auto &member, const char *symbol, bool needed) {
    void *address = ::dlsym(library, symbol);
    member = reinterpret_cast<std::remove_reference_t<decltype(member)>>(address);
    if (!address && needed)
      missing += std::string(" ") + symbol;
  };
#define TGC_CUDA_LOAD(member, symbol, parameters) load(driver->api.member, symbol, true);
#define TGC_CUDA_LOAD_OPTIONAL(member, symbol, parameters) load(driver->api.member, symbol, false);
  TGC_CUDA_ENTRIES(TGC_CUDA_LOAD)
  TGC_CUDA_OPTIONAL_ENTRIES(TGC_CUDA_LOAD_OPTIONAL)
#undef TGC_CUDA_LOAD
#undef TGC_CUDA_LOAD_OPTIONAL
  auto versionText = [](int version) {
    return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
  };
  if (driver->api.driverGetVersion)
    driver->api.driverGetVersion(&driver->version);
  if (!missing.empty() || driver->version < OldestVersion)
    fail("it is of CUDA " + versionText(driver->version) + ", " + versionText(OldestVersion) +
         " or newer is needed: update it" + (missing.empty() ? "" : " (it lacks" + missing + ")"));
  if (Result result = driver->api.init(0); result != Success)
    fail(errorText(*driver, result));
  if (Result result = driver->api.deviceGetCount(&driver->devices); result != Success)
    fail(errorText(*driver, result));
  return driver;
}
} // namespace

const Driver &driver() {
  static std::mutex mutex;
  // Never destroyed: programs may be unloaded while the process ends.
  static auto *drivers = new std::map<std::string, std::unique_ptr<Driver>>();
  const char *chosen = std::getenv("TGC_CUDA_LIBRARY");
  const char *path = chosen && *chosen ? chosen : "libcuda.so.1";
  std::lock_guard<std::mutex> lock(mutex);
  std::unique_ptr<Driver> &entry = (*drivers)[path];
  if (!entry)
    entry = open(path);
  return *entry;
}

std::string errorText(const Driver &driver, Result result) {
  const char *name = nullptr, *text = nullptr;
  driver.api.getErrorName(result, &name);
  driver.api.getErrorString(result, &text);
  const Advice *advice = adviceFor(result);
  return std::string(name ? name : "unknown error") + " (" + std::to_string(result) + "): " +
         (advice ? advice->text
          : text ? text
                 : "the driver says no more");
}

bool losesContext(Result result) {
  const Advice *advice = adviceFor(result);
  return advice && advice->losesContext;
}

} // namespace tgc::runtime::cuda
