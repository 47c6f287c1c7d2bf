// The Level Zero device over the loader, its validation layer and the driver of level_zero/, which runs on OpenCL.
#include "runtime/devices/Device.h"
#include "runtime/format/Error.h"
#include "tests/runtime/Api.h"
#include "tests/runtime/MemoryCache.h"
#include "tests/runtime/Variable.h"
#include <atomic>
#include <dlfcn.h>
#include <thread>

using namespace tgc::runtime;
using namespace tgc::runtime::test;
using tgc::api::Tensor;

namespace {
/// How often the driver was called so.
uint64_t calls(const char *symbol) {
  static void *driver = ::dlopen(std::getenv("ZE_ENABLE_ALT_DRIVERS"), RTLD_NOW | RTLD_LOCAL);
  return reinterpret_cast<uint64_t (*)(const char *)>(::dlsym(driver, "testZeCalls"))(symbol);
}

/// The driver fails `call` from its `after`th on with `result`, in hexadecimal.
struct Failing : Variable {
  Failing(const std::string &call, const std::string &result, int after = 0)
      : Variable("TEST_ZE_FAIL", call + ":" + result + ":" + std::to_string(after)) {}
};

tgc::api::Program loadZe(const Package &package) {
  std::vector<uint8_t> file = serialize(package);
  return tgc::api::Program(tgc::api::Device("level_zero:0"), file.data(), file.size(), "");
}

std::pair<tgc_status, std::string> loadFailure(const Package &package) {
  return failure([&] { loadZe(package); });
}

struct Linear {
  std::vector<float> x = ramp(32, 0.05f, -1), w = ramp(128, 0.01f, -0.5f), b = ramp(16, 1);
  void bind(tgc::api::Program &program) {
    program.setWeight(tensor("w", {16, 8}, w));
    program.setWeight(tensor("b", {16}, b));
  }
  void requireRuns(tgc::api::Program &program) {
    Tensor in = tensor("x", {4, 8}, x);
    requireClose(run(program, {&in}), linearReference(x, w, b));
  }
};
} // namespace

TEST_CASE("level_zero: no loader, none that will do", "[level_zero]") {
  {
    Variable library("TGC_LEVEL_ZERO_LIBRARY", "/nonexistent/libze_loader.so.1");
    auto [status, message] = failure([] { tgc::api::Device("level_zero"); });
    REQUIRE(status == TGC_DEVICE);
    REQUIRE_THAT(message, Catch::Contains("/nonexistent/libze_loader.so.1") && Catch::Contains("libze1"));
    for (const auto &info : tgc::api::Device::list())
      REQUIRE(std::string(info.name).rfind("level_zero", 0) != 0);
  }
  {
    Variable library("TGC_LEVEL_ZERO_LIBRARY", "libm.so.6");
    REQUIRE_THAT(failure([] { tgc::api::Device("level_zero"); }).second, Catch::Contains("it lacks zeInit"));
  }
}

TEST_CASE("level_zero: devices", "[level_zero]") {
  tgc_device_info info = tgc::api::Device("level_zero").describe();
  REQUIRE(info.name == std::string("level_zero:0"));
  REQUIRE(info.arch == std::string("cpu"));
  REQUIRE_THAT(info.features, Catch::Contains("spirv=1.3 subgroups=8,16,32 shared=") &&
                                  Catch::Contains(" fp16 fp64 driver=1.3.24595"));
  REQUIRE(info.units > 0);
  REQUIRE(info.memory_bytes > 0);
  bool listed = false;
  for (const auto &each : tgc::api::Device::list())
    listed |= each.name == std::string("level_zero:0");
  REQUIRE(listed);
  for (const char *name : {"level_zero:99", "level_zero:", "level_zero:x", "level_zero:-1"}) {
    auto [status, message] = failure([&] { tgc::api::Device device{name}; });
    REQUIRE(status == TGC_USAGE);
    REQUIRE_THAT(message, Catch::StartsWith(std::string("there is no device \"") + name +
                                            "\"; this machine has level_zero:0"));
  }
}

TEST_CASE("level_zero: GPUs by the number of their instruction set, or of the device", "[level_zero]") {
  struct Case {
    uint32_t major, minor;
    const char *arch;
  };
  for (const Case &each : {Case{12, 55, "dg2"}, Case{12, 60, "pvc"}, Case{20, 1, "bmg"}, Case{20, 4, "lnl"},
                           Case{30, 0, "gpu"}}) {
    Variable ip("TEST_ZE_IP", std::to_string(each.major << 22 | each.minor << 14));
    REQUIRE(tgc::api::Device("level_zero").describe().arch == std::string(each.arch));
  }
  // Whether a driver tells the number is asked once: by another path the loader is opened again.
  Variable other("TGC_LEVEL_ZERO_LIBRARY", "libze_loader.so");
  for (auto [pci, arch] :
       {std::pair{"0x56a0", "dg2"}, std::pair{"0x0bd5", "pvc"}, std::pair{"0xe20b", "gpu"}}) {
    Variable device("TEST_ZE_PCI", pci);
    REQUIRE(tgc::api::Device("level_zero").describe().arch == std::string(arch));
  }
}

