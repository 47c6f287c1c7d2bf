// Reads safetensors files: tensors by name, as views of the mapped file.
#pragma once
#include "runtime/format/DType.h"
#include "runtime/format/File.h"
#include <map>
#include <memory>
#include <string>

namespace tgc::runtime {

struct SafeTensor {
  DType dtype;
  Shape shape;
  Bytes data; // keeps the file mapped; of any alignment
};

class SafetensorsFile {
public:
  /// Throws bad input naming the file if it is damaged; tensors of element types that the runtime does not
  /// know (8-bit floats) are left out.
  static SafetensorsFile open(const std::string &path);

  /// The tensor, or nullptr.
  const SafeTensor *find(const std::string &name) const;
  const std::map<std::string, SafeTensor> &tensors() const { return entries; }
  const std::shared_ptr<MappedFile> &file() const { return mapped; }

private:
  std::shared_ptr<MappedFile> mapped;
  std::map<std::string, SafeTensor> entries;
};

} // namespace tgc::runtime
