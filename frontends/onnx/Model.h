// An ONNX file as plain structs whose strings and payloads point into the mapped file.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tgc::onnx {

struct GraphProto;

/// A tensor whose elements are external, or raw in the file, or decoded from typed fields.
struct TensorProto {
  std::string_view name;
  std::vector<int64_t> dims;
  int32_t dataType = 0;
  std::string_view raw;
  std::optional<int64_t> fileOffset; ///< of `raw`
  std::string decoded;

  /// The elements in the data type's little-endian layout, where they are not external.
  std::string_view payload() const { return decoded.empty() ? raw : std::string_view(decoded); }

  struct External {
    std::string location;
    int64_t offset = 0;
    std::optional<int64_t> length;
  };
  std::optional<External> external;
};

struct AttributeProto {
  std::string_view name, refName; ///< refName: an attribute of the function that the node stands in
  int32_t type = 0;
  float f = 0;
  int64_t i = 0;
  std::string_view s;
  std::shared_ptr<TensorProto> t;
  std::shared_ptr<GraphProto> g;
  std::vector<float> floats;
  std::vector<int64_t> ints;
  std::vector<std::string_view> strings;
};

struct NodeProto {
  std::string_view name, opType, domain, overload;
  std::vector<std::string_view> inputs, outputs;
  std::vector<AttributeProto> attributes;
};

struct Dimension {
  std::optional<int64_t> value;
  std::string_view symbol;
};

struct ValueInfo {
  std::string_view name;
  int32_t elemType = 0;
  bool isTensor = false;
  std::optional<std::vector<Dimension>> shape;
};

struct GraphProto {
  std::string_view name;
  std::vector<NodeProto> nodes;
  std::vector<std::shared_ptr<TensorProto>> initializers;
  std::vector<std::string_view> sparseInitializers;
  std::vector<ValueInfo> inputs, outputs;
};

struct OpsetImport {
  std::string_view domain;
  int64_t version = 0;
};

struct FunctionProto {
  std::string_view name, domain, overload;
  std::vector<std::string_view> inputs, outputs, attributes;
  std::vector<AttributeProto> defaults;
  std::vector<NodeProto> nodes;
  std::vector<OpsetImport> opsets;
};

struct ModelProto {
  int64_t irVersion = 0;
  std::vector<OpsetImport> opsets;
  GraphProto graph;
  bool hasGraph = false;
  std::vector<FunctionProto> functions;
};

/// A whole file mapped for reading. Errors: BadInput when it cannot be opened.
class MappedFile {
public:
  explicit MappedFile(const std::filesystem::path &path);
  ~MappedFile();
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;
  std::string_view bytes() const { return {data, size}; }

private:
  const char *data = nullptr;
  size_t size = 0;
};

/// Parse protobuf bytes, which must outlive the result. Errors: BadInput (damaged protobuf, nesting too
/// deep).
ModelProto parseModel(std::string_view bytes);
TensorProto parseTensor(std::string_view bytes);

} // namespace tgc::onnx
