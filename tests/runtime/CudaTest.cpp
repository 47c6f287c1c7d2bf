// The CUDA device over the fake driver of fake_cuda/: what Program's own tests do not reach.
#include "tests/runtime/Api.h"
#include "tests/runtime/fake_cuda/FakeCuda.h"
#include <atomic>
#include <cstdlib>
#include <dlfcn.h>
#include <thread>

using namespace tgc::runtime;
using namespace tgc::runtime::test;
using tgc::api::Tensor;

namespace {
/// An environment variable for the length of a scope.
struct Variable {
  Variable(const char *name, const std::string &value) : name(name) { ::setenv(name, value.c_str(), 1); }
  ~Variable() { ::unsetenv(name); }
  const char *name;
};

/// The fake driver in place of the real one.
struct Fake {
  Variable library{"TGC_CUDA_LIBRARY", TGC_FAKE_CUDA};
  void *handle = ::dlopen(TGC_FAKE_CUDA, RTLD_NOW);

  template <typename F>
  F *find(const char *name) const {
    REQUIRE(handle != nullptr);
    return reinterpret_cast<F *>(::dlsym(handle, name));
  }
  int calls(const char *symbol) const { return find<int(const char *)>("fakeCudaCalls")(symbol); }
  std::string launches() const { return find<const char *()>("fakeCudaLaunches")(); }
  uint64_t memory() const { return find<uint64_t()>("fakeCudaMemory")(); }
  int handles() const { return find<int()>("fakeCudaHandles")(); }
  void newProcess() const { find<void()>("fakeCudaNewProcess")(); }
  ~Fake() { newProcess(); }
};

tgc::api::Program loadCuda(const Package &package) {
  std::vector<uint8_t> file = serialize(package);
  return tgc::api::Program(tgc::api::Device("cuda:0"), file.data(), file.size(), "");
}

/// y = 2 · x over rows of 8 f32 that lie 64 bytes apart in memory, by boxes of two rows.
Package boxPackage() {
  Package package;
  uint32_t x = addInput(package, "x", {4, 16}), y = addOutput(package, "y", {4, 16});
  package.slots[y].zeroed = true;
  Function function;
  function.name = "doubleBoxes";
  function.cluster = {2, 1, 1};
  function.sharedBytes = 100000;
  package.functions = {function};
  package.modules.resize(1);
  TensorMap map;
  map.dims = {8, 4};
  map.strides = {64};
  map.box = {8, 2};
  Launch launch;
  launch.grid = {2, 1, 1};
  launch.params = {Param::tensorMap(x, 0, Access::Read, map), Param::tensorMap(y, 32, Access::Write, map)};
  package.run = {launch};
  package = forCuda(package);
  package.functions[0].block = {384, 1, 1};
  return package;
}

const std::string Label = "cuda:0 (Fake GPU): ";
} // namespace

TEST_CASE("cuda: no driver, none that will do, no device", "[cuda]") {
  {
    Variable library("TGC_CUDA_LIBRARY", "/nonexistent/libcuda.so.1");
    auto [status, message] = failure([] { tgc::api::Device("cuda"); });
    REQUIRE(status == TGC_DEVICE);
    REQUIRE_THAT(message,
                 Catch::Contains("/nonexistent/libcuda.so.1") && Catch::Contains("install NVIDIA's driver"));
    REQUIRE(tgc::api::Device::list().size() == 1); // the CPU is still there
  }
  {
    // A library that is none of CUDA's.
    Variable library("TGC_CUDA_LIBRARY", "libm.so.6");
    auto [status, message] = failure([] { tgc::api::Device("cuda"); });
    REQUIRE(status == TGC_DEVICE);
    REQUIRE_THAT(message, Catch::Contains("it lacks cuInit"));
  }
  Fake fake;
  {
    Variable version("FAKE_CUDA_VERSION", "11080");
    REQUIRE_THAT(failure([] { tgc::api::Device("cuda"); }).second,
                 Catch::Contains("it is of CUDA 11.8, 12.0 or newer is needed"));
  }
  {
    Variable devices("FAKE_CUDA_DEVICES", "0");
    auto [status, message] = failure([] { tgc::api::Device("cuda"); });
    REQUIRE(status == TGC_DEVICE);
    REQUIRE_THAT(message, Catch::Contains("(100): the driver sees no GPU"));
  }
  {
    Variable fail("FAKE_CUDA_FAIL", "cuInit:803");
    REQUIRE_THAT(failure([] { tgc::api::Device("cuda"); }).second, Catch::Contains("restart the machine"));
  }
}

