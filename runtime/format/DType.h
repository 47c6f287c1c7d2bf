// Element types of the tensors that enter and leave a package.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tgc::runtime {

/// The values are stored in packages and are those of tgc_dtype; they never change.
enum class DType : uint8_t {
  F32 = 0,
  F16 = 1,
  BF16 = 2,
  F64 = 3,
  I8 = 4,
  U8 = 5,
  I16 = 6,
  U16 = 7,
  I32 = 8,
  U32 = 9,
  I64 = 10,
  U64 = 11,
  Bool = 12
};
constexpr unsigned DTypeCount = 13;

/// "f32", "bf16", "bool", ...
const char *dtypeName(DType type);
/// The type of a name as printed by dtypeName.
std::optional<DType> dtypeByName(const std::string &name);
/// Bytes of one element.
size_t dtypeBytes(DType type);

/// "12.3 GB"
std::string bytesText(uint64_t bytes);

using Shape = std::vector<int64_t>;

/// "1x3x8", or "scalar" for rank 0.
std::string shapeText(const Shape &shape);
/// Bytes of a dense tensor; nothing if a dimension is negative or the size does not fit in 62 bits.
std::optional<uint64_t> tensorBytes(DType type, const Shape &shape);

} // namespace tgc::runtime
