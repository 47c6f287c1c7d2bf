#include "runtime/io/Npy.h"
#include "runtime/format/Error.h"
#include "runtime/format/File.h"
#include <cctype>
#include <cstring>

namespace tgc::runtime {

namespace {
struct TypeName {
  const char *name;
  DType dtype;
};
constexpr TypeName TypeNames[] = {
    {"<f4", DType::F32}, {"<f2", DType::F16}, {"<f8", DType::F64}, {"|V2", DType::BF16}, {"<V2", DType::BF16},
    {"|i1", DType::I8},  {"|u1", DType::U8},  {"<i2", DType::I16}, {"<u2", DType::U16},  {"<i4", DType::I32},
    {"<u4", DType::U32}, {"<i8", DType::I64}, {"<u8", DType::U64}, {"|b1", DType::Bool}};

/// The header is a Python literal: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }
class HeaderReader {
public:
  HeaderReader(const char *first, size_t size) : at(first), end(first + size) {}

  void read(Array &array, bool &columnMajor) {
    bool descr = false, order = false, shape = false;
    expect('{');
    while (!accept('}')) {
      std::string key = string();
      expect(':');
      if (key == "descr") {
        array.dtype = dtype(string());
        descr = true;
      } else if (key == "fortran_order") {
        columnMajor = boolean();
        order = true;
      } else if (key == "shape") {
        array.shape = tuple();
        shape = true;
      } else {
        badInput("npy: unknown header field \"" + key + "\"");
      }
      accept(',');
    }
    if (!descr || !order || !shape)
      badInput("npy: the header lacks descr, fortran_order or shape");
  }

private:
  char peek() {
    while (at < end && std::isspace(static_cast<unsigned char>(*at)))
      ++at;
    return at < end ? *at : '\0';
  }
  bool accept(char c) {
    if (peek() != c)
      return false;
    ++at;
    return true;
  }
  void expect(char c) {
    if (at >= end || !accept(c))
      badInput(std::string("npy: the header lacks '") + c + "'");
  }
  std::string string() {
    char quote = peek();
    if (quote != '\'' && quote != '"')
      badInput(
          "npy: the header has something else where a string belongs (structured types are unsupported)");
    const char *close = static_cast<const char *>(std::memchr(at + 1, quote, end - at - 1));
    if (!close)
      badInput("npy: a string in the header does not end");
    std::string text(at + 1, close);
    at = close + 1;
    return text;
  }
  bool boolean() {
    peek();
    for (bool value : {true, false}) {
      std::string word = value ? "True" : "False";
      if (static_cast<size_t>(end - at) >= word.size() && std::string(at, word.size()) == word) {
        at += word.size();
        return value;
      }
    }
    badInput("npy: fortran_order is neither True nor False");
  }
  Shape tuple() {
    Shape shape;
    expect('(');
    while (!accept(')')) {
      int64_t value = 0;
      if (!std::isdigit(static_cast<unsigned char>(peek())))
        badInput("npy: a dimension is not a natural number");
      while (at < end && std::isdigit(static_cast<unsigned char>(*at))) {
        if (value > (int64_t(1) << 55))
          badInput("npy: a dimension is too large");
        value = value * 10 + (*at++ - '0');
      }
      shape.push_back(value);
      if (shape.size() > 64)
        badInput("npy: too many dimensions");
      accept(',');
    }
    return shape;
  }
  DType dtype(std::string name) {
    if (!name.empty() && name[0] == '=')
      name[0] = '<';
    for (const TypeName &row : TypeNames)
      if (name == row.name)
        return row.dtype;
    badInput("npy: element type '" + name + "' is not supported");
  }

  const char *at;
  const char *end;
};

/// Column-major elements into row-major order, walking the row-major index like an odometer.
Bytes rowMajor(const Bytes &data, const Shape &shape, size_t size) {
  std::vector<uint8_t> result(data.size());
  std::vector<uint64_t> stride(shape.size()), index(shape.size(), 0);
  uint64_t step = 1;
  for (size_t i = 0; i < shape.size(); ++i) {
    stride[i] = step;
    step *= static_cast<uint64_t>(shape[i]);
  }
  uint64_t source = 0;
  for (size_t at = 0; at < result.size(); at += size) {
    std::memcpy(result.data() + at, data.data() + source * size, size);
    for (size_t i = shape.size(); i-- > 0;) {
      source += stride[i];
      if (++index[i] < static_cast<uint64_t>(shape[i]))
        break;
      source -= stride[i] * index[i];
      index[i] = 0;
    }
  }
  return Bytes(std::move(result));
}
} // namespace

Array parseNpy(const Bytes &file) {
  const uint8_t *data = file.data();
  if (file.size() < 10 || std::memcmp(data, "\x93NUMPY", 6) != 0)
    badInput("npy: not a NumPy array file");
  unsigned major = data[6];
  if (major < 1 || major > 3)
    badInput("npy: unknown version " + std::to_string(major));
  size_t start = major == 1 ? 10 : 12;
  if (file.size() < start)
    badInput("npy: the file is too short");
  size_t length = data[8] | data[9] << 8;
  if (major > 1)
    length |= size_t(data[10]) << 16 | size_t(data[11]) << 24;
  if (length > file.size() - start)
    badInput("npy: the header does not lie inside the file");
  Array array;
  bool columnMajor = false;
  HeaderReader(reinterpret_cast<const char *>(data) + start, length).read(array, columnMajor);
  auto bytes = tensorBytes(array.dtype, array.shape);
  if (!bytes || file.size() - start - length < *bytes)
    badInput("npy: the file is shorter than its shape " + shapeText(array.shape) + " says");
  array.data = file.slice(start + length, *bytes);
  if (columnMajor && array.shape.size() > 1)
    array.data = rowMajor(array.data, array.shape, dtypeBytes(array.dtype));
  return array;
}

std::vector<uint8_t> formatNpy(const Array &array) {
  std::string header = "{'descr': '";
  for (const TypeName &row : TypeNames)
    if (row.dtype == array.dtype) {
      header += row.name;
      break;
    }
  header += "', 'fortran_order': False, 'shape': (";
  for (int64_t dim : array.shape)
    header += std::to_string(dim) + ", ";
  if (array.shape.size() > 1)
    header.resize(header.size() - 2);
  else if (array.shape.size() == 1)
    header.resize(header.size() - 1);
  header += "), }";
  header.resize((10 + header.size()) / 64 * 64 + 64 - 10 - 1, ' ');
  header += '\n';
  std::vector<uint8_t> file = {
      0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, uint8_t(header.size() & 255), uint8_t(header.size() >> 8)};
  file.insert(file.end(), header.begin(), header.end());
  if (array.data.size() > 0)
    file.insert(file.end(), array.data.data(), array.data.data() + array.data.size());
  return file;
}

Array readNpy(const std::string &path) {
  Bytes file = MappedFile::open(path)->bytes();
  try {
    return parseNpy(file);
  } catch (const Error &error) {
    throw Error(error.kind, path + ": " + error.what());
  }
}

void writeNpy(const std::string &path, const Array &array) {
  writeFileAtomically(path, Bytes(formatNpy(array)));
}

} // namespace tgc::runtime
