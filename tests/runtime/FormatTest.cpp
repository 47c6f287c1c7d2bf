#include "runtime/format/Error.h"
#include "runtime/format/File.h"
#include "tests/runtime/Support.h"
#include <csignal>
#include <fcntl.h>
#include <functional>
#include <sys/resource.h>
#include <unistd.h>

using namespace tgc::runtime;
using namespace tgc::runtime::test;

TEST_CASE("package: every field survives the file", "[format]") {
  Package package = linearPackage();
  package.features = {"avx2", "fma"};
  package.functions[1].block = {4, 5, 6};
  package.functions[1].cluster = {2, 1, 1};
  package.functions[1].sharedBytes = 77;
  package.functions[1].registers = 99;
  package.slots[4].zeroed = true;
  package.slots[5].alignment = 128;
  package.weights[0].source = WeightSource::External;
  package.weights[0].file = "weights.bin";
  package.weights[0].offset = 4096;
  package.weights[0].seed = 0;
  package.weights[1].source = WeightSource::Embedded;
  package.weights[1].data = bytesOf(ramp(16, 1));
  package.weights[1].key = "layer.bias";
  uint32_t constant = addSlot(package, SlotClass::Constant, 64);
  package.slots[constant].data = bytesOf(ramp(16, 2));
  package.modelDirectory = "/models";
  package.workspaceBytes = 1024;
  package.run[0].bytesMoved = 123;
  package.run[0].nodes = {"", "b", ""};

  std::vector<uint8_t> file = serialize(package);
  Package read = parse(Bytes(file));
  // Equal structs have equal files, and every field above is compared through the second file's bytes.
  REQUIRE(serialize(read) == file);
  REQUIRE(read.features == package.features);
  REQUIRE(read.functions[1].block == package.functions[1].block);
  REQUIRE(read.functions[1].cluster == package.functions[1].cluster);
  REQUIRE(read.functions[1].registers == 99);
  REQUIRE(read.slots[4].zeroed);
  REQUIRE(read.slots[5].alignment == 128);
  REQUIRE(read.weights[0].file == "weights.bin");
  REQUIRE(read.weights[0].offset == 4096);
  REQUIRE(read.weights[1].key == "layer.bias");
  REQUIRE(reinterpret_cast<uintptr_t>(read.weights[1].data.data()) % 64 == 0);
  REQUIRE(read.run[0].nodes == package.run[0].nodes);
  REQUIRE(read.run[1].nodes == package.run[1].nodes);
  REQUIRE(read.run[1].params[4].scalar == 8);
  REQUIRE(read.prepare[0].weights == std::vector<uint32_t>{0});
  REQUIRE(read.modules[0].imports[0].symbol == "expf");
  REQUIRE(read.provenance == package.provenance);
  REQUIRE(read.modelDirectory == "/models");
}