TEST_CASE("cuda: devices", "[cuda]") {
  Fake fake;
  tgc::api::Device device("cuda");
  tgc_device_info info = device.describe();
  REQUIRE(info.name == std::string("cuda:0"));
  REQUIRE(info.description == std::string("Fake GPU"));
  REQUIRE(info.arch == std::string("sm_90a"));
  REQUIRE(
      info.features ==
      std::string("shared=232448 l2=52428800 registers=65536 clock-khz=1980000 bandwidth=3352 driver=12.4"));
  REQUIRE(info.units == 4);
  REQUIRE(tgc::api::Device::list().back().name == std::string("cuda:0"));
  for (const char *name : {"cuda:1", "cuda:", "cuda:x", "cuda:-1", "cuda:99999"}) {
    auto [status, message] = failure([&] { tgc::api::Device device{name}; });
    REQUIRE(status == TGC_USAGE);
    REQUIRE(message == std::string("there is no device \"") + name + "\"; this machine has cuda:0");
  }
}

TEST_CASE("cuda: the first run launches, later ones replay a graph, and addresses follow weights", "[cuda]") {
  Fake fake;
  tgc::api::Program program = loadCuda(forCuda(linearPackage()));
  std::vector<float> x = ramp(32, 0.05f, -1), w = ramp(128, 0.01f, -0.5f), b = ramp(16, 1);
  program.setWeight(tensor("w", {16, 8}, w));
  program.setWeight(tensor("b", {16}, b));
  Tensor in = tensor("x", {4, 8}, x);
  int graphs = fake.calls("cuGraphLaunch"), made = fake.calls("cuGraphInstantiateWithFlags");
  requireClose(run(program, {&in}), linearReference(x, w, b));
  REQUIRE(fake.calls("cuGraphLaunch") == graphs);
  fake.launches();
  for (int round = 0; round < 3; ++round) {
    x = ramp(32, 0.02f, float(round) - 1);
    Tensor next = tensor("x", {4, 8}, x);
    requireClose(run(program, {&next}), linearReference(x, w, b));
  }
  REQUIRE(fake.calls("cuGraphLaunch") == graphs + 3);
  REQUIRE(fake.calls("cuGraphInstantiateWithFlags") == made + 1);
  REQUIRE_THAT(fake.launches(),
               Catch::StartsWith("exponential grid 2,1,1 block 32,1,1 cluster 1,1,1 shared 0\n"
                                 "matmul grid 2,2,1 block 32,1,1 cluster 1,1,1 shared 0\n"));
  int updates = fake.calls("cuGraphExecUpdate_v2");
  for (float start : {2.0f, 3.0f}) {
    b = ramp(16, 0.5f, start);
    program.setWeight(tensor("b", {16}, b));
    requireClose(run(program, {&in}), linearReference(ramp(32, 0.05f, -1), w, b));
  }
  // The weight may have been given its old memory again, then there is nothing to update.
  REQUIRE(fake.calls("cuGraphExecUpdate_v2") <= updates + 2);
  REQUIRE(fake.calls("cuGraphInstantiateWithFlags") == made + 1);
}

TEST_CASE("cuda: a graph that cannot be updated is made anew", "[cuda]") {
  Fake fake;
  tgc::api::Program program = loadCuda(forCuda(linearPackage()));
  Tensor in = tensor("x", {4, 8}, ramp(32, 0.1f));
  std::vector<float> first = run(program, {&in});
  REQUIRE(run(program, {&in}) == first);
  Variable fail("FAKE_CUDA_FAIL", "cuGraphExecUpdate_v2:910");
  std::vector<Tensor> held; // keeps the old memory from being given again
  program.setWeight(tensor("b", {16}, std::vector<float>(16, 100)));
  std::vector<float> second = run(program, {&in});
  REQUIRE(second[0] > first[0] + 50);
  REQUIRE(run(program, {&in}) == second);
}