TEST_CASE("level_zero: lists are recorded once and replayed", "[level_zero]") {
  tgc::api::Program program = loadZe(forOpenCl(linearPackage()));
  Linear linear;
  linear.bind(program);
  linear.requireRuns(program);
  uint64_t launches = calls("zeCommandListAppendLaunchKernel"),
           runs = calls("zeCommandQueueExecuteCommandLists");
  for (int i = 0; i < 3; ++i) {
    linear.x = ramp(32, 0.02f, float(i) - 1);
    linear.requireRuns(program);
  }
  REQUIRE(calls("zeCommandListAppendLaunchKernel") == launches);
  REQUIRE(calls("zeCommandQueueExecuteCommandLists") == runs + 3);
}

TEST_CASE("level_zero: packages for OpenCL and for Level Zero are one", "[level_zero]") {
  Package package = forOpenCl(linearPackage());
  for (const char *device : {"opencl", "level_zero"}) {
    package.device = device;
    tgc::api::Program program = loadZe(package);
    Linear linear;
    linear.bind(program);
    linear.requireRuns(program);
  }
  package.device = "cuda";
  REQUIRE_THAT(loadFailure(package).second,
               Catch::Contains("was compiled for the device \"cuda\", this is level_zero:0"));
}

TEST_CASE("level_zero: times are the device's, by either version's clock", "[level_zero]") {
  for (const char *version : {"0x10000", "0x10003"}) {
    Variable driver("TEST_ZE_VERSION", version);
    Variable library("TGC_LEVEL_ZERO_LIBRARY",
                     version == std::string("0x10000") ? "libze_loader.so.1.8.0" : "libze_loader.so.1");
    if (!::dlopen(std::getenv("TGC_LEVEL_ZERO_LIBRARY"), RTLD_NOW))
      continue; // another version of the loader
    Package package = forOpenCl(linearPackage());
    tgc::api::Program program = loadZe(package);
    Linear linear;
    linear.bind(program);
    Tensor in = tensor("x", {4, 8}, linear.x), out = tensor("y", {4, 16}, std::vector<float>(64));
    for (int i = 0; i < 3; ++i)
      for (uint64_t time : program.runTimed({&in}, {&out})) {
        REQUIRE(time > 0);
        REQUIRE(time % 80 == 0); // the clock's ticks
        REQUIRE(time < 1000000000);
      }
    requireClose(std::vector<float>(out.as<float>(), out.as<float>() + 64),
                 linearReference(linear.x, linear.w, linear.b));
  }
}

TEST_CASE("level_zero: packages that do not suit", "[level_zero]") {
  Package package = forOpenCl(linearPackage());
  package.modules[0].format = "ptx";
  REQUIRE_THAT(loadFailure(package).second,
               Catch::Contains("has the format \"ptx\"") && Catch::Contains("takes spirv"));
  package = forOpenCl(linearPackage());
  package.functions[0].name = "nothing";
  auto [status, message] = loadFailure(package);
  REQUIRE(status == TGC_DEVICE);
  REQUIRE_THAT(
      message,
      Catch::Contains("looking for function \"nothing\": ZE_RESULT_ERROR_INVALID_KERNEL_NAME (0x78000011)"));
  package = forOpenCl(linearPackage());
  package.run[0].params.pop_back();
  REQUIRE_THAT(loadFailure(package).second, Catch::Contains("gives 1 parameters, its code takes 2"));
  package = forOpenCl(linearPackage());
  package.functions[package.run[0].function].block = {1u << 20, 1, 1};
  REQUIRE_THAT(loadFailure(package).second,
               Catch::Contains("threads a block") && Catch::Contains("runs at most"));
}

