// NumPy files: .npy arrays and .npz archives of them.
#pragma once
#include "runtime/format/Bytes.h"
#include "runtime/format/DType.h"
#include <string>
#include <utility>
#include <vector>

namespace tgc::runtime {

/// A dense tensor in row-major order.
struct Array {
  DType dtype = DType::F32;
  Shape shape;
  Bytes data;
};

/// Reads a .npy file's content: versions 1 to 3, little-endian, row-major or column-major (then the data is
/// reordered). A two-byte void ('V2', what NumPy writes for bfloat16) is read as bf16. Throws bad input.
Array parseNpy(const Bytes &file);
/// The content of a .npy file (version 1); bf16 as two-byte void.
std::vector<uint8_t> formatNpy(const Array &array);

Array readNpy(const std::string &path);
void writeNpy(const std::string &path, const Array &array);

using NamedArrays = std::vector<std::pair<std::string, Array>>;

/// Reads a .npz archive, stored or deflated, in the archive's order; names without ".npy". Throws bad input
/// if the archive is damaged.
NamedArrays readNpz(const std::string &path);
/// Writes a .npz archive, stored; throws bad input if it would exceed 4 GB.
void writeNpz(const std::string &path, const NamedArrays &arrays);

} // namespace tgc::runtime
