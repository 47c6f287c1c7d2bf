// 1. The name and the seed give a key; every block of 65536 elements gets two 32-bit keys from it.
// 2. Element j of a block hashes (j, key) twice to 32 bits each: four 16-bit numbers.
// 3. The numbers become a float by exact integer arithmetic and one rounding, so that vector width and fused
//    multiply-add cannot change a bit; then the float is rounded to the type.
#include "runtime/io/RandomWeights.h"
#include "runtime/format/Error.h"
#include "runtime/format/File.h"
#include "runtime/io/Threads.h"
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

// One source, several instruction sets, chosen when the library is loaded.
#if defined(__x86_64__) && defined(__GNUC__)
#define TGC_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define TGC_CLONES
#endif

namespace tgc::runtime {

namespace {
constexpr uint64_t BlockElements = 65536;
constexpr uint64_t PieceBytes = uint64_t(64) << 20;

uint64_t mix(uint64_t value) {
  value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
  value = (value ^ value >> 27) * 0x94d049bb133111eb;
  return value ^ value >> 31;
}

uint64_t keyOf(const std::string &name, uint64_t seed) {
  uint64_t hash = 0xcbf29ce484222325;
  for (unsigned char c : name)
    hash = (hash ^ c) * 0x100000001b3;
  return mix(mix(seed + 0x9e3779b97f4a7c15) ^ hash);
}

inline uint32_t hash32(uint32_t value) {
  value = (value ^ value >> 16) * 0x7feb352du;
  value = (value ^ value >> 15) * 0x846ca68bu;
  return value ^ value >> 16;
}

/// One element as a float: normal-like times `scale`, or uniform if scale is 0.
inline float element(uint32_t index, uint32_t key0, uint32_t key1, float scale) {
  uint32_t a = hash32(index ^ key0), b = hash32((index + 0x9e3779b9u) ^ key1);
  int32_t sum = int32_t(a & 0xffff) + int32_t(a >> 16) + int32_t(b & 0xffff) + int32_t(b >> 16);
  float normal = float(sum - 2 * 65535) * scale;
  float uniform = float(int32_t(16384 + (a & 0x7fff))) * (1.0f / 65536);
  return scale == 0 ? uniform : normal;
}

inline uint16_t toBf16(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/// Round to nearest even; finite values below 65504 in magnitude.
inline uint16_t toF16(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  uint32_t sign = bits >> 16 & 0x8000;
  uint32_t magnitude = bits & 0x7fffffff;
  uint32_t normal = (magnitude - (112u << 23) + 0xfff + (magnitude >> 13 & 1)) >> 13;
  // Adding 0.5 aligns a subnormal's bits with the last ones of the sum and rounds them.
  uint32_t subnormal = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3f000000u;
  return static_cast<uint16_t>(sign | (magnitude < (113u << 23) ? subnormal : normal));
}

struct Block {
  uint32_t key0, key1, first, count;
  float scale;
};

TGC_CLONES void blockF32(const Block &block, float *out) {
  const Block b = block;
  for (uint32_t i = 0; i < b.count; ++i)
    out[i] = element(b.first + i, b.key0, b.key1, b.scale);
}
TGC_CLONES void blockF64(const Block &block, double *out) {
  const Block b = block;
  for (uint32_t i = 0; i < b.count; ++i)
    out[i] = element(b.first + i, b.key0, b.key1, b.scale);
}
TGC_CLONES void blockBf16(const Block &block, uint16_t *out) {
  const Block b = block;
  for (uint32_t i = 0; i < b.count; ++i)
    out[i] = toBf16(element(b.first + i, b.key0, b.key1, b.scale));
}
TGC_CLONES void blockF16(const Block &block, uint16_t *out) {
  const Block b = block;
  for (uint32_t i = 0; i < b.count; ++i)
    out[i] = toF16(element(b.first + i, b.key0, b.key1, b.scale));
}

/// What one unit of the sum is worth, so that the standard deviation is sqrt(2 / (d0 + rest)); 0 for uniform.
float scaleOf(const Shape &shape) {
  if (shape.size() < 2)
    return 0;
  double rest = 1;
  for (size_t i = 1; i < shape.size(); ++i)
    rest *= double(shape[i]);
  double deviation = std::sqrt(2 / std::max(1.0, double(shape[0]) + rest));
  // Four independent uniform integers 0 .. 65535 have the variance 4 (65536^2 - 1) / 12.
  return float(deviation / std::sqrt(4 * (65536.0 * 65536.0 - 1) / 12));
}

bool isFloat(DType dtype) {
  return dtype == DType::F32 || dtype == DType::F64 || dtype == DType::F16 || dtype == DType::BF16;
}
} // namespace

RandomParameters randomParameters(const Shape &shape, const std::string &name, uint64_t seed) {
  return {keyOf(name, seed), scaleOf(shape)};
}

void fillRandom(DType dtype, const Shape &shape, const std::string &name, uint64_t seed, uint64_t first,
                uint64_t count, void *out) {
  size_t size = dtypeBytes(dtype);
  if (!isFloat(dtype)) {
    std::memset(out, 0, count * size);
    return;
  }
  if (count == 0)
    return;
  const auto [key, scale] = randomParameters(shape, name, seed);
  uint64_t firstBlock = first / BlockElements, lastBlock = (first + count - 1) / BlockElements;
  parallelFor(lastBlock - firstBlock + 1, [&, key = key, scale = scale](uint64_t part) {
    uint64_t number = firstBlock + part;
    uint64_t begin = std::max(first, number * BlockElements);
    uint64_t end = std::min(first + count, (number + 1) * BlockElements);
    uint64_t keys = mix(key + number * 0x9e3779b97f4a7c15);
    Block block{static_cast<uint32_t>(keys), static_cast<uint32_t>(keys >> 32),
                static_cast<uint32_t>(begin - number * BlockElements), static_cast<uint32_t>(end - begin),
                scale};
    auto *to = static_cast<uint8_t *>(out) + (begin - first) * size;
    switch (dtype) {
    case DType::F32:
      return blockF32(block, reinterpret_cast<float *>(to));
    case DType::F64:
      return blockF64(block, reinterpret_cast<double *>(to));
    case DType::BF16:
      return blockBf16(block, reinterpret_cast<uint16_t *>(to));
    default:
      return blockF16(block, reinterpret_cast<uint16_t *>(to));
    }
  });
}

void writeRandomFile(const std::string &path, const std::vector<RandomPlace> &places, uint64_t seed) {
  for (const RandomPlace &place : places)
    if (!tensorBytes(place.dtype, place.shape))
      badInput("weight \"" + place.name + "\": the shape " + shapeText(place.shape) + " is not valid");
  writeFileAtomically(path, [&](int descriptor) {
    std::vector<uint64_t> buffer(PieceBytes / 8);
    for (const RandomPlace &place : places) {
      uint64_t size = dtypeBytes(place.dtype), piece = PieceBytes / size;
      uint64_t count = *tensorBytes(place.dtype, place.shape) / size;
      for (uint64_t at = 0; at < count; at += piece) {
        uint64_t elements = std::min(piece, count - at);
        fillRandom(place.dtype, place.shape, place.name, seed, at, elements, buffer.data());
        writeAt(descriptor, buffer.data(), elements * size, place.offset + at * size);
      }
    }
  });
}

} // namespace tgc::runtime