TEST_CASE("cuda: times are the device's", "[cuda]") {
  Fake fake;
  tgc::api::Program program = loadCuda(forCuda(linearPackage()));
  Tensor x = tensor("x", {4, 8}, ramp(32, 0.1f)), y(program.outputs()[0]);
  std::vector<float> expected = run(program, {&x});
  for (int round = 0; round < 3; ++round) {
    std::vector<uint64_t> times = program.runTimed({&x}, {&y}); // the fake needs a microsecond a block
    REQUIRE(times.size() == 2);
    REQUIRE(double(times[0]) == Approx(2000).epsilon(0.01));
    REQUIRE(double(times[1]) == Approx(4000).epsilon(0.01));
    REQUIRE(std::equal(expected.begin(), expected.end(), y.as<float>()));
  }
  Variable debug("TGC_CUDA_DEBUG", "1");
  tgc::api::Program slow = loadCuda(forCuda(linearPackage()));
  int graphs = fake.calls("cuGraphLaunch");
  REQUIRE(slow.runTimed({&x}, {&y}).size() == 2);
  REQUIRE(std::equal(expected.begin(), expected.end(), y.as<float>()));
  REQUIRE(fake.calls("cuGraphLaunch") == graphs);
}

TEST_CASE("cuda: tensor maps, clusters and shared memory", "[cuda]") {
  Fake fake;
  tgc::api::Program program = loadCuda(boxPackage());
  std::vector<float> x = ramp(64, 1);
  Tensor in = tensor("x", {4, 16}, x);
  fake.launches();
  for (int round = 0; round < 3; ++round) {
    std::vector<float> y = run(program, {&in});
    for (size_t i = 0; i < 64; ++i)
      REQUIRE(y[i] == (i % 16 < 8 ? 0 : 2 * x[i - 8]));
  }
  REQUIRE_THAT(fake.launches(),
               Catch::StartsWith("doubleBoxes grid 2,1,1 block 384,1,1 cluster 2,1,1 shared 100000\n"));

  auto refused = [](Package package) { return failure([&] { loadCuda(package); }).second; };
  Package package = boxPackage();
  package.run[0].grid = {3, 1, 1};
  REQUIRE_THAT(refused(package), Catch::Contains("has 3 blocks in clusters of 2"));
  package = boxPackage();
  package.functions[0].sharedBytes = 300000;
  REQUIRE_THAT(refused(package), Catch::Contains("needs 300000 bytes of shared memory a block"));
  package = boxPackage();
  package.functions[0].block = {1024, 2, 1};
  REQUIRE_THAT(refused(package), Catch::Contains("has 2048 threads a block"));
  package = boxPackage();
  package.run[0].params.pop_back();
  REQUIRE_THAT(refused(package), Catch::Contains("gives 1 parameters, its code takes 2"));
  package = boxPackage();
  package.run[0].params[1] = Param::write(1, 0, 64);
  REQUIRE_THAT(refused(package), Catch::Contains("gives 8 bytes for parameter 1, its code takes 128"));
}

TEST_CASE("cuda: packages that do not suit", "[cuda]") {
  Fake fake;
  auto refused = [](Package package) { return failure([&] { loadCuda(package); }); };
  REQUIRE(refused(linearPackage()).first == TGC_UNSUPPORTED);
  Package package = forCuda(linearPackage());
  package.arch = "sm_100a";
  REQUIRE(refused(package).first == TGC_UNSUPPORTED);
  REQUIRE_THAT(refused(package).second, Catch::Contains("compiled for sm_100a, cuda:0 (Fake GPU) is sm_90a"));
  package.arch = "sm_80"; // machine code runs on its own major version only
  REQUIRE(refused(package).first == TGC_UNSUPPORTED);
  package.arch = "gfx90a";
  REQUIRE(refused(package).first == TGC_BAD_INPUT);
  package = forCuda(linearPackage());
  package.modules[0].format = "cpu-image";
  REQUIRE_THAT(refused(package).second, Catch::Contains("has the format \"cpu-image\""));
  package = forCuda(linearPackage());
  package.functions[0].name = "none";
  REQUIRE_THAT(refused(package).second, Catch::Contains("looking for function \"none\""));
  // PTX of an older architecture is compiled by the driver.
  package = forCuda(linearPackage());
  package.arch = "sm_80";
  std::string text = "fake ptx\nadd\nexponential\ntranspose\nmatmul\ncount\nlookup\naccumulate\n";
  package.modules[0].format = "ptx";
  package.modules[0].image = Bytes(std::vector<uint8_t>(text.begin(), text.end()));
  Tensor x = tensor("x", {4, 8}, ramp(32, 0.1f));
  tgc::api::Program program = loadCuda(package);
  REQUIRE(run(program, {&x}).size() == 64);
  text = "fake ptx\nadd\nunheard\n";
  package.modules[0].image = Bytes(std::vector<uint8_t>(text.begin(), text.end()));
  REQUIRE_THAT(refused(package).second,
               Catch::Contains("loading the package's module 0:\nno host function unheard"));
}

