#include "runtime/io/Npy.h"
#include "runtime/format/Error.h"
#include "tests/runtime/Support.h"
#include <cstring>
#include <random>
#include <zlib.h>

using namespace tgc::runtime;
using namespace tgc::runtime::test;

namespace {
std::vector<uint8_t> npy(const std::string &header, std::vector<uint8_t> data, uint8_t version = 1) {
  std::vector<uint8_t> file = {0x93, 'N', 'U', 'M', 'P', 'Y', version, 0, uint8_t(header.size()), 0};
  if (version > 1)
    file.insert(file.end(), {0, 0});
  file.insert(file.end(), header.begin(), header.end());
  file.insert(file.end(), data.begin(), data.end());
  return file;
}

std::vector<uint8_t> raw(const Bytes &bytes) { return {bytes.data(), bytes.data() + bytes.size()}; }

void put(std::vector<uint8_t> &out, uint64_t value, unsigned bytes) {
  for (unsigned i = 0; i < bytes; ++i)
    out.push_back(uint8_t(value >> 8 * i));
}

/// A .npz with one deflated member, as numpy.savez_compressed writes it.
std::vector<uint8_t> compressedNpz(const std::string &name, const std::vector<uint8_t> &content) {
  std::vector<uint8_t> packed(content.size() + 1000);
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  stream.next_in = const_cast<Bytef *>(content.data());
  stream.avail_in = uInt(content.size());
  stream.next_out = packed.data();
  stream.avail_out = uInt(packed.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  uint64_t crc = crc32(0, content.data(), uInt(content.size()));
  auto common = [&](std::vector<uint8_t> &out) {
    put(out, 20, 2);
    put(out, 0, 2);
    put(out, 8, 2);
    put(out, 0, 4);
    put(out, crc, 4);
    put(out, packed.size(), 4);
    put(out, content.size(), 4);
    put(out, name.size(), 2);
    put(out, 0, 2);
  };
  std::vector<uint8_t> file;
  put(file, 0x04034b50, 4);
  common(file);
  file.insert(file.end(), name.begin(), name.end());
  file.insert(file.end(), packed.begin(), packed.end());
  uint64_t start = file.size();
  put(file, 0x02014b50, 4);
  put(file, 20, 2);
  common(file);
  put(file, 0, 2 + 2 + 2 + 4 + 4);
  file.insert(file.end(), name.begin(), name.end());
  uint64_t size = file.size() - start;
  put(file, 0x06054b50, 4);
  put(file, 0, 4);
  put(file, 1, 2);
  put(file, 1, 2);
  put(file, size, 4);
  put(file, start, 4);
  put(file, 0, 2);
  return file;
}
} // namespace

TEST_CASE("npy: every type and rank survives", "[npy]") {
  TemporaryFolder folder;
  for (unsigned type = 0; type < DTypeCount; ++type)
    for (const Shape &shape : {Shape{}, Shape{7}, Shape{2, 3}, Shape{0, 5}, Shape{2, 1, 3, 4}}) {
      Array array{static_cast<DType>(type), shape, {}};
      std::vector<uint8_t> data(*tensorBytes(array.dtype, shape));
      for (size_t i = 0; i < data.size(); ++i)
        data[i] = uint8_t(i * 31 + type);
      array.data = Bytes(data);
      writeNpy(folder / "a.npy", array);
      REQUIRE(readFile(folder / "a.npy").size() % 64 == data.size() % 64);
      Array read = readNpy(folder / "a.npy");
      REQUIRE(read.dtype == array.dtype);
      REQUIRE(read.shape == shape);
      REQUIRE(raw(read.data) == data);
    }
}

TEST_CASE("npy: what NumPy writes", "[npy]") {
  // numpy.save of numpy.arange(6, dtype='<i2').reshape(2, 3), then of its Fortran-ordered copy
  std::vector<uint8_t> rows = {0, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0},
                       columns = {0, 0, 3, 0, 1, 0, 4, 0, 2, 0, 5, 0};
  Array c =
      parseNpy(Bytes(npy("{'descr': '<i2', 'fortran_order': False, 'shape': (2, 3), }          \n", rows)));
  REQUIRE(c.dtype == DType::I16);
  REQUIRE(c.shape == Shape{2, 3});
  REQUIRE(raw(c.data) == rows);
  Array f = parseNpy(Bytes(npy("{'descr': '<i2', 'fortran_order': True, 'shape': (2, 3), }\n", columns, 2)));
  REQUIRE(raw(f.data) == rows);
  REQUIRE(parseNpy(Bytes(npy("{'descr':'|b1','fortran_order':False,'shape':(),}", {1}, 3))).dtype ==
          DType::Bool);
}

TEST_CASE("npy: damaged and foreign files are errors", "[npy]") {
  struct Case {
    const char *header, *message;
  };
  const Case cases[] = {
      {"{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", "element type '>f4'"},
      {"{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", "element type '<c8'"},
      {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", "structured"},
      {"{'descr': '<f4', 'fortran_order': Maybe, 'shape': (1,), }", "neither True nor False"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", "not a natural number"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", "too large"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (4000000000, 4000000000, 4000000000), }",
       "shorter"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", "shorter than its shape 3"},
      {"{'descr': '<f4', 'fortran_order': False, }", "lacks"},
      {"{'descr': '<f4', 'shape': (1,", "not a natural number"},
      {"{'descr': '<f4", "does not end"},
      {"{", "a string belongs"},
      {"", "lacks '{'"},
      {"{'other': 1}", "unknown header field"},
  };
  for (const Case &c : cases) {
    INFO(c.header);
    REQUIRE_THAT(errorOf([&] { parseNpy(Bytes(npy(c.header, {0, 0, 0, 0}))); }), Catch::Contains(c.message));
  }
  REQUIRE_THROWS_AS(parseNpy(Bytes(std::vector<uint8_t>(5))), Error);
  std::vector<uint8_t> file = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", {0, 0, 0, 0});
  for (size_t size = 0; size < file.size(); ++size)
    REQUIRE_THROWS_AS(parseNpy(Bytes(std::vector<uint8_t>(file.begin(), file.begin() + long(size)))), Error);
}

TEST_CASE("npz: stored and deflated", "[npy]") {
  TemporaryFolder folder;
  Array a{DType::F32, {2, 3}, bytesOf(ramp(6, 1))},
      b{DType::U8, {4}, Bytes(std::vector<uint8_t>{1, 2, 3, 4})};
  writeNpz(folder / "s.npz", {{"a", a}, {"dir/b", b}});
  NamedArrays stored = readNpz(folder / "s.npz");
  REQUIRE(stored.size() == 2);
  REQUIRE(stored[0].first == "a");
  REQUIRE(stored[1].first == "dir/b");
  REQUIRE(raw(stored[0].second.data) == raw(a.data));
  REQUIRE(stored[1].second.dtype == DType::U8);

  Array big{DType::F32, {5000}, bytesOf(ramp(5000, 0.25f))};
  writeFile(folder / "c.npz", compressedNpz("big.npy", formatNpy(big)));
  NamedArrays packed = readNpz(folder / "c.npz");
  REQUIRE(packed.size() == 1);
  REQUIRE(raw(packed[0].second.data) == raw(big.data));
  writeNpz(folder / "none.npz", {});
  REQUIRE(readNpz(folder / "none.npz").empty());
}

TEST_CASE("npz: damage is noticed and never crashes", "[npy]") {
  TemporaryFolder folder;
  Array a{DType::F32, {50}, bytesOf(ramp(50, 0.5f))};
  std::vector<uint8_t> file = compressedNpz("a.npy", formatNpy(a));
  std::mt19937 random(3);
  auto attempt = [&](const std::vector<uint8_t> &bytes) {
    writeFile(folder / "d.npz", bytes);
    try {
      for (const auto &[name, array] : readNpz(folder / "d.npz"))
        REQUIRE(array.data.size() == *tensorBytes(array.dtype, array.shape));
    } catch (const Error &error) {
      REQUIRE(error.kind == ErrorKind::BadInput);
    }
  };
  for (size_t i = 0; i < file.size(); ++i) {
    std::vector<uint8_t> damaged = file;
    damaged[i] ^= uint8_t(1 + random() % 255);
    attempt(damaged);
  }
  for (size_t size = 0; size < file.size(); size += 3)
    attempt(std::vector<uint8_t>(file.begin(), file.begin() + long(size)));
}
