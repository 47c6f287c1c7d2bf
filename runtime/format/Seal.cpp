#include "runtime/format/Seal.h"
#include "runtime/format/Error.h"
#include <bit>
#include <cstring>

namespace tgc::runtime {

static_assert(std::endian::native == std::endian::little, "package files are little-endian");

namespace {
uint64_t word(const uint8_t *at) {
  uint64_t value;
  std::memcpy(&value, at, 8);
  return value;
}

/// Four independent lanes of rotate-and-multiply (each step is a bijection of the lane, so that no single
/// change is lost), then a final mix.
uint64_t checksum(const uint8_t *data, uint64_t size) {
  constexpr uint64_t P = 0x9e3779b97f4a7c15, Q = 0xbf58476d1ce4e5b9;
  uint64_t lane[4] = {P, Q, P ^ Q, size};
  uint64_t at = 0;
  for (; at + 32 <= size; at += 32)
    for (int i = 0; i < 4; ++i)
      lane[i] = (std::rotl(lane[i], 29) ^ word(data + at + 8 * i)) * Q;
  for (; at < size; ++at)
    lane[at % 4] = (std::rotl(lane[at % 4], 29) ^ data[at]) * Q;
  uint64_t hash = 0;
  for (uint64_t value : lane) {
    hash = (hash ^ value) * P;
    hash ^= hash >> 31;
  }
  return hash;
}
} // namespace

void seal(std::vector<uint8_t> &file) {
  uint64_t words[2] = {file.size(), checksum(file.data(), file.size())};
  const auto *first = reinterpret_cast<const uint8_t *>(words);
  file.insert(file.end(), first, first + SealBytes);
}

uint64_t checkSeal(const uint8_t *file, uint64_t size) {
  if (size < SealBytes || word(file + size - 16) != size - SealBytes)
    badInput("package: the file is incomplete or has been appended to");
  if (word(file + size - 8) != checksum(file, size - SealBytes))
    badInput("package: the file is damaged (its checksum does not agree)");
  return size - SealBytes;
}

} // namespace tgc::runtime