TEST_CASE("cuda: large copies go through several stages", "[cuda]") {
  Fake fake;
  constexpr int64_t Count = 12 << 20; // 48 MB
  Package package = kernelPackage();
  uint32_t x = addInput(package, "x", {Count}), w = addWeight(package, "w", {Count}),
           y = addOutput(package, "y", {Count});
  Launch launch;
  launch.function = function("add");
  launch.grid = {Count / 16, 1, 1};
  launch.params = {Param::read(x, 0, Count * 4), Param::read(w, 0, Count * 4), Param::write(y, 0, Count * 4)};
  package.run = {launch};
  tgc::api::Program program = loadCuda(forCuda(package));
  std::vector<float> values = ramp(Count, 1);
  program.setWeight(tensor("w", {Count}, std::vector<float>(Count, 0.5f)));
  Tensor in = tensor("x", {Count}, values);
  std::vector<float> result = run(program, {&in});
  for (size_t i = 0; i < Count; i += 1013)
    REQUIRE(result[i] == values[i] + 0.5f);
}

TEST_CASE("cuda: random weights are made on the device, or come from the host, and are the same", "[cuda]") {
  Fake fake;
  auto weights = [&] {
    Package package = kernelPackage();
    uint32_t w = addWeight(package, "w", {300, 700}), v = addWeight(package, "v", {1000});
    package.outputs = {{"w", DType::F32, {300, 700}, w}, {"v", DType::F32, {1000}, v}};
    tgc::api::Program program = loadCuda(forCuda(package));
    program.useRandom(7);
    Tensor first(program.outputs()[0]), second(program.outputs()[1]);
    program.run({}, {&first, &second});
    std::vector<float> all(first.as<float>(), first.as<float>() + 210000);
    all.insert(all.end(), second.as<float>(), second.as<float>() + 1000);
    return all;
  };
  fake.launches();
  std::vector<float> made = weights();
  REQUIRE(fake.launches() == "tgc_random_f32 grid 821,1,1 block 256,1,1 cluster 1,1,1 shared 0\n"
                             "tgc_random_f32 grid 4,1,1 block 256,1,1 cluster 1,1,1 shared 0\n");
  Tensor expected = tensor("w", {300, 700}, std::vector<float>(210000));
  tgc_tensor view = expected.view();
  REQUIRE(tgc_random_fill(&view, 7) == TGC_OK);
  REQUIRE(std::equal(made.begin(), made.begin() + 210000, expected.as<float>()));
  Variable fail("FAKE_CUDA_FAIL", "cuModuleLoadDataEx:218:2"); // the driver cannot compile them
  REQUIRE(weights() == made);
  REQUIRE(fake.launches() == "");
}

