// Loading and running through the C API.
#include "tests/runtime/Api.h"
#include <cmath>
#include <cstdlib>

using namespace tgc::runtime;
using namespace tgc::runtime::test;
using tgc::api::Tensor;

extern "C" int openAndCloseInC(void);

TEST_CASE("program: compiled code runs", "[program]") {
  tgc::api::Program program = load(linearPackage());
  std::vector<float> x = ramp(32, 0.05f, -1), w = ramp(128, 0.01f, -0.5f), b = ramp(16, 1);
  program.setWeight(tensor("w", {16, 8}, w));
  program.setWeight(tensor("b", {16}, b));
  Tensor in = tensor("x", {4, 8}, x);
  requireClose(run(program, {&in}), linearReference(x, w, b));
}

TEST_CASE("program: what it says about itself", "[program]") {
  tgc::api::Program program = load(linearPackage());
  tgc_program_info info = program.describe();
  REQUIRE(info.inputs == 1);
  REQUIRE(info.weights == 2);
  REQUIRE(info.run_launches == 2);
  REQUIRE(info.prepare_launches == 1);
  REQUIRE(info.source_bytes == 512 + 64);
  REQUIRE(info.weight_bytes == 64);
  REQUIRE(info.prepared_bytes == 512);
  REQUIRE(info.run_bytes == 128);
  REQUIRE(info.prepare_peak_bytes == 64 + 512 + 512);
  REQUIRE(program.inputs()[0].name == "x");
  REQUIRE(program.inputs()[0].shape == Shape{4, 8});
  REQUIRE(program.weights()[1].source == "random");
  tgc_launch_info launch = program.launch(TGC_RUN_LIST, 1);
  REQUIRE(launch.function == std::string("matmul"));
  REQUIRE(launch.kernel == std::string("gemm"));
  REQUIRE(launch.schedule == std::string("tile(m,4)"));
  REQUIRE(launch.nodes == std::string("Gemm_1\nAdd_2"));
  REQUIRE(launch.grid[1] == 2);
  REQUIRE(launch.flops == 1024);
  REQUIRE(program.launch(TGC_PREPARE_LIST, 0).function == std::string("transpose"));
  REQUIRE(program.provenance().at(0).second == "by hand");
  REQUIRE(failure([&] { program.launch(TGC_RUN_LIST, 2); }).first == TGC_USAGE);
  REQUIRE(tgc_version() == std::string("0.1.0"));
  REQUIRE(openAndCloseInC() == 0);
}

TEST_CASE("program: wrong tensors are one clear message each", "[program]") {
  tgc::api::Program program = load(linearPackage());
  Tensor x = tensor("x", {4, 8}, ramp(32, 1)), other = tensor("z", {4, 8}, ramp(32, 1));
  Tensor turned = tensor("x", {8, 4}, ramp(32, 1)), y(program.outputs()[0]);
  auto message = [&](std::vector<const Tensor *> in, std::vector<Tensor *> out) {
    auto [status, text] = failure([&] { program.run(in, out); });
    REQUIRE(status == TGC_USAGE);
    return text;
  };
  REQUIRE(message({}, {&y}) == "input \"x\" is not given");
  REQUIRE(message({&x, &x}, {&y}) == "input \"x\" is given twice");
  REQUIRE(message({&other}, {&y}) == "the program has no input \"z\"; it has \"x\"");
  REQUIRE(message({&turned}, {&y}) == "input \"x\" is given with shape 8x4, the program has 4x8");
  REQUIRE(message({&x}, {&x}) == "the program has no output \"x\"; it has \"y\"");

  tgc_tensor in = x.view(), out = y.view();
  auto refused = [&](tgc_tensor bad) {
    REQUIRE(tgc_program_run(program.get(), &bad, 1, &out, 1) == TGC_USAGE);
    return std::string(tgc_last_error());
  };
  tgc_tensor bad = in;
  bad.dtype = TGC_BF16;
  REQUIRE(refused(bad) == "input \"x\" is given as bf16, the program has f32");
  bad = in;
  bad.bytes = 100;
  REQUIRE(refused(bad) == "input \"x\" is given with 100 bytes, its shape has 128");
  bad = in;
  bad.data = nullptr;
  REQUIRE(refused(bad) == "input \"x\" is given without data");
  bad = in;
  bad.dtype = static_cast<tgc_dtype>(77);
  REQUIRE(refused(bad) == "unknown element type 77");
  bad = in;
  bad.shape = nullptr;
  REQUIRE(refused(bad) == "shape is a null pointer");
  REQUIRE(tgc_program_run(nullptr, &in, 1, &out, 1) == TGC_USAGE);
  REQUIRE(tgc_program_run(program.get(), nullptr, 1, &out, 1) == TGC_USAGE);
  bad = in;
  bad.name = nullptr; // by place
  REQUIRE(tgc_program_run(program.get(), &bad, 1, &out, 1) == TGC_OK);
}

