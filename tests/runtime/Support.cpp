#include "tests/runtime/Support.h"
#include "runtime/devices/cpu/CpuFeatures.h"
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>

namespace tgc::runtime::test {

namespace {
const char *const FunctionNames[] = {"add",   "exponential", "transpose", "matmul",
                                     "count", "lookup",      "accumulate"};

/// Addresses by name, from nm's output.
std::map<std::string, uint64_t> symbols() {
  std::ifstream file(TGC_TEST_KERNELS ".symbols");
  std::map<std::string, uint64_t> result;
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string address, type, name;
    fields >> address >> type >> name;
    result[name] = std::stoull(address, nullptr, 16);
  }
  return result;
}
} // namespace

uint32_t function(const std::string &name) {
  for (uint32_t i = 0; i < std::size(FunctionNames); ++i)
    if (name == FunctionNames[i])
      return i;
  FAIL("no function " << name);
  return 0;
}

Package kernelPackage() {
  Package package;
  package.device = "cpu";
  package.arch = cpuArch();
  auto addresses = symbols();
  Module module;
  module.format = "cpu-image";
  module.image = Bytes(readFile(TGC_TEST_KERNELS ".bin"));
  module.writableOffset = addresses.at("imports_begin");
  module.writableSize = addresses.at("imports_end") - module.writableOffset;
  module.imports = {{"expf", addresses.at("import_expf")}, {"memset", addresses.at("import_memset")}};
  package.modules.push_back(std::move(module));
  for (const char *name : FunctionNames) {
    Function function;
    function.name = name;
    function.entry = addresses.at(name);
    function.scratchBytes = 256;
    package.functions.push_back(std::move(function));
  }
  package.provenance = {{"compiler", "by hand"}};
  return package;
}

Package forCuda(Package package) {
  package.device = "cuda";
  package.arch = "sm_90a";
  package.features.clear();
  std::string image = "fake cubin\n";
  for (Function &function : package.functions) {
    image += function.name + "\n";
    function.entry = function.scratchBytes = 0;
    function.block = {32, 1, 1};
  }
  image += '\0';
  Module module;
  module.format = "cubin";
  module.image = Bytes(std::vector<uint8_t>(image.begin(), image.end()));
  package.modules = {std::move(module)};
  return package;
}

Package forOpenCl(Package package) {
  package.device = "opencl";
  package.arch = "cpu";
  package.features.clear();
  for (Function &function : package.functions) {
    function.entry = function.scratchBytes = 0;
    // A thread an element; the others are loops of one thread.
    bool wide = function.name == "add" || function.name == "exponential";
    function.block = {wide ? 16u : 1u, 1, 1};
  }
  Module module;
  module.format = "spirv";
  module.image = Bytes(readFile(TGC_TEST_KERNELS ".spv"));
  package.modules = {std::move(module)};
  return package;
}

Package forTestDevice(Package package) {
  std::string device = testDevice();
  std::string kind = device.substr(0, device.find(':'));
  return kind == "cuda"                             ? forCuda(std::move(package))
         : kind == "opencl" || kind == "level_zero" ? forOpenCl(std::move(package))
                                                    : package;
}

std::string testDevice() {
  const char *name = std::getenv("TGC_TEST_DEVICE");
  return name && *name ? name : "cpu";
}

uint32_t addSlot(Package &package, SlotClass slotClass, uint64_t bytes) {
  Slot slot;
  slot.slotClass = slotClass;
  slot.bytes = bytes;
  package.slots.push_back(slot);
  return static_cast<uint32_t>(package.slots.size() - 1);
}

uint32_t addInput(Package &package, const std::string &name, const Shape &shape) {
  uint32_t slot = addSlot(package, SlotClass::Input, *tensorBytes(DType::F32, shape));
  package.inputs.push_back({name, DType::F32, shape, slot});
  return slot;
}

uint32_t addOutput(Package &package, const std::string &name, const Shape &shape) {
  uint32_t slot = addSlot(package, SlotClass::Output, *tensorBytes(DType::F32, shape));
  package.outputs.push_back({name, DType::F32, shape, slot});
  return slot;
}

