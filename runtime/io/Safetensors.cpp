#include "runtime/io/Safetensors.h"
#include "runtime/format/Error.h"
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>

namespace tgc::runtime {

namespace {
using Json = nlohmann::json;

constexpr uint64_t MaxHeader = 100000000; // the format's own limit

std::optional<DType> dtypeOf(const std::string &name) {
  static const std::map<std::string, DType> types = {
      {"F64", DType::F64},  {"F32", DType::F32}, {"F16", DType::F16}, {"BF16", DType::BF16},
      {"I64", DType::I64},  {"I32", DType::I32}, {"I16", DType::I16}, {"I8", DType::I8},
      {"U64", DType::U64},  {"U32", DType::U32}, {"U16", DType::U16}, {"U8", DType::U8},
      {"BOOL", DType::Bool}};
  auto at = types.find(name);
  return at == types.end() ? std::nullopt : std::optional(at->second);
}

/// The header, without building anything deeper than the format allows.
Json parseHeader(const char *first, size_t size) {
  Json::parser_callback_t limit = [](int depth, Json::parse_event_t, Json &) {
    if (depth > 8)
      throw Error(ErrorKind::BadInput, "the header is nested too deeply");
    return true;
  };
  Json header = Json::parse(first, first + size, limit, /*allow_exceptions=*/false);
  if (!header.is_object())
    badInput("the header is not a JSON object");
  return header;
}

uint64_t natural(const Json &value) {
  if (!value.is_number_unsigned())
    badInput("a size or offset is not a natural number");
  return value.get<uint64_t>();
}

std::optional<SafeTensor> tensor(const Json &entry, const Bytes &data) {
  if (!entry.is_object() || !entry.contains("dtype") || !entry.contains("shape") ||
      !entry.contains("data_offsets"))
    badInput("dtype, shape or data_offsets is missing");
  const Json &dtype = entry["dtype"], &shape = entry["shape"], &offsets = entry["data_offsets"];
  if (!dtype.is_string() || !shape.is_array() || !offsets.is_array() || offsets.size() != 2)
    badInput("dtype, shape or data_offsets has the wrong form");
  SafeTensor tensor;
  for (const Json &dim : shape) {
    uint64_t extent = natural(dim);
    if (extent > INT64_MAX)
      badInput("a dimension is too large");
    tensor.shape.push_back(static_cast<int64_t>(extent));
  }
  uint64_t begin = natural(offsets[0]), end = natural(offsets[1]);
  if (begin > end || end > data.size())
    badInput("the data does not lie inside the file");
  auto type = dtypeOf(dtype.get<std::string>());
  if (!type)
    return std::nullopt;
  tensor.dtype = *type;
  if (tensorBytes(tensor.dtype, tensor.shape) != end - begin)
    badInput("the data does not have the size of its type and shape");
  tensor.data = data.slice(begin, end - begin);
  return tensor;
}
} // namespace

SafetensorsFile SafetensorsFile::open(const std::string &path) {
  SafetensorsFile file;
  file.mapped = MappedFile::open(path);
  Bytes all = file.mapped->bytes();
  std::string where;
  try {
    uint64_t size = 0;
    if (all.size() < 8)
      badInput("the file is too short");
    std::memcpy(&size, all.data(), 8);
    if (size > MaxHeader || size > all.size() - 8)
      badInput("the header does not lie inside the file");
    Json header = parseHeader(reinterpret_cast<const char *>(all.data()) + 8, size);
    Bytes data = all.slice(8 + size, all.size() - 8 - size);
    for (const auto &[name, entry] : header.items()) {
      if (name == "__metadata__")
        continue;
      where = "tensor \"" + name + "\": ";
      if (auto found = tensor(entry, data))
        file.entries.emplace(name, std::move(*found));
    }
  } catch (const Error &error) {
    badInput(path + ": " + where + error.what());
  }
  return file;
}

const SafeTensor *SafetensorsFile::find(const std::string &name) const {
  auto at = entries.find(name);
  return at == entries.end() ? nullptr : &at->second;
}

} // namespace tgc::runtime