TEST_CASE("program: buffers of any alignment, in place, and outputs left out", "[program]") {
  tgc::api::Program program = load(linearPackage());
  std::vector<float> x = ramp(32, 0.1f);
  Tensor aligned = tensor("x", {4, 8}, x);
  std::vector<float> expected = run(program, {&aligned});

  std::vector<float> memory(200);
  for (size_t shift = 0; shift < 16; ++shift) {
    std::copy(x.begin(), x.end(), memory.begin() + long(shift));
    tgc_tensor in = aligned.view(), out = Tensor(program.outputs()[0]).view();
    int64_t shape[] = {4, 16};
    in.data = memory.data() + shift;
    out.name = "y";
    out.shape = shape;
    out.data = memory.data() + shift + 5; // overlaps the input
    REQUIRE(tgc_program_run(program.get(), &in, 1, &out, 1) == TGC_OK);
    std::vector<float> result(memory.begin() + long(shift) + 5, memory.begin() + long(shift) + 5 + 64);
    REQUIRE(result == expected);
  }
  program.run({&aligned}, {});
}

TEST_CASE("program: outputs of every class, and two of one slot", "[program]") {
  Package package = linearPackage();
  package.outputs.push_back({"again", DType::F32, {4, 16}, 1});
  package.outputs.push_back({"input", DType::F32, {4, 8}, 0});
  package.outputs.push_back({"bias", DType::F32, {16}, 3});
  package.outputs.push_back({"packed", DType::F32, {8, 16}, 4});
  package.outputs.push_back({"exp", DType::F32, {4, 8}, 5});
  uint32_t constant = addSlot(package, SlotClass::Constant, 12);
  package.slots[constant].data = bytesOf({5, 6, 7});
  package.outputs.push_back({"constant", DType::F32, {3}, constant});
  tgc::api::Program program = load(package);
  std::vector<float> x = ramp(32, 0.05f), w = ramp(128, 0.01f), b = ramp(16, 1);
  program.setWeight(tensor("w", {16, 8}, w));
  program.setWeight(tensor("b", {16}, b));
  Tensor in = tensor("x", {4, 8}, x);
  std::vector<Tensor> outputs;
  for (const auto &info : program.outputs())
    outputs.emplace_back(info);
  std::vector<Tensor *> list;
  for (Tensor &output : outputs)
    list.push_back(&output);
  program.run({&in}, list);
  auto values = [&](size_t i) {
    return std::vector<float>(outputs[i].as<float>(), outputs[i].as<float>() + outputs[i].elements());
  };
  requireClose(values(0), linearReference(x, w, b));
  REQUIRE(values(1) == values(0));
  REQUIRE(values(2) == x);
  REQUIRE(values(3) == b);
  REQUIRE(values(4)[1] == w[8]);
  REQUIRE(values(5)[0] == 1.0f);
  REQUIRE(values(6) == std::vector<float>{5, 6, 7});

  tgc_tensor a = outputs[0].view(), clash = outputs[1].view(), input = in.view();
  clash.data = a.data;
  tgc_tensor both[] = {a, clash};
  REQUIRE(tgc_program_run(program.get(), &input, 1, both, 2) == TGC_USAGE);
  REQUIRE(std::string(tgc_last_error()) == "outputs \"y\" and \"again\" are given memory that overlaps");
}