TEST_CASE("package: what breaks a rule is refused with a message", "[format]") {
  struct Case {
    const char *message;
    std::function<void(Package &)> damage;
  };
  const Case cases[] = {
      {"device or architecture is missing", [](Package &p) { p.device.clear(); }},
      {"function 2: there is no module 5", [](Package &p) { p.functions[2].module = 5; }},
      {"function 0: the entry does not lie", [](Package &p) { p.functions[0].entry = 1 << 20; }},
      {"function 0: the entry does not lie",
       [](Package &p) { p.functions[0].entry = p.modules[0].writableOffset; }},
      {"function 0: the scratch memory", [](Package &p) { p.functions[0].scratchBytes = UINT64_MAX; }},
      {"module 0: the import table", [](Package &p) { p.modules[0].writableOffset = 64; }},
      {"module 0: the import table", [](Package &p) { p.modules[0].writableSize = ~uint64_t(4095); }},
      {"import \"expf\" does not lie", [](Package &p) { p.modules[0].imports[0].offset = 8; }},
      {"import \"expf\" does not lie", [](Package &p) { p.modules[0].imports[0].offset += 1; }},
      {"slot 5: does not lie, aligned, in its arena", [](Package &p) { p.slots[5].offset = 64; }},
      {"slot 5: there is no arena 1", [](Package &p) { p.slots[5].arena = 1; }},
      {"slot 5: the alignment 48", [](Package &p) { p.slots[5].alignment = 48; }},
      {"slot 4: too large", [](Package &p) { p.slots[4].bytes = UINT64_MAX; }},
      {"slot 0: a slot of class input cannot be zeroed", [](Package &p) { p.slots[0].zeroed = true; }},
      {"the arenas are too large", [](Package &p) { p.arenas = {uint64_t(1) << 47, uint64_t(1) << 48}; }},
      {"only constant slots have data", [](Package &p) { p.slots[4].data = bytesOf({1}); }},
      {"input \"x\": f32 4x9 does not have the size", [](Package &p) { p.inputs[0].shape = {4, 9}; }},
      {"does not have the size of its slot", [](Package &p) { p.inputs[0].shape = {-4, -8}; }},
      {"does not have the size of its slot",
       [](Package &p) { p.inputs[0].shape = {int64_t(1) << 40, int64_t(1) << 40}; }},
      {"input \"x\": there is no slot 99", [](Package &p) { p.inputs[0].slot = 99; }},
      {"input \"x\": its slot has class output",
       [](Package &p) {
         p.inputs[0].slot = 1;
         p.inputs[0].shape = {64};
       }},
      {"weight \"w\": the name occurs twice", [](Package &p) { p.weights[1].name = "w"; }},
      {"its slot belongs to another tensor",
       [](Package &p) { p.inputs.push_back({"z", DType::F32, {32}, 0}); }},
      {"no tensor names this input slot", [](Package &p) { p.inputs.clear(); }},
      {"the name is empty", [](Package &p) { p.outputs[0].name.clear(); }},
      {"weight \"w\": the external file", [](Package &p) { p.weights[0].source = WeightSource::External; }},
      {"weight \"w\": the embedded data", [](Package &p) { p.weights[0].source = WeightSource::Embedded; }},
      {"run launch 0: there is no function 50", [](Package &p) { p.run[0].function = 50; }},
      {"run launch 0: the grid is too large",
       [](Package &p) { p.run[0].grid = {1 << 30, 1 << 30, 1 << 30}; }},
      {"run launch 0: parameter 1: there is no slot 70", [](Package &p) { p.run[0].params[1].slot = 70; }},
      {"run launch 0: parameter 0: bytes 4 to 132 do not lie",
       [](Package &p) { p.run[0].params[0].offset = 4; }},
      {"do not lie in slot", [](Package &p) { p.run[0].params[0].offset = UINT64_MAX - 3; }},
      {"writes a slot of class weight", [](Package &p) { p.run[1].params[2].access = Access::Write; }},
      {"writes a slot of class prepared", [](Package &p) { p.run[1].params[1].access = Access::ReadWrite; }},
      {"a prepare launch uses a slot of class input",
       [](Package &p) { p.prepare[0].params[0] = Param::read(0, 0, 8); }},
      {"prepare launch 0: there is no weight 9", [](Package &p) { p.prepare[0].weights = {9}; }},
      {"a node's name contains", [](Package &p) { p.run[1].nodes[0] = std::string("a\0b", 3); }},
      {"more than 64 dimensions", [](Package &p) { p.inputs[0].shape.resize(65, 1); }},
      {"only prepare launches name weights", [](Package &p) { p.run[0].weights = {0}; }},
      {"no earlier prepare launch writes", [](Package &p) { p.prepare.clear(); }},
  };
  for (const Case &c : cases) {
    Package package = linearPackage();
    check(package);
    c.damage(package);
    INFO(c.message);
    REQUIRE_THAT(errorOf([&] { check(package); }), Catch::Contains(c.message));
    REQUIRE_THROWS_AS(serialize(package), Error);
  }
}

namespace {
/// A launch whose second parameter sees the arena slot's 4x8 f32 as a tensor map of padded rows.
Package tensorMapPackage() {
  Package package = linearPackage();
  package.device = "cuda";
  TensorMap map;
  map.dims = {8, 4};
  map.strides = {32};
  map.box = {8, 2};
  map.swizzle = 32;
  package.run[0].params[1] = Param::tensorMap(5, 0, Access::Write, map);
  return package;
}

/// The map of a package made by tensorMapPackage(), to be changed.
TensorMap &mapOf(Package &package) { return const_cast<TensorMap &>(*package.run[0].params[1].map); }
} // namespace