TEST_CASE("cuda: out of memory has numbers, before and while memory is taken", "[cuda]") {
  Fake fake;
  Tensor in = tensor("x", {4, 8}, ramp(32, 0.1f));
  {
    Variable memory("FAKE_CUDA_MEMORY", "1000");
    tgc::api::Program program = loadCuda(forCuda(linearPackage()));
    int taken = fake.calls("cuMemAlloc_v2");
    auto [status, message] = failure([&] { run(program, {&in}); });
    REQUIRE(status == TGC_DEVICE);
    REQUIRE_THAT(message, Catch::Contains("needs 1.60 kB") && Catch::Contains("1.00 kB are free"));
    REQUIRE(fake.calls("cuMemAlloc_v2") == taken); // nothing was tried
  }
  {
    // Another process takes memory in between.
    Variable fail("FAKE_CUDA_FAIL", "cuMemAlloc_v2:2:2");
    tgc::api::Program program = loadCuda(forCuda(linearPackage()));
    auto [status, message] = failure([&] { run(program, {&in}); });
    REQUIRE(status == TGC_DEVICE);
    REQUIRE_THAT(message, Catch::Contains("taking ") &&
                              Catch::Contains("CUDA_ERROR_OUT_OF_MEMORY (2): out of memory; ") &&
                              Catch::Contains("of 1.07 GB are free"));
    REQUIRE(run(program, {&in}).size() == 64); // and gives it back
  }
  REQUIRE(fake.memory() == 0);
}

TEST_CASE("cuda: a lost context is said to be lost, in all of the process", "[cuda]") {
  Fake fake;
  Tensor in = tensor("x", {4, 8}, ramp(32, 0.1f));
  int handles = fake.handles();
  {
    tgc::api::Program program = loadCuda(forCuda(linearPackage()));
    run(program, {&in});
    {
      Variable fail("FAKE_CUDA_FAIL", "kernel matmul:719");
      auto [status, message] = failure([&] { run(program, {&in}); });
      REQUIRE(status == TGC_DEVICE);
      REQUIRE_THAT(message,
                   Catch::StartsWith(Label + "running 2 kernels: ") &&
                       Catch::Contains("(719): a kernel failed; the device is lost to this process, start it "
                                       "anew; TGC_CUDA_DEBUG=1"));
    }
    auto later = failure([&] { run(program, {&in}); });
    REQUIRE(later.first == TGC_DEVICE);
    REQUIRE_THAT(later.second,
                 Catch::Contains("is lost to this process since an earlier error (running 2 kernels") &&
                     Catch::Contains("start the process anew"));
    REQUIRE_THAT(failure([&] { loadCuda(forCuda(linearPackage())); }).second, Catch::Contains("CUDA_ERROR"));
  }
  REQUIRE(fake.handles() == handles);
  REQUIRE(fake.memory() == 0);
  auto again = failure([&] { loadCuda(forCuda(linearPackage())); });
  REQUIRE(again.first == TGC_DEVICE);
  REQUIRE_THAT(again.second, Catch::Contains("lost to this process, start it anew"));
  fake.newProcess();
  tgc::api::Program fresh = loadCuda(forCuda(linearPackage()));
  REQUIRE(run(fresh, {&in}).size() == 64);
}

TEST_CASE("cuda: illegal addresses, and which launch it was", "[cuda]") {
  Fake fake;
  Package package = kernelPackage();
  uint32_t y = addOutput(package, "y", {1});
  package.functions[0].name = "stray";
  Launch launch;
  launch.params = {Param::write(y, 0, 4)};
  launch.nodes = {"Gather_7"};
  package.run = {launch};
  package = forCuda(package);
  {
    tgc::api::Program program = loadCuda(package);
    REQUIRE_THAT(
        failure([&] { program.run({}, {}); }).second,
        Catch::Contains("CUDA_ERROR_ILLEGAL_ADDRESS (700): a kernel used memory that is not its own"));
  }
  fake.newProcess();
  Variable debug("TGC_CUDA_DEBUG", "1");
  tgc::api::Program program = loadCuda(package);
  REQUIRE_THAT(failure([&] { program.run({}, {}); }).second,
               Catch::Contains("launch 0, stray (node Gather_7): CUDA_ERROR_ILLEGAL_ADDRESS"));
}

