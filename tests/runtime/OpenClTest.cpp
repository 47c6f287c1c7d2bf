// The OpenCL device over a real driver: what Program's own tests do not reach. Calls are made to fail by the
// stand-in of opencl/, which passes them on to the driver.
#include "runtime/devices/Device.h"
#include "runtime/devices/spirv/Spirv.h"
#include "tests/runtime/Api.h"
#include "tests/runtime/MemoryCache.h"
#include "tests/runtime/Variable.h"
#include <thread>

using namespace tgc::runtime;
using namespace tgc::runtime::test;
using tgc::api::Tensor;

namespace {
/// The stand-in that fails `call`, a symbol, from its `after`th call on with `status`.
struct Failing {
  Failing(const std::string &call, int status, int after = 0)
      : library("TGC_OPENCL_LIBRARY", TGC_FAULTY_OPENCL),
        fail("FAULTY_OPENCL", call + ":" + std::to_string(status) + ":" + std::to_string(after)) {}
  Variable library, fail;
};

tgc::api::Program loadOpenCl(const Package &package) {
  std::vector<uint8_t> file = serialize(package);
  return tgc::api::Program(tgc::api::Device("opencl:0"), file.data(), file.size(), "");
}

std::pair<tgc_status, std::string> loadFailure(const Package &package) {
  return failure([&] { loadOpenCl(package); });
}

/// The package with its module's words changed.
Package withWords(Package package, const std::function<void(std::vector<uint32_t> &)> &change) {
  const Bytes &image = package.modules[0].image;
  std::vector<uint32_t> words(image.size() / 4);
  std::memcpy(words.data(), image.data(), words.size() * 4);
  change(words);
  const auto *bytes = reinterpret_cast<const uint8_t *>(words.data());
  package.modules[0].image = Bytes(std::vector<uint8_t>(bytes, bytes + words.size() * 4));
  return package;
}
} // namespace

TEST_CASE("opencl: no loader, none that will do", "[opencl]") {
  {
    Variable library("TGC_OPENCL_LIBRARY", "/nonexistent/libOpenCL.so.1");
    auto [status, message] = failure([] { tgc::api::Device("opencl"); });
    REQUIRE(status == TGC_DEVICE);
    REQUIRE_THAT(message,
                 Catch::Contains("/nonexistent/libOpenCL.so.1") && Catch::Contains("ocl-icd-libopencl1"));
    for (const auto &info : tgc::api::Device::list())
      REQUIRE(std::string(info.name).rfind("opencl", 0) != 0);
  }
  {
    Variable library("TGC_OPENCL_LIBRARY", "libm.so.6");
    REQUIRE_THAT(failure([] { tgc::api::Device("opencl"); }).second,
                 Catch::Contains("it lacks clGetPlatformIDs"));
  }
}

TEST_CASE("opencl: devices", "[opencl]") {
  tgc::api::Device device("opencl");
  tgc_device_info info = device.describe();
  REQUIRE(info.name == std::string("opencl:0"));
  REQUIRE(info.arch == std::string("cpu"));
  REQUIRE_THAT(info.features,
               Catch::Contains("spirv=1.") && Catch::Contains("subgroups=") && Catch::Contains("fp16"));
  REQUIRE(info.units > 0);
  REQUIRE(info.memory_bytes > 0);
  for (const char *name : {"opencl:99", "opencl:", "opencl:x", "opencl:-1"}) {
    auto [status, message] = failure([&] { tgc::api::Device device{name}; });
    REQUIRE(status == TGC_USAGE);
    REQUIRE_THAT(message, Catch::StartsWith(std::string("there is no device \"") + name +
                                            "\"; this machine has opencl:0"));
  }
}

TEST_CASE("opencl: arguments follow addresses, and times are the device's", "[opencl]") {
  tgc::api::Program program = loadOpenCl(forOpenCl(linearPackage()));
  std::vector<float> x = ramp(32, 0.05f, -1), w = ramp(128, 0.01f, -0.5f), b = ramp(16, 1);
  program.setWeight(tensor("w", {16, 8}, w));
  program.setWeight(tensor("b", {16}, b));
  for (int round = 0; round < 3; ++round) {
    x = ramp(32, 0.02f, float(round) - 1);
    b = ramp(16, 0.5f, float(round));
    program.setWeight(tensor("b", {16}, b));
    Tensor in = tensor("x", {4, 8}, x);
    requireClose(run(program, {&in}), linearReference(x, w, b));
  }
}