TEST_CASE("package: tensor maps survive the file", "[format]") {
  Package package = tensorMapPackage();
  TensorMap &map = mapOf(package);
  map.dtype = DType::BF16;
  map.box = {32, 2};
  map.swizzle = 64;
  map.elementStrides = {1, 2};
  map.promotion = 128;
  map.fill = 1;
  std::vector<uint8_t> file = serialize(package);
  Package read = parse(Bytes(file));
  REQUIRE(serialize(read) == file);
  const Param &param = read.run[0].params[1];
  REQUIRE(param.kind == ParamKind::TensorMap);
  REQUIRE(param.bytes == 3 * 32 + 8 * 4);
  REQUIRE(param.writes());
  REQUIRE(param.map->dtype == DType::BF16);
  REQUIRE(param.map->dims == std::vector<uint64_t>{8, 4});
  REQUIRE(param.map->strides == std::vector<uint64_t>{32});
  REQUIRE(param.map->box == std::vector<uint32_t>{32, 2});
  REQUIRE(param.map->elementStrides == std::vector<uint32_t>{1, 2});
  REQUIRE(param.map->swizzle == 64);
  REQUIRE(param.map->promotion == 128);
  REQUIRE(param.map->fill == 1);
  REQUIRE(!read.run[0].params[0].map);
}

TEST_CASE("package: tensor maps that cannot be", "[format]") {
  struct Case {
    const char *message;
    std::function<void(Package &, TensorMap &)> damage;
  };
  const Case cases[] = {
      {"the CPU has no tensor maps", [](Package &p, TensorMap &) { p.device = "cpu"; }},
      {"the tensor map is missing", [](Package &p, TensorMap &) { p.run[0].params[1].map = nullptr; }},
      {"only a parameter of kind tensor map has one",
       [](Package &p, TensorMap &) { p.run[0].params[1].kind = ParamKind::Buffer; }},
      {"rank from 1 to 5", [](Package &, TensorMap &m) { m.dims.clear(); }},
      {"rank from 1 to 5", [](Package &, TensorMap &m) { m.strides.clear(); }},
      {"rank from 1 to 5", [](Package &, TensorMap &m) { m.box.push_back(1); }},
      {"rank from 1 to 5", [](Package &, TensorMap &m) { m.elementStrides = {1}; }},
      {"rank from 1 to 5",
       [](Package &, TensorMap &m) {
         m.dims.resize(6, 1);
         m.strides.resize(5, 16);
         m.box.resize(6, 1);
       }},
      {"a dimension of the tensor map", [](Package &, TensorMap &m) { m.dims[1] = 0; }},
      {"a dimension of the tensor map", [](Package &, TensorMap &m) { m.dims[0] = (uint64_t(1) << 32) + 1; }},
      {"a stride of the tensor map", [](Package &, TensorMap &m) { m.strides[0] = 24; }},
      {"a stride of the tensor map", [](Package &, TensorMap &m) { m.strides[0] = uint64_t(1) << 40; }},
      {"an extent of the tensor map's box", [](Package &, TensorMap &m) { m.box[1] = 0; }},
      {"an extent of the tensor map's box", [](Package &, TensorMap &m) { m.box[1] = 257; }},
      {"an element stride of the tensor map", [](Package &, TensorMap &m) { m.elementStrides = {1, 9}; }},
      {"swizzle is not", [](Package &, TensorMap &m) { m.swizzle = 48; }},
      {"promotion is not", [](Package &, TensorMap &m) { m.promotion = 512; }},
      {"fill is unknown", [](Package &, TensorMap &m) { m.fill = 2; }},
      {"box has 8 bytes", [](Package &, TensorMap &m) { m.box[0] = 2; }},
      {"box has 64 bytes", [](Package &, TensorMap &m) { m.box[0] = 16; }},
      {"does not start at a multiple of 16",
       [](Package &p, TensorMap &) {
         p.run[0].params[1].offset = 8;
         p.run[0].params[1].bytes = 120;
       }},
      {"reaches over 256 bytes of 128",
       [](Package &, TensorMap &m) {
         m.dims = {8, 2};
         m.strides[0] = 224;
       }},
      {"reaches over 18446744073709551615 bytes",
       [](Package &, TensorMap &m) {
         m.dims = {8, uint64_t(1) << 32, uint64_t(1) << 32};
         m.strides = {(uint64_t(1) << 40) - 16, (uint64_t(1) << 40) - 16};
         m.box = {8, 2, 1};
       }},
      {"do not lie in slot 5", [](Package &p, TensorMap &) { p.run[0].params[1].bytes = 129; }},
      {"writes a slot of class input", [](Package &p, TensorMap &) { p.run[0].params[1].slot = 0; }},
  };
  for (const Case &c : cases) {
    Package package = tensorMapPackage();
    check(package);
    c.damage(package, mapOf(package));
    INFO(c.message);
    REQUIRE_THAT(errorOf([&] { check(package); }), Catch::Contains(c.message));
  }
}

