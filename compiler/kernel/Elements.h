// Buffer elements as numbers: decoding, rounding and encoding of every element type.
#pragma once
#include "mlir/IR/BuiltinTypes.h"

#include <cstddef>
#include <cstdint>

namespace tgc::kernel {

/// Bytes of one element in memory; i1 takes one byte.
int64_t elementBytes(mlir::Type type);

/// Bytes from a buffer's base to the end of its last element; its offset and strides count.
int64_t bufferBytes(mlir::MemRefType type);

/// The value of a floating-point element at `bytes` (little endian, any alignment).
double readReal(const char *bytes, mlir::Type type);
/// The value of an integer element, sign-extended; i1 is 0 or 1.
int64_t readInteger(const char *bytes, mlir::Type type);

/// `value` rounded to nearest, ties to even, as the floating-point type holds it.
double roundTo(double value, mlir::Type type);
/// Writes `value` rounded to the floating-point type.
void writeReal(char *bytes, double value, mlir::Type type);
void writeInteger(char *bytes, int64_t value, mlir::Type type);

/// `value` wrapped to the type's width, sign-extended; i1 is 0 or 1.
int64_t wrapTo(int64_t value, mlir::Type type);

} // namespace tgc::kernel