TEST_CASE("opencl: packages that do not suit", "[opencl]") {
  Package package = linearPackage();
  REQUIRE_THAT(loadFailure(package).second, Catch::Contains("was compiled for the device \"cpu\""));
  package = forOpenCl(linearPackage());
  package.modules[0].format = "ptx";
  REQUIRE_THAT(loadFailure(package).second,
               Catch::Contains("has the format \"ptx\"") && Catch::Contains("takes spirv"));
  package = forOpenCl(linearPackage());
  package.functions[0].name = "nothing";
  auto [status, message] = loadFailure(package);
  REQUIRE(status == TGC_DEVICE);
  REQUIRE_THAT(message, Catch::Contains("looking for function \"nothing\": CL_INVALID_KERNEL_NAME (-46)"));
  package = forOpenCl(linearPackage());
  package.run[0].params.pop_back();
  REQUIRE_THAT(loadFailure(package).second, Catch::Contains("gives 1 parameters, its code takes 2"));
  package = forOpenCl(linearPackage());
  package.functions[package.run[0].function].block = {1u << 20, 1, 1};
  REQUIRE_THAT(loadFailure(package).second,
               Catch::Contains("threads a block") && Catch::Contains("runs at most"));
}

TEST_CASE("opencl: code asks for what the device has not", "[opencl]") {
  // OpCapability 4 (tessellation), in front of the others: the driver's compiler has the word.
  Package package = withWords(forOpenCl(linearPackage()), [](std::vector<uint32_t> &words) {
    words.insert(words.begin() + 5, {uint32_t(2) << 16 | 17, 3});
  });
  auto [status, message] = loadFailure(package);
  REQUIRE(status == TGC_DEVICE);
  REQUIRE_THAT(message, Catch::Contains("CL_") && Catch::Contains("module 0"));
  // Damaged words never reach it.
  package = withWords(forOpenCl(linearPackage()), [](std::vector<uint32_t> &words) { words[0] = 1; });
  REQUIRE_THAT(loadFailure(package).second, Catch::Contains("the package's module 0 is no SPIR-V"));
  package =
      withWords(forOpenCl(linearPackage()), [](std::vector<uint32_t> &words) { words[5] = 0xFFFF0000 | 17; });
  REQUIRE_THAT(loadFailure(package).second, Catch::Contains("is damaged SPIR-V"));
}

TEST_CASE("opencl: what a module says of itself", "[opencl]") {
  spirv::ModuleFacts facts = spirv::readModule(forOpenCl(linearPackage()).modules[0].image, "it");
  REQUIRE(facts.major == 1);
  REQUIRE(facts.minor == 2);
  REQUIRE(facts.kernels.size() == 7);
  REQUIRE(facts.kernels[0].name == "add");
  REQUIRE(facts.imports.empty());
  REQUIRE(facts.needs(spirv::CapabilityFloat16));
  REQUIRE(!facts.needs(spirv::CapabilityFloat64));
}

TEST_CASE("opencl: calls that fail", "[opencl]") {
  struct Case {
    const char *call;
    int status;
    const char *text;
  };
  for (const Case &each :
       {Case{"clCreateContext", -2, "opening the device: CL_DEVICE_NOT_AVAILABLE"},
        Case{"clDeviceMemAllocINTEL", -4, "of memory: CL_MEM_OBJECT_ALLOCATION_FAILURE"},
        Case{"clBuildProgram", -11, "CL_BUILD_PROGRAM_FAILURE (-11)"},
        Case{"clSetKernelArgMemPointerINTEL", -50, "setting parameter 0 of launch 0"},
        Case{"clEnqueueNDRangeKernel", -5, "launch 0, transpose: CL_OUT_OF_RESOURCES (-5)"},
        Case{"clEnqueueMemcpyINTEL", -6, "to the device: CL_OUT_OF_HOST_MEMORY"}}) {
    INFO(each.call);
    Failing failing(each.call, each.status);
    auto [status, message] = failure([] {
      tgc::api::Program program = loadOpenCl(forOpenCl(linearPackage()));
      Tensor in = tensor("x", {4, 8}, ramp(32, 0.05f, -1));
      run(program, {&in});
    });
    REQUIRE(status == TGC_DEVICE);
    REQUIRE_THAT(message, Catch::StartsWith("opencl:0 (") && Catch::Contains(each.text));
  }
  {
    // A library is opened once by its name; by another it is opened again.
    Failing failing("clGetPlatformIDs", -1001);
    std::string path = TGC_FAULTY_OPENCL;
    Variable other("TGC_OPENCL_LIBRARY", path.insert(path.rfind('/'), "/."));
    REQUIRE_THAT(failure([] { tgc::api::Device("opencl"); }).second,
                 Catch::Contains("CL_PLATFORM_NOT_FOUND_KHR") && Catch::Contains("intel-opencl-icd"));
  }
}

