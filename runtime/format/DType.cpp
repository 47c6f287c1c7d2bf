#include "runtime/format/DType.h"
#include <cstdio>

namespace tgc::runtime {

namespace {
struct Row {
  const char *name;
  size_t bytes;
};
constexpr Row Rows[DTypeCount] = {{"f32", 4}, {"f16", 2}, {"bf16", 2}, {"f64", 8}, {"i8", 1},
                                  {"u8", 1},  {"i16", 2}, {"u16", 2},  {"i32", 4}, {"u32", 4},
                                  {"i64", 8}, {"u64", 8}, {"bool", 1}};
} // namespace

const char *dtypeName(DType type) { return Rows[static_cast<size_t>(type)].name; }

std::optional<DType> dtypeByName(const std::string &name) {
  for (unsigned i = 0; i < DTypeCount; ++i)
    if (name == Rows[i].name)
      return static_cast<DType>(i);
  return std::nullopt;
}

size_t dtypeBytes(DType type) { return Rows[static_cast<size_t>(type)].bytes; }

std::string shapeText(const Shape &shape) {
  if (shape.empty())
    return "scalar";
  std::string text;
  for (int64_t dim : shape)
    text += (text.empty() ? "" : "x") + std::to_string(dim);
  return text;
}

std::optional<uint64_t> tensorBytes(DType type, const Shape &shape) {
  constexpr uint64_t Limit = uint64_t(1) << 62;
  uint64_t bytes = dtypeBytes(type);
  bool empty = false;
  for (int64_t dim : shape) {
    if (dim < 0)
      return std::nullopt;
    if (dim == 0) {
      empty = true;
      continue;
    }
    if (static_cast<uint64_t>(dim) > Limit / bytes)
      return std::nullopt;
    bytes *= static_cast<uint64_t>(dim);
  }
  return empty ? 0 : bytes;
}

std::string bytesText(uint64_t bytes) {
  const char *units[] = {"bytes", "kB", "MB", "GB", "TB"};
  double value = double(bytes);
  size_t unit = 0;
  for (; value >= 1000 && unit + 1 < std::size(units); ++unit)
    value /= 1000;
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.2f %s", value, units[unit]);
  return text;
}

} // namespace tgc::runtime
