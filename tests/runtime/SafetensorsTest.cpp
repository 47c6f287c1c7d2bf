#include "runtime/io/Safetensors.h"
#include "runtime/format/Error.h"
#include "tests/runtime/Support.h"
#include <cstring>
#include <random>

using namespace tgc::runtime;
using namespace tgc::runtime::test;

namespace {
std::vector<uint8_t> build(const std::string &header, size_t data, uint64_t size = UINT64_MAX) {
  std::vector<uint8_t> file(8);
  if (size == UINT64_MAX)
    size = header.size();
  std::memcpy(file.data(), &size, 8);
  file.insert(file.end(), header.begin(), header.end());
  for (size_t i = 0; i < data; ++i)
    file.push_back(uint8_t(i));
  return file;
}
} // namespace

TEST_CASE("safetensors: types, shapes and places", "[safetensors]") {
  TemporaryFolder folder;
  writeFile(folder / "a",
            build(R"({"__metadata__":{"x":"y"},"b":{"dtype":"BF16","shape":[2,3],"data_offsets":[4,16]},)"
                  R"("f8":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]},)"
                  R"("s":{"dtype":"I64","shape":[],"data_offsets":[16,24]},)"
                  R"("e":{"dtype":"F32","shape":[0,9],"data_offsets":[24,24]}}   )",
                  24));
  SafetensorsFile file = SafetensorsFile::open(folder / "a");
  REQUIRE(file.tensors().size() == 3); // f8 is no type of the runtime
  REQUIRE(file.find("f8") == nullptr);
  REQUIRE(file.find("b")->dtype == DType::BF16);
  REQUIRE(file.find("b")->shape == Shape{2, 3});
  REQUIRE(file.find("b")->data.size() == 12);
  REQUIRE(file.find("b")->data.data()[0] == 4);
  REQUIRE(file.find("s")->shape.empty());
  REQUIRE(file.find("e")->data.size() == 0);
}

TEST_CASE("safetensors: hostile headers are errors", "[safetensors]") {
  TemporaryFolder folder;
  std::string deep = R"({"a":)";
  for (int i = 0; i < 100000; ++i)
    deep += "[";
  struct Case {
    std::vector<uint8_t> file;
    const char *message;
  };
  auto entry = [](const std::string &fields) { return build("{\"a\":{" + fields + "}}", 16); };
  const Case cases[] = {
      {{}, "too short"},
      {{1, 2, 3}, "too short"},
      {build("{}", 0, 1000), "does not lie inside"},
      {build("{}", 0, UINT64_MAX - 1), "does not lie inside"},
      {build("[]", 0), "not a JSON object"},
      {build("{\"a\":", 0), "not a JSON object"},
      {build("{\"\xff\xfe\":1}", 0), "not a JSON object"},
      {build(deep, 0), "nested too deeply"},
      {build("{\"a\":1}", 0), "is missing"},
      {entry(R"("dtype":"F32","shape":[4])"), "is missing"},
      {entry(R"("dtype":1,"shape":[4],"data_offsets":[0,16])"), "wrong form"},
      {entry(R"("dtype":"F32","shape":4,"data_offsets":[0,16])"), "wrong form"},
      {entry(R"("dtype":"F32","shape":[4],"data_offsets":[0,16,20])"), "wrong form"},
      {entry(R"("dtype":"F32","shape":[-4],"data_offsets":[0,16])"), "natural number"},
      {entry(R"("dtype":"F32","shape":[4.0],"data_offsets":[0,16])"), "natural number"},
      {entry(R"("dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,16])"), "too large"},
      {entry(R"("dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,16])"),
       "size of its type"},
      {entry(R"("dtype":"F32","shape":[5],"data_offsets":[0,20])"), "inside the file"},
      {entry(R"("dtype":"F32","shape":[4],"data_offsets":[16,0])"), "inside the file"},
      {entry(R"("dtype":"F32","shape":[3],"data_offsets":[0,16])"), "size of its type"},
      {entry(R"("dtype":"F32","shape":[4],"data_offsets":[0,18446744073709551616])"), "natural number"},
  };
  for (const Case &c : cases) {
    writeFile(folder / "h", c.file);
    INFO(c.message);
    std::string message = errorOf([&] { SafetensorsFile::open(folder / "h"); });
    REQUIRE_THAT(message, Catch::Contains(c.message) && Catch::Contains(folder / "h"));
  }
}

TEST_CASE("safetensors: random damage never crashes", "[safetensors]") {
  TemporaryFolder folder;
  std::vector<uint8_t> file = build(
      R"({"abc":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"d":{"dtype":"U8","shape":[3],"data_offsets":[16,19]}})",
      19);
  std::mt19937 random(1);
  for (int round = 0; round < 3000; ++round) {
    std::vector<uint8_t> damaged = file;
    for (unsigned n = 1 + random() % 3; n > 0; --n)
      damaged[random() % damaged.size()] =
          random() % 2 ? uint8_t(random()) : uint8_t("0123456789[]{},:\"-"[random() % 18]);
    writeFile(folder / "d", damaged);
    try {
      SafetensorsFile read = SafetensorsFile::open(folder / "d");
      for (const auto &[name, tensor] : read.tensors())
        REQUIRE(tensor.data.size() == *tensorBytes(tensor.dtype, tensor.shape));
    } catch (const Error &error) {
      REQUIRE(error.kind == ErrorKind::BadInput);
    }
  }
}
