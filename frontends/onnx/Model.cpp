// Field numbers are those of the published ONNX schema; fields not named here are skipped.
#include "frontends/onnx/Model.h"
#include "frontends/onnx/DType.h"
#include "frontends/onnx/Wire.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tgc::onnx {

MappedFile::MappedFile(const std::filesystem::path &path) {
  int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status;
  if (file < 0 || ::fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
    if (file >= 0)
      ::close(file);
    badInput("cannot open {}", path.string());
  }
  size = size_t(status.st_size);
  void *mapped = size ? ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0) : nullptr;
  ::close(file);
  if (mapped == MAP_FAILED)
    badInput("cannot map {} into memory", path.string());
  data = static_cast<const char *>(mapped);
}

MappedFile::~MappedFile() {
  if (data)
    ::munmap(const_cast<char *>(data), size);
}

namespace {

constexpr int kMaxDepth = 64; // of graphs within attributes

class Parser {
public:
  explicit Parser(std::string_view file) : file(file) {}

  TensorProto tensor(std::string_view bytes);
  AttributeProto attribute(std::string_view bytes);
  NodeProto node(std::string_view bytes);
  ValueInfo valueInfo(std::string_view bytes);
  GraphProto graph(std::string_view bytes);
  FunctionProto function(std::string_view bytes);
  ModelProto model();

private:
  std::string_view file;
  int depth = 0;
};

OpsetImport opset(std::string_view bytes) {
  OpsetImport result;
  for (Wire wire(bytes); wire.next();)
    if (wire.field() == 1)
      result.domain = wire.bytes();
    else if (wire.field() == 2)
      result.version = wire.integer();
  return result;
}

std::optional<int64_t> parseNumber(std::string_view text) {
  if (text.empty() || text.size() > 18)
    return std::nullopt;
  int64_t value = 0;
  for (char c : text) {
    if (c < '0' || c > '9')
      return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

void externalEntry(std::string_view bytes, TensorProto::External &external) {
  std::string_view key, value;
  for (Wire wire(bytes); wire.next();)
    if (wire.field() == 1)
      key = wire.bytes();
    else if (wire.field() == 2)
      value = wire.bytes();
  if (key == "location") {
    external.location = value;
  } else if (key == "offset" || key == "length") {
    std::optional<int64_t> number = parseNumber(value);
    if (!number)
      badInput("external data: {} \"{}\" is not a number", key, value);
    if (key == "offset")
      external.offset = *number;
    else
      external.length = *number;
  }
}

TensorProto Parser::tensor(std::string_view bytes) {
  TensorProto result;
  std::string floats, doubles;
  std::vector<uint64_t> integers; // laid out at the end: the data type may come after them
  TensorProto::External external;
  bool isExternal = false;
  for (Wire wire(bytes); wire.next();) {
    switch (wire.field()) {
    case 1:
      wire.varints([&](uint64_t v) { result.dims.push_back(int64_t(v)); });
      break;
    case 2:
      result.dataType = int32_t(wire.integer());
      break;
    case 4:
      wire.fixeds<float>([&](float v) { floats.append(reinterpret_cast<char *>(&v), 4); });
      break;
    case 5:
    case 7:
    case 11:
      wire.varints([&](uint64_t v) { integers.push_back(v); });
      break;
    case 8:
      result.name = wire.bytes();
      break;
    case 9:
      result.raw = wire.bytes();
      result.fileOffset = result.raw.data() - file.data();
      break;
    case 10:
      wire.fixeds<double>([&](double v) { doubles.append(reinterpret_cast<char *>(&v), 8); });
      break;
    case 13:
      externalEntry(wire.bytes(), external);
      break;
    case 14:
      isExternal = wire.integer() == 1;
      break;
    }
  }
  if (isExternal) {
    result.external = std::move(external);
    return result;
  }
  if (!floats.empty() || !doubles.empty() || !integers.empty()) {
    if (!floats.empty())
      result.decoded = std::move(floats);
    else if (!doubles.empty())
      result.decoded = std::move(doubles);
    else
      for (uint64_t v : integers)
        result.decoded.append(reinterpret_cast<const char *>(&v), dtypeBytes(DType(result.dataType)));
    result.fileOffset.reset();
  }
  return result;
}

AttributeProto Parser::attribute(std::string_view bytes) {
  AttributeProto result;
  for (Wire wire(bytes); wire.next();) {
    switch (wire.field()) {
    case 1:
      result.name = wire.bytes();
      break;
    case 2:
      result.f = wire.float32();
      break;
    case 3:
      result.i = wire.integer();
      break;
    case 4:
      result.s = wire.bytes();
      break;
    case 5:
      result.t = std::make_shared<TensorProto>(tensor(wire.bytes()));
      break;
    case 6:
      if (++depth > kMaxDepth)
        badInput("graphs are nested too deeply");
      result.g = std::make_shared<GraphProto>(graph(wire.bytes()));
      --depth;
      break;
    case 7:
      wire.fixeds<float>([&](float v) { result.floats.push_back(v); });
      break;
    case 8:
      wire.varints([&](uint64_t v) { result.ints.push_back(int64_t(v)); });
      break;
    case 9:
      result.strings.push_back(wire.bytes());
      break;
    case 20:
      result.type = int32_t(wire.integer());
      break;
    case 21:
      result.refName = wire.bytes();
      break;
    }
  }
  return result;
}

NodeProto Parser::node(std::string_view bytes) {
  NodeProto result;
  for (Wire wire(bytes); wire.next();) {
    switch (wire.field()) {
    case 1:
      result.inputs.push_back(wire.bytes());
      break;
    case 2:
      result.outputs.push_back(wire.bytes());
      break;
    case 3:
      result.name = wire.bytes();
      break;
    case 4:
      result.opType = wire.bytes();
      break;
    case 5:
      result.attributes.push_back(attribute(wire.bytes()));
      break;
    case 7:
      result.domain = wire.bytes();
      break;
    case 8:
      result.overload = wire.bytes();
      break;
    }
  }
  return result;
}

std::vector<Dimension> shape(std::string_view bytes) {
  std::vector<Dimension> result;
  for (Wire wire(bytes); wire.next();) {
    if (wire.field() != 1)
      continue;
    Dimension dimension;
    for (Wire dim(wire.bytes()); dim.next();)
      if (dim.field() == 1)
        dimension.value = dim.integer();
      else if (dim.field() == 2)
        dimension.symbol = dim.bytes();
    result.push_back(dimension);
  }
  return result;
}

ValueInfo Parser::valueInfo(std::string_view bytes) {
  ValueInfo result;
  for (Wire wire(bytes); wire.next();) {
    if (wire.field() == 1) {
      result.name = wire.bytes();
    } else if (wire.field() == 2) {
      for (Wire type(wire.bytes()); type.next();) {
        if (type.field() != 1)
          continue;
        result.isTensor = true;
        for (Wire tensorType(type.bytes()); tensorType.next();)
          if (tensorType.field() == 1)
            result.elemType = int32_t(tensorType.integer());
          else if (tensorType.field() == 2)
            result.shape = shape(tensorType.bytes());
      }
    }
  }
  return result;
}

GraphProto Parser::graph(std::string_view bytes) {
  GraphProto result;
  for (Wire wire(bytes); wire.next();) {
    switch (wire.field()) {
    case 1:
      result.nodes.push_back(node(wire.bytes()));
      break;
    case 2:
      result.name = wire.bytes();
      break;
    case 5:
      result.initializers.push_back(std::make_shared<TensorProto>(tensor(wire.bytes())));
      break;
    case 11:
      result.inputs.push_back(valueInfo(wire.bytes()));
      break;
    case 12:
      result.outputs.push_back(valueInfo(wire.bytes()));
      break;
    case 15: {
      std::string_view name;
      for (Wire sparse(wire.bytes()); sparse.next();)
        if (sparse.field() == 1)
          name = tensor(sparse.bytes()).name;
      result.sparseInitializers.push_back(name);
      break;
    }
    }
  }
  return result;
}

FunctionProto Parser::function(std::string_view bytes) {
  FunctionProto result;
  for (Wire wire(bytes); wire.next();) {
    switch (wire.field()) {
    case 1:
      result.name = wire.bytes();
      break;
    case 4:
      result.inputs.push_back(wire.bytes());
      break;
    case 5:
      result.outputs.push_back(wire.bytes());
      break;
    case 6:
      result.attributes.push_back(wire.bytes());
      break;
    case 7:
      result.nodes.push_back(node(wire.bytes()));
      break;
    case 9:
      result.opsets.push_back(opset(wire.bytes()));
      break;
    case 10:
      result.domain = wire.bytes();
      break;
    case 11:
      result.defaults.push_back(attribute(wire.bytes()));
      break;
    case 13:
      result.overload = wire.bytes();
      break;
    }
  }
  return result;
}

ModelProto Parser::model() {
  ModelProto result;
  for (Wire wire(file); wire.next();) {
    switch (wire.field()) {
    case 1:
      result.irVersion = wire.integer();
      break;
    case 7:
      result.graph = graph(wire.bytes());
      result.hasGraph = true;
      break;
    case 8:
      result.opsets.push_back(opset(wire.bytes()));
      break;
    case 25:
      result.functions.push_back(function(wire.bytes()));
      break;
    }
  }
  return result;
}

} // namespace

ModelProto parseModel(std::string_view bytes) { return Parser(bytes).model(); }
TensorProto parseTensor(std::string_view bytes) { return Parser(bytes).tensor(bytes); }

} // namespace tgc::onnx
