// Tensors in the compiler's own memory: values known at compile time, and what the evaluator computes on.
#pragma once
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace tgc::graph {

/// A row-major tensor whose elements are held wide: floating-point types in `floats`, integers in `ints`
/// (i1 as 0 or 1, the others sign-extended from the type's width).
struct HostTensor {
  std::vector<int64_t> shape;
  mlir::Type element;
  std::vector<double> floats;
  std::vector<int64_t> ints;

  /// Zero-filled.
  static HostTensor zeros(llvm::ArrayRef<int64_t> shape, mlir::Type element);
  bool isFloat() const { return llvm::isa<mlir::FloatType>(element); }
  int64_t size() const { return int64_t(isFloat() ? floats.size() : ints.size()); }
  double asDouble(int64_t i) const { return isFloat() ? floats[i] : double(ints[i]); }
  /// All elements equal (NaN equals NaN); false for an empty tensor.
  bool isSplat() const;
};
using HostTensorPtr = std::shared_ptr<const HostTensor>;

/// The value nearest to `value` in a floating-point type, ties to even.
double roundToType(double value, mlir::FloatType type);
/// `value` wrapped to the width of an integer type.
int64_t wrapToType(int64_t value, mlir::Type type);

/// Bytes of one element in memory: whole bytes, i1 takes one.
int64_t elementBytes(mlir::Type element);
/// Elements from raw little-endian bytes; `bytes` must be as long as shape and type say (Error: BadInput).
HostTensor fromBytes(llvm::ArrayRef<int64_t> shape, mlir::Type element, std::string_view bytes);

/// A dense attribute with the tensor's elements, a splat where all are equal.
mlir::DenseElementsAttr toAttribute(const HostTensor &tensor);
/// The elements of a dense attribute, also of a resource.
HostTensor fromAttribute(mlir::ElementsAttr attribute);

} // namespace tgc::graph