TEST_CASE("level_zero: calls that fail", "[level_zero]") {
  struct Case {
    const char *call, *result, *text;
  };
  for (const Case &each :
       {Case{"zeContextCreate", "70000006",
             "opening the device: ZE_RESULT_ERROR_DEVICE_REQUIRES_RESET (0x70000006)"},
        Case{"zeMemAllocDevice", "70000003", "of memory: ZE_RESULT_ERROR_OUT_OF_DEVICE_MEMORY (0x70000003)"},
        Case{"zeMemAllocHost", "70000002", "ZE_RESULT_ERROR_OUT_OF_HOST_MEMORY"},
        Case{"zeModuleCreate", "70000005", "ZE_RESULT_ERROR_MODULE_LINK_FAILURE"},
        Case{"zeKernelSetArgumentValue", "78000015", "setting parameter 0 of launch 0, transpose"},
        Case{"zeKernelSetGroupSize", "78000013", "setting the block of launch 0, "},
        Case{"zeCommandListAppendLaunchKernel", "78000003",
             "launch 0, transpose: ZE_RESULT_ERROR_UNSUPPORTED_FEATURE"},
        Case{"zeCommandListClose", "7ffffffe", "recording launches: ZE_RESULT_ERROR_UNKNOWN"},
        Case{"zeCommandListAppendMemoryCopy", "70000001", "to the device: ZE_RESULT_ERROR_DEVICE_LOST"},
        Case{"zeCommandQueueSynchronize", "70000001",
             "kernels: ZE_RESULT_ERROR_DEVICE_LOST (0x70000001): the device hung"},
        Case{"zeCommandQueueExecuteCommandLists", "12345", "kernels: Level Zero's error (0x00012345)"}}) {
    INFO(each.call);
    Failing failing(each.call, each.result);
    auto [status, message] = failure([] {
      tgc::api::Program program = loadZe(forOpenCl(linearPackage()));
      Linear linear;
      linear.bind(program);
      linear.requireRuns(program);
    });
    REQUIRE(status == TGC_DEVICE);
    REQUIRE_THAT(message, Catch::StartsWith("level_zero:0 (") && Catch::Contains(each.text));
  }
}

TEST_CASE("level_zero: a build that fails tells the compiler's log", "[level_zero]") {
  Failing failing("zeModuleCreate", "70000004");
  auto [status, message] = loadFailure(forOpenCl(linearPackage()));
  REQUIRE(status == TGC_DEVICE);
  REQUIRE_THAT(message,
               Catch::Contains("building the package's module 0") &&
                   Catch::Contains("ZE_RESULT_ERROR_MODULE_BUILD_FAILURE (0x70000004)") &&
                   Catch::Contains("the compiler wrote:\noptions -ze-fp32-correctly-rounded-divide-sqrt\n"
                                   "error: the compiler was told to fail"));
}

TEST_CASE("level_zero: a lost device is lost for all that used it", "[level_zero]") {
  tgc::api::Device device("level_zero:0");
  std::vector<uint8_t> file = serialize(forOpenCl(linearPackage()));
  tgc::api::Program program(device, file.data(), file.size(), "");
  Linear linear;
  linear.bind(program);
  linear.requireRuns(program);
  {
    Failing failing("zeCommandQueueSynchronize", "70000001");
    REQUIRE_THAT(failure([&] { linear.requireRuns(program); }).second,
                 Catch::Contains("ZE_RESULT_ERROR_DEVICE_LOST"));
  }
  // The driver is not asked again.
  uint64_t asked = calls("zeCommandQueueExecuteCommandLists");
  REQUIRE_THAT(failure([&] { linear.requireRuns(program); }).second,
               Catch::Contains("ZE_RESULT_ERROR_DEVICE_LOST") && Catch::Contains("start it anew"));
  REQUIRE_THAT(failure([&] { tgc::api::Program(device, file.data(), file.size(), ""); }).second,
               Catch::Contains("loading a package: ZE_RESULT_ERROR_DEVICE_LOST"));
  REQUIRE(calls("zeCommandQueueExecuteCommandLists") == asked);
}

TEST_CASE("level_zero: with TGC_LEVEL_ZERO_DEBUG an error names its launch", "[level_zero]") {
  Variable debug("TGC_LEVEL_ZERO_DEBUG", "1");
  tgc::api::Program program = loadZe(forOpenCl(linearPackage()));
  Linear linear;
  linear.bind(program);
  linear.requireRuns(program);
  Failing failing("zeCommandQueueSynchronize", "70000001", 1);
  REQUIRE_THAT(failure([&] { linear.requireRuns(program); }).second,
               Catch::Contains("launch 1, matmul (node Gemm_1, Add_2): ZE_RESULT_ERROR_DEVICE_LOST"));
}