TEST_CASE("opencl: compiled code is kept and taken again", "[opencl]") {
  auto cache = std::make_shared<MemoryCache>();
  Package package = forOpenCl(linearPackage());
  auto load = [&] {
    std::shared_ptr<Device> device = openDevice("opencl:0");
    device->useCodeCache(cache);
    device->load(package);
  };
  load();
  REQUIRE(cache->found == 0);
  REQUIRE(cache->stored == 1);
  REQUIRE_THAT(cache->keys[0].device, Catch::StartsWith("opencl "));
  REQUIRE(!cache->keys[0].driver.empty());
  {
    // The compiler is not asked again.
    Failing failing("clCreateProgramWithIL", -5);
    load();
    REQUIRE(cache->found == 1);
    // What the driver does not take is made anew.
    cache->held.begin()->second.assign(100, 7);
    REQUIRE_THAT(errorOf(load), Catch::Contains("reading the package's module 0"));
  }
  load();
  REQUIRE(cache->stored == 2);
  load();
  REQUIRE(cache->found == 4);
  REQUIRE(cache->stored == 2);
}

TEST_CASE("opencl: the C interface's cache", "[opencl]") {
  struct Held {
    std::string key;
    std::vector<uint8_t> code;
    int found = 0;
  } held;
  tgc_code_cache cache;
  cache.user = &held;
  cache.find = [](void *user, const tgc_code_key *key, tgc_take_code take, void *to) {
    auto &all = *static_cast<Held *>(user);
    if (all.key == std::string(key->device) + key->driver + key->options + key->code) {
      ++all.found;
      take(to, all.code.data(), all.code.size());
    }
  };
  cache.store = [](void *user, const tgc_code_key *key, const void *data, size_t bytes) {
    auto &all = *static_cast<Held *>(user);
    all.key = std::string(key->device) + key->driver + key->options + key->code;
    all.code.assign(static_cast<const uint8_t *>(data), static_cast<const uint8_t *>(data) + bytes);
  };
  const std::vector<uint8_t> file = serialize(forOpenCl(linearPackage()));
  tgc::api::Device device("opencl:0");
  device.setCodeCache(&cache);
  std::vector<float> x = ramp(32, 0.05f, -1), w = ramp(128, 0.01f, -0.5f), b = ramp(16, 1);
  for (int round = 0; round < 2; ++round) {
    tgc::api::Program program(device, file.data(), file.size(), "");
    REQUIRE(held.found == round);
    REQUIRE(!held.code.empty());
    program.setWeight(tensor("w", {16, 8}, w));
    program.setWeight(tensor("b", {16}, b));
    Tensor in = tensor("x", {4, 8}, x);
    requireClose(run(program, {&in}), linearReference(x, w, b));
  }
  device.setCodeCache(nullptr);
  tgc::api::Program program(device, file.data(), file.size(), "");
  REQUIRE(held.found == 1);
  cache.find = nullptr;
  REQUIRE(failure([&] { device.setCodeCache(&cache); }).first == TGC_USAGE);
}

TEST_CASE("opencl: programs and threads share a device", "[opencl]") {
  const std::vector<uint8_t> file = serialize(forOpenCl(linearPackage()));
  std::vector<float> w = ramp(128, 0.01f, -0.5f), b = ramp(16, 1);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([&, t] {
      tgc::api::Program program(tgc::api::Device("opencl:0"), file.data(), file.size(), "");
      program.setWeight(tensor("w", {16, 8}, w));
      program.setWeight(tensor("b", {16}, b));
      for (int i = 0; i < 5; ++i) {
        std::vector<float> x = ramp(32, 0.02f, float(t + i) / 8);
        Tensor in = tensor("x", {4, 8}, x);
        std::vector<float> got = run(program, {&in}), expected = linearReference(x, w, b);
        for (size_t e = 0; e < got.size(); ++e)
          wrong += std::abs(got[e] - expected[e]) > 1e-4f * (1 + std::abs(expected[e]));
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  REQUIRE(wrong == 0);
}
