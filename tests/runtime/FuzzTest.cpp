// Damaged and hostile packages: an error, or a package that is valid; never a crash.
#include "runtime/format/Error.h"
#include "runtime/format/Seal.h"
#include "tests/runtime/Support.h"
#include <random>

using namespace tgc::runtime;
using namespace tgc::runtime::test;

namespace {
/// A small package: two pages of code would make the loops below long for nothing.
std::vector<uint8_t> smallFile() {
  Package package = linearPackage();
  package.modules[0].image = Bytes(std::vector<uint8_t>(64, 0xc3));
  package.modules[0].writableOffset = package.modules[0].writableSize = 0;
  package.modules[0].imports.clear();
  for (Function &function : package.functions)
    function.entry = 0;
  package.weights[1].source = WeightSource::Embedded;
  package.weights[1].data = bytesOf(ramp(16, 1));
  return serialize(package);
}

/// Parses; true if the file is accepted. Then all of it must have been readable: it is written again.
bool accepted(std::vector<uint8_t> file) {
  try {
    Package package = parse(Bytes(std::move(file)));
    serialize(package);
    return true;
  } catch (const Error &error) {
    REQUIRE(error.kind == ErrorKind::BadInput);
    REQUIRE(std::string(error.what()).size() > 10);
    return false;
  }
}

std::vector<uint8_t> resealed(std::vector<uint8_t> file) {
  file.resize(file.size() - SealBytes);
  seal(file);
  return file;
}
} // namespace

TEST_CASE("fuzz: every changed byte and every cut is noticed", "[fuzz]") {
  std::vector<uint8_t> file = smallFile();
  REQUIRE(accepted(file));
  for (size_t i = 0; i < file.size(); ++i)
    for (uint8_t change : {0x01, 0x80, 0xff}) {
      std::vector<uint8_t> damaged = file;
      damaged[i] ^= change;
      REQUIRE(!accepted(std::move(damaged)));
    }
  for (size_t size = 0; size < file.size(); ++size)
    REQUIRE(!accepted(std::vector<uint8_t>(file.begin(), file.begin() + static_cast<long>(size))));
}

TEST_CASE("fuzz: hostile files with a good checksum", "[fuzz]") {
  std::vector<uint8_t> file = smallFile();
  size_t body = file.size() - SealBytes, taken = 0;
  for (size_t i = 0; i < body; ++i)
    for (unsigned value : {0u, 1u, 0x7fu, 0x80u, 0xffu}) {
      std::vector<uint8_t> damaged = file;
      if (damaged[i] == value)
        continue;
      damaged[i] = uint8_t(value);
      taken += accepted(resealed(std::move(damaged)));
    }
  // Names and numbers for reports may change; that some files pass shows that the checksum is not what
  // refuses.
  REQUIRE(taken > 100);
  for (size_t size = SealBytes; size < file.size(); ++size)
    accepted(resealed(std::vector<uint8_t>(file.begin(), file.begin() + static_cast<long>(size))));

  std::mt19937 random(5);
  for (int round = 0; round < 20000; ++round) {
    std::vector<uint8_t> damaged = file;
    for (unsigned n = 1 + random() % 6; n > 0; --n) {
      uint32_t word = random() % 3 == 0 ? random() : random() % 64;
      size_t at = random() % (body / 4) * 4;
      for (int b = 0; b < 4; ++b)
        damaged[at + b] = uint8_t(word >> 8 * b);
    }
    accepted(resealed(std::move(damaged)));
  }
}