TEST_CASE("level_zero: memory", "[level_zero]") {
  std::shared_ptr<Device> device = openDevice("level_zero:0");
  SECTION("more than the device has is told in numbers") {
    Variable all("TEST_ZE_MEMORY", std::to_string(3 << 20));
    std::shared_ptr<Device> small = openDevice("level_zero:0");
    DeviceMemory first(small, 2 << 20);
    REQUIRE(small->freeBytes() == 1 << 20);
    std::string message = errorOf([&] { DeviceMemory(small, 2 << 20); });
    REQUIRE_THAT(message, Catch::Contains("taking 2.10 MB of memory: ZE_RESULT_ERROR_OUT_OF_DEVICE_MEMORY") &&
                              Catch::Contains("this process has taken 2.10 MB of 3.15 MB"));
  }
  SECTION("allocations above the device's limit ask for it") {
    Variable limit("TEST_ZE_ALLOCATION", "8192");
    std::shared_ptr<Device> limited = openDevice("level_zero:0");
    DeviceMemory large(limited, 3 * 8192);
    REQUIRE(large.address() % 4096 == 0);
  }
  SECTION("copies of any length, and memory that begins as zeros") {
    std::vector<uint8_t> bytes((9 << 20) + 123), back(bytes.size(), 1);
    DeviceMemory memory(device, bytes.size());
    device->copyOut(back.data(), memory.address(), back.size());
    REQUIRE(back == bytes);
    for (size_t i = 0; i < bytes.size(); ++i)
      bytes[i] = uint8_t(i * 7 + (i >> 16));
    device->copyIn(memory.address(), bytes.data(), bytes.size());
    device->copyOut(back.data(), memory.address(), back.size());
    REQUIRE(back == bytes);
  }
}

TEST_CASE("level_zero: compiled code is kept and taken again", "[level_zero]") {
  auto cache = std::make_shared<MemoryCache>();
  Package package = forOpenCl(linearPackage());
  auto load = [&] {
    std::shared_ptr<Device> device = openDevice("level_zero:0");
    device->useCodeCache(cache);
    device->load(package);
  };
  load();
  REQUIRE(cache->found == 0);
  REQUIRE(cache->stored == 1);
  REQUIRE_THAT(cache->keys[0].device, Catch::StartsWith("level_zero "));
  REQUIRE(cache->keys[0].driver == "1.3.24595");
  REQUIRE(cache->keys[0].options == "-ze-fp32-correctly-rounded-divide-sqrt");
  load();
  REQUIRE(cache->found == 1);
  REQUIRE(cache->stored == 1);
  // What the driver does not take is made anew.
  cache->held.begin()->second.assign(100, 7);
  load();
  REQUIRE(cache->found == 2);
  REQUIRE(cache->stored == 2);
  load();
  REQUIRE(cache->stored == 2);
  // Other code is another key.
  std::vector<uint8_t> image(package.modules[0].image.data(),
                             package.modules[0].image.data() + package.modules[0].image.size());
  image[8] ^= 1; // the generator's number, which means nothing
  package.modules[0].image = Bytes(image);
  load();
  REQUIRE(cache->stored == 3);
}

TEST_CASE("level_zero: GPUs' compilers are told of large buffers and of many registers", "[level_zero]") {
  Variable ip("TEST_ZE_IP", std::to_string(20 << 22 | 1 << 14));
  auto cache = std::make_shared<MemoryCache>();
  Package package = forOpenCl(linearPackage());
  auto options = [&] {
    std::shared_ptr<Device> device = openDevice("level_zero:0");
    device->useCodeCache(cache);
    device->load(package);
    return cache->keys.back().options;
  };
  const std::string always = "-ze-fp32-correctly-rounded-divide-sqrt";
  REQUIRE(options() == always);
  package.functions[0].registers = 128;
  REQUIRE(options() == always);
  package.functions[0].registers = 256;
  REQUIRE(options() == always + " -ze-opt-large-register-file");
  package.functions[0].registers = 0;
  package.slots[0].bytes = uint64_t(1) << 32;
  REQUIRE(options() == always + " -ze-opt-greater-than-4GB-buffer-required");
}

TEST_CASE("level_zero: loaders with zeInitDrivers", "[level_zero]") {
  Variable library("TGC_LEVEL_ZERO_LIBRARY", TGC_NEW_LOADER);
  tgc::api::Program program = loadZe(forOpenCl(linearPackage()));
  Linear linear;
  linear.bind(program);
  linear.requireRuns(program);
}

TEST_CASE("level_zero: programs and threads share a device", "[level_zero]") {
  tgc::api::Device device("level_zero:0");
  const std::vector<uint8_t> file = serialize(forOpenCl(linearPackage()));
  Linear linear;
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([&, t] {
      tgc::api::Program program(device, file.data(), file.size(), "");
      program.setWeight(tensor("w", {16, 8}, linear.w));
      program.setWeight(tensor("b", {16}, linear.b));
      for (int i = 0; i < 5; ++i) {
        std::vector<float> x = ramp(32, 0.02f, float(t + i) / 8);
        Tensor in = tensor("x", {4, 8}, x);
        std::vector<float> got = run(program, {&in}), expected = linearReference(x, linear.w, linear.b);
        for (size_t e = 0; e < got.size(); ++e)
          wrong += std::abs(got[e] - expected[e]) > 1e-4f * (1 + std::abs(expected[e]));
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  REQUIRE(wrong == 0);
}