TEST_CASE("cuda: any call of the driver may fail, once", "[cuda]") {
  Fake fake;
  Tensor in = tensor("x", {4, 8}, ramp(32, 0.1f));
  std::vector<float> expected;
  {
    tgc::api::Program program = loadCuda(forCuda(linearPackage()));
    expected = run(program, {&in});
  }
  int handles = fake.handles();
  for (const char *symbol : {"cuStreamCreate",
                             "cuEventCreate",
                             "cuMemHostAlloc",
                             "cuMemAlloc_v2",
                             "cuMemcpyHtoDAsync_v2",
                             "cuMemcpyDtoHAsync_v2",
                             "cuMemsetD8Async",
                             "cuStreamWaitEvent",
                             "cuEventRecord",
                             "cuStreamSynchronize",
                             "cuEventSynchronize",
                             "cuModuleLoadDataEx",
                             "cuModuleGetFunction",
                             "cuFuncGetAttribute",
                             "cuLaunchKernelEx",
                             "cuStreamBeginCapture_v2",
                             "cuGraphInstantiateWithFlags",
                             "cuGraphLaunch",
                             "cuEventRecordWithFlags",
                             "cuEventElapsedTime",
                             "cuDevicePrimaryCtxRetain"})
    for (int nth = 1; nth < 6; ++nth) {
      INFO(symbol << " " << nth);
      Variable fail("FAKE_CUDA_FAIL", std::string(symbol) + ":999:" + std::to_string(nth));
      int failures = 0;
      // What failed can be tried again.
      for (int attempt = 0; attempt < 3; ++attempt) {
        try {
          tgc::api::Program program = loadCuda(forCuda(linearPackage()));
          Tensor y(program.outputs()[0]);
          for (int round = 0; round < 4; ++round) {
            try {
              if (round < 2)
                program.run({&in}, {&y});
              else
                program.runTimed({&in}, {&y});
              REQUIRE(std::equal(expected.begin(), expected.end(), y.as<float>()));
            } catch (const tgc::api::Error &error) {
              REQUIRE(error.status == TGC_DEVICE);
              REQUIRE_THAT(error.what(), Catch::Contains("(999)"));
              ++failures;
            }
          }
        } catch (const tgc::api::Error &error) {
          REQUIRE(error.status == TGC_DEVICE);
          REQUIRE_THAT(error.what(), Catch::Contains("(999)"));
          ++failures;
        }
      }
      REQUIRE(failures <= 1);
      REQUIRE((failures == 1 || nth > 1));
      REQUIRE(fake.handles() == handles);
      REQUIRE(fake.memory() == 0);
    }
}

TEST_CASE("cuda: caches are emptied with memory of the device's own", "[cuda]") {
  Fake fake;
  uint64_t before = fake.memory();
  {
    tgc::api::Device device("cuda:0");
    constexpr uint64_t bytes = 1 << 20;
    device.evictCaches(bytes);
    uint64_t held = fake.memory();
    CHECK(held >= before + 2 * bytes);
    int written = fake.calls("cuMemsetD8Async"), read = fake.calls("cuMemcpyDtoHAsync_v2");
    device.evictCaches(bytes / 2);
    CHECK(fake.calls("cuMemsetD8Async") == written + 1);
    CHECK(fake.calls("cuMemcpyDtoHAsync_v2") > read);
    CHECK(fake.memory() == held);
  }
  CHECK(fake.memory() == before);
}

TEST_CASE("cuda: programs and threads share a device", "[cuda]") {
  Fake fake;
  tgc::api::Device device("cuda:0");
  std::atomic<int> wrong{0};
  const std::vector<uint8_t> file = serialize(forCuda(linearPackage()));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      tgc::api::Program program(device, file.data(), file.size(), "");
      std::vector<float> w = ramp(128, 0.01f, 0.1f * float(t)), b = ramp(16, 1);
      program.setWeight(tensor("w", {16, 8}, w));
      program.setWeight(tensor("b", {16}, b));
      for (int round = 0; round < 50; ++round) {
        std::vector<float> x = ramp(32, 0.01f * float(round), -0.2f * float(t));
        Tensor in = tensor("x", {4, 8}, x), out(program.outputs()[0]);
        program.run({&in}, {&out});
        std::vector<float> expected = linearReference(x, w, b);
        for (int i = 0; i < 64; ++i)
          wrong += std::abs(out.as<float>()[i] - expected[i]) > 1e-4f * (1 + std::abs(expected[i]));
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  REQUIRE(wrong == 0);
}