uint32_t addWeight(Package &package, const std::string &name, const Shape &shape) {
  Weight weight;
  weight.name = name;
  weight.shape = shape;
  weight.slot = addSlot(package, SlotClass::Weight, *tensorBytes(DType::F32, shape));
  weight.source = WeightSource::Random;
  weight.seed = 1;
  package.weights.push_back(weight);
  return weight.slot;
}

Bytes bytesOf(const std::vector<float> &values) {
  std::vector<uint8_t> bytes(values.size() * 4);
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return Bytes(std::move(bytes));
}

Package linearPackage(int64_t *transposed) {
  static int64_t unused;
  Package package = kernelPackage();
  uint32_t x = addInput(package, "x", {4, 8}), y = addOutput(package, "y", {4, 16});
  uint32_t w = addWeight(package, "w", {16, 8}), b = addWeight(package, "b", {16});
  uint32_t p = addSlot(package, SlotClass::Prepared, 512);
  uint32_t e = addSlot(package, SlotClass::Arena, 128);
  package.arenas = {128};
  Launch pack;
  pack.function = function("transpose");
  pack.grid = {8, 1, 1};
  pack.params = {Param::read(w, 0, 512), Param::write(p, 0, 512), Param::value(16), Param::value(8),
                 Param::value(reinterpret_cast<uint64_t>(transposed ? transposed : &unused))};
  pack.weights = {0};
  package.prepare = {pack};
  Launch exponential;
  exponential.function = function("exponential");
  exponential.grid = {2, 1, 1};
  exponential.params = {Param::read(x, 0, 128), Param::write(e, 0, 128)};
  exponential.kernel = "exp";
  Launch matmul;
  matmul.function = function("matmul");
  matmul.grid = {2, 2, 1};
  matmul.params = {Param::read(e, 0, 128),  Param::read(p, 0, 512), Param::read(b, 0, 64),
                   Param::write(y, 0, 256), Param::value(8),        Param::value(16)};
  matmul.kernel = "gemm";
  matmul.schedule = "tile(m,4)";
  matmul.shape = "m=4 n=16 k=8";
  matmul.flops = 2 * 4 * 16 * 8;
  matmul.nodes = {"Gemm_1", "Add_2"};
  package.run = {exponential, matmul};
  return package;
}

Package linearPackageToWrite() {
  Package package = linearPackage();
  Launch &pack = package.prepare[0];
  pack.function = function("add");
  pack.params = {Param::read(2, 0, 512), Param::read(2, 0, 512), Param::write(4, 0, 512)};
  return package;
}

std::vector<float> linearReference(const std::vector<float> &x, const std::vector<float> &w,
                                   const std::vector<float> &b) {
  std::vector<float> y(64);
  for (int m = 0; m < 4; ++m)
    for (int n = 0; n < 16; ++n) {
      float sum = b[n];
      for (int k = 0; k < 8; ++k)
        sum += std::exp(x[m * 8 + k]) * w[n * 8 + k];
      y[m * 16 + n] = sum;
    }
  return y;
}

std::vector<float> ramp(size_t count, float step, float start) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i)
    values[i] = start + step * static_cast<float>(i);
  return values;
}

TemporaryFolder::TemporaryFolder() {
  path = (std::filesystem::temp_directory_path() / "tgc-test-XXXXXX").string();
  REQUIRE(::mkdtemp(path.data()) != nullptr);
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code error;
  std::filesystem::remove_all(path, error);
}

std::vector<std::string> TemporaryFolder::files() const {
  std::vector<std::string> names;
  for (const auto &entry : std::filesystem::directory_iterator(path))
    names.push_back(entry.path().filename());
  return names;
}

void writeFile(const std::string &path, const std::vector<uint8_t> &bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char *>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  REQUIRE(file.good());
}

std::vector<uint8_t> readFile(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file.good());
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

} // namespace tgc::runtime::test