TEST_CASE("program: read-only data, scalars and zeroed slots", "[program]") {
  Package package = kernelPackage();
  uint32_t x = addInput(package, "x", {1}), y = addOutput(package, "y", {1});
  uint32_t sum = addSlot(package, SlotClass::Workspace, 4), old = addSlot(package, SlotClass::Arena, 4);
  package.slots[sum].zeroed = package.slots[old].zeroed = package.slots[y].zeroed = true;
  package.workspaceBytes = package.arenas.emplace_back(64);
  Launch launch;
  launch.function = function("accumulate");
  launch.params = {Param::read(x, 0, 4), Param::readWrite(sum, 0, 4)};
  package.run.push_back(launch);
  launch.params = {Param::read(sum, 0, 4), Param::readWrite(old, 0, 4)};
  package.run.push_back(launch);
  launch.params = {Param::read(old, 0, 4), Param::readWrite(y, 0, 4)};
  package.run.push_back(launch);
  uint32_t z = addOutput(package, "z", {1});
  launch.function = function("lookup");
  launch.params = {Param::write(z, 0, 4), Param::value(2)};
  package.run.push_back(launch);
  tgc::api::Program program = load(package);
  Tensor in = tensor("x", {1}, {3}), first(program.outputs()[0]), second(program.outputs()[1]);
  for (int round = 0; round < 3; ++round) {
    *first.as<float>() = 100;
    program.run({&in}, {&first, &second});
    REQUIRE(*first.as<float>() == 3);
    REQUIRE(*second.as<float>() == 4);
  }
}

TEST_CASE("program: poisoned memory shows what is read before it is written", "[program]") {
  for (bool zeroed : {true, false}) {
    Package package = kernelPackage();
    uint32_t x = addInput(package, "x", {1}), y = addOutput(package, "y", {1});
    uint32_t sum = addSlot(package, SlotClass::Arena, 4);
    package.slots[sum].zeroed = zeroed;
    package.slots[y].zeroed = true;
    package.arenas.push_back(64);
    Launch launch;
    launch.function = function("accumulate");
    launch.params = {Param::read(x, 0, 4), Param::readWrite(sum, 0, 4)};
    package.run.push_back(launch);
    launch.params = {Param::read(sum, 0, 4), Param::readWrite(y, 0, 4)};
    package.run.push_back(launch);
    tgc::api::Program program = load(package);
    Tensor in = tensor("x", {1}, {3}), out(program.outputs()[0]);
    ::setenv("TGC_POISON", "1", 1);
    program.run({&in}, {&out});
    ::unsetenv("TGC_POISON");
    REQUIRE(std::isnan(*out.as<float>()) == !zeroed);
    REQUIRE((!zeroed || *out.as<float>() == 3));
  }
}

TEST_CASE("program: every block of a launch runs once with its own scratch", "[program]") {
  constexpr uint64_t Blocks = 5000;
  Package package = kernelPackage();
  uint32_t y = addOutput(package, "y", {Blocks});
  package.outputs[0].dtype = DType::I32;
  package.slots[y].zeroed = true;
  Launch launch;
  launch.function = function("count");
  launch.grid = {50, 10, 10};
  launch.params = {Param::readWrite(y, 0, Blocks * 4)};
  package.run = {launch};
  launch.grid = {50, 0, 10}; // nothing
  package.run.push_back(launch);
  tgc::api::Program program = load(package);
  Tensor out(program.outputs()[0]);
  program.run({}, {&out});
  for (uint64_t i = 0; i < Blocks; ++i)
    REQUIRE(out.as<int32_t>()[i] == 1);
}

TEST_CASE("program: times of launches", "[program]") {
  tgc::api::Program program = load(linearPackage());
  Tensor x = tensor("x", {4, 8}, ramp(32, 0.1f)), y(program.outputs()[0]);
  for (uint64_t time : program.runTimed({&x}, {&y}))
    REQUIRE((time > 0 && time < 1000000000));
  uint64_t few[1];
  tgc_tensor in = x.view(), out = y.view();
  REQUIRE(tgc_program_run_timed(program.get(), &in, 1, &out, 1, few, 1) == TGC_USAGE);

  struct Seen {
    size_t calls = 0, launches = 0;
    uint64_t total = 0;
  } seen;
  auto callback = [](void *user, size_t repetition, uint64_t total, const uint64_t *times, size_t launches) {
    auto *seen = static_cast<Seen *>(user);
    seen->calls++;
    seen->launches += times ? launches : 0;
    seen->total += total;
    return repetition == 4 ? 1 : 0;
  };
  REQUIRE(tgc_program_bench(program.get(), &in, 1, &out, 1, 2, 10, 1, callback, &seen) == TGC_OK);
  REQUIRE(seen.calls == 5);
  REQUIRE(seen.launches == 10);
  REQUIRE(seen.total > 0);
}