TEST_CASE("package: files that are none", "[format]") {
  REQUIRE_THAT(errorOf([] { parse(Bytes()); }), Catch::Contains("too short"));
  REQUIRE_THAT(errorOf([] { parse(Bytes(std::vector<uint8_t>(1000, 'x'))); }),
               Catch::Contains("not a tgc package"));
  std::vector<uint8_t> file = serialize(linearPackage());
  file.push_back(0);
  REQUIRE_THAT(errorOf([&] { parse(Bytes(file)); }), Catch::Contains("appended"));
}

TEST_CASE("files appear whole or not at all", "[format]") {
  TemporaryFolder folder;
  std::string path = folder / "m.tgc";
  writePackage(linearPackage(), path);
  std::vector<uint8_t> before = readFile(path);
  REQUIRE(folder.files() == std::vector<std::string>{"m.tgc"});

  // A limit on file sizes fails writes the way a full disk does.
  auto limited = [&](rlim_t bytes, auto body) {
    auto handler = std::signal(SIGXFSZ, SIG_IGN);
    struct rlimit old;
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &old) == 0);
    struct rlimit small = {bytes, old.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
    std::string message = errorOf(body);
    ::setrlimit(RLIMIT_FSIZE, &old);
    std::signal(SIGXFSZ, handler);
    return message;
  };
  REQUIRE_THAT(limited(1000, [&] { writePackage(linearPackage(), path); }),
               Catch::Contains("cannot write " + path + ": File too large"));
  REQUIRE_THAT(limited(1000, [&] { writePackage(linearPackage(), folder / "new.tgc"); }),
               Catch::Contains("new.tgc"));
  REQUIRE(folder.files() == std::vector<std::string>{"m.tgc"});
  REQUIRE(readFile(path) == before);
  REQUIRE_THAT(errorOf([&] { writePackage(linearPackage(), folder / "none/m.tgc"); }),
               Catch::Contains("No such file or directory"));
}

TEST_CASE("a full device is reported", "[format]") {
  int full = ::open("/dev/full", O_WRONLY);
  if (full < 0)
    return;
  uint8_t bytes[100] = {};
  REQUIRE_THAT(errorOf([&] { writeAt(full, bytes, sizeof bytes, 0); }), Catch::Contains("No space left"));
  ::close(full);
}

TEST_CASE("mapped files", "[format]") {
  TemporaryFolder folder;
  REQUIRE_THAT(errorOf([&] { MappedFile::open(folder / "none"); }), Catch::Contains("No such file"));
  REQUIRE_THAT(errorOf([&] { MappedFile::open(folder.path); }), Catch::Contains("not a regular file"));
  writeFile(folder / "empty", {});
  REQUIRE(MappedFile::open(folder / "empty")->size() == 0);
  std::vector<uint8_t> content(20000);
  for (size_t i = 0; i < content.size(); ++i)
    content[i] = uint8_t(i * 7);
  writeFile(folder / "file", content);
  Bytes bytes = MappedFile::open(folder / "file")->bytes(); // keeps the mapping
  REQUIRE(std::equal(content.begin(), content.end(), bytes.data()));
  auto file = MappedFile::open(folder / "file");
  Bytes again = file->bytes();
  file->discard(again.data(), again.size());
  REQUIRE(std::equal(content.begin(), content.end(), again.data()));
  // Memory that is not the file's is left alone.
  std::vector<uint8_t> own(40000, 5);
  file->discard(own.data(), own.size());
  REQUIRE(own == std::vector<uint8_t>(40000, 5));
}