TEST_CASE("program: packages that do not suit this machine", "[program][cpu]") {
  Package package = linearPackage();
  package.features = {"avx9000", "sse2000"};
  auto [status, message] = failure([&] { load(package); });
  REQUIRE(status == TGC_UNSUPPORTED);
  REQUIRE(message == "the package was compiled for a CPU with features that this one lacks: avx9000 sse2000");
  package = linearPackage();
  package.arch = "vax";
  REQUIRE_THAT(failure([&] { load(package); }).second, Catch::Contains("code for vax"));
  package = linearPackage();
  package.device = "cuda";
  REQUIRE_THAT(failure([&] { load(package); }).second, Catch::Contains("for the device \"cuda\""));
  package = linearPackage();
  package.modules[0].imports[0].symbol = "system";
  auto unknown = failure([&] { load(package); });
  REQUIRE(unknown.first == TGC_UNSUPPORTED);
  REQUIRE_THAT(unknown.second, Catch::EndsWith("does not offer: system"));
  package = linearPackage();
  package.modules[0].format = "ptx";
  REQUIRE(failure([&] { load(package); }).first == TGC_UNSUPPORTED);
}

TEST_CASE("program: emptied caches change no result", "[program]") {
  tgc::api::Device device(testDevice());
  device.evictCaches(0);
  std::vector<uint8_t> file = serialize(forTestDevice(linearPackage()));
  tgc::api::Program program(device, file.data(), file.size(), "");
  Tensor x = tensor("x", {4, 8}, ramp(32, 0.1f));
  std::vector<float> expected = run(program, {&x});
  for (uint64_t bytes : {4096, 100, 1 << 20}) {
    device.evictCaches(bytes);
    CHECK(run(program, {&x}) == expected);
  }
}

TEST_CASE("program: devices", "[program][cpu]") {
  REQUIRE(tgc::api::Device::list().at(0).name == std::string("cpu"));
  auto [status, message] = failure([] { tgc::api::Device("abacus"); });
  REQUIRE(status == TGC_USAGE);
  REQUIRE_THAT(message, Catch::StartsWith("there is no device \"abacus\"; this machine has: cpu"));
  REQUIRE(failure([] { tgc::api::Device("cpu:7"); }).first == TGC_USAGE);
  ::setenv("TGC_THREADS", "3", 1);
  REQUIRE(tgc::api::Device("cpu").describe().units == 3);
  ::setenv("TGC_THREADS", "many", 1);
  REQUIRE(failure([] { tgc::api::Device("cpu"); }).second ==
          "TGC_THREADS must be a number from 1 to 1024, not \"many\"");
  ::unsetenv("TGC_THREADS");
}

TEST_CASE("program: files", "[program][cpu]") {
  TemporaryFolder folder;
  writePackage(linearPackage(), folder / "m.tgc");
  tgc::api::Device device("cpu");
  tgc::api::Program program(device, folder / "m.tgc");
  Tensor x = tensor("x", {4, 8}, ramp(32, 0.1f));
  run(program, {&x});
  auto [status, message] = failure([&] { tgc::api::Program(device, folder / "none.tgc"); });
  REQUIRE(status == TGC_BAD_INPUT);
  REQUIRE_THAT(message, Catch::Contains("none.tgc: No such file"));
  std::vector<uint8_t> file = readFile(folder / "m.tgc");
  file.resize(file.size() / 2);
  writeFile(folder / "half.tgc", file);
  auto half = failure([&] { tgc::api::Program(device, folder / "half.tgc"); });
  REQUIRE(half.first == TGC_BAD_INPUT);
  REQUIRE_THAT(half.second, Catch::Contains("half.tgc: package: the file is incomplete"));
}

TEST_CASE("write a package for the example", "[.write]") {
  const char *path = std::getenv("TGC_WRITE_PACKAGE");
  REQUIRE(path != nullptr);
  writePackage(testDevice() == "cpu" ? linearPackageToWrite() : forCuda(linearPackageToWrite()), path);
}
