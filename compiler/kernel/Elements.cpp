#include "compiler/kernel/Elements.h"

#include "compiler/support/Error.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/APFloat.h"

#include <array>
#include <cmath>
#include <cstring>

using namespace mlir;
using namespace tgc::kernel;

namespace {

template <typename T>
T readAs(const char *bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}
template <typename T>
void writeAs(char *bytes, T value) {
  std::memcpy(bytes, &value, sizeof(T));
}

double decode(uint64_t bits, const llvm::fltSemantics &semantics) {
  llvm::APFloat value(semantics, llvm::APInt(llvm::APFloat::getSizeInBits(semantics), bits));
  bool inexact;
  value.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &inexact);
  return value.convertToDouble();
}

llvm::APFloat encode(double value, const llvm::fltSemantics &semantics) {
  llvm::APFloat result(value);
  bool inexact;
  result.convert(semantics, llvm::APFloat::rmNearestTiesToEven, &inexact);
  return result;
}

/// The rounding of IEEE formats of few bits, without APFloat.
double roundToBits(double value, int precision, int minExponent, double largest) {
  if (!std::isfinite(value) || value == 0)
    return value;
  int exponent;
  std::frexp(value, &exponent); // value = m · 2^exponent, 0.5 <= |m| < 1
  int unit = std::max(exponent - precision, minExponent - precision + 1);
  double rounded = std::ldexp(std::nearbyint(std::ldexp(value, -unit)), unit);
  return std::abs(rounded) > largest ? std::copysign(INFINITY, value) : rounded;
}

double roundToBf16(double value) { return roundToBits(value, 8, -126, 3.3895313892515355e38); }

uint16_t bf16Bits(double value) {
  if (std::isnan(value))
    return 0x7fc0;
  float rounded = float(roundToBf16(value));
  return uint16_t(readAs<uint32_t>(reinterpret_cast<const char *>(&rounded)) >> 16);
}

double halfValue(uint16_t bits) {
  int exponent = (bits >> 10) & 31, mantissa = bits & 1023;
  double magnitude = exponent == 31  ? (mantissa ? NAN : INFINITY)
                     : exponent == 0 ? std::ldexp(mantissa, -24)
                                     : std::ldexp(1024 + mantissa, exponent - 25);
  return bits & 0x8000 ? -magnitude : magnitude;
}

} // namespace

int64_t tgc::kernel::elementBytes(Type type) {
  if (type.isInteger(1))
    return 1;
  if (!type.isIntOrFloat() || type.getIntOrFloatBitWidth() % 8 != 0)
    internalError("a buffer element of a type without a size in bytes");
  return type.getIntOrFloatBitWidth() / 8;
}

int64_t tgc::kernel::bufferBytes(MemRefType type) {
  SmallVector<int64_t> strides;
  int64_t last = 0;
  if (failed(getStridesAndOffset(type, strides, last)))
    internalError("a buffer without strides");
  for (auto [size, stride] : llvm::zip(type.getShape(), strides)) {
    if (size == 0)
      return 0;
    last += (size - 1) * stride;
  }
  return (last + 1) * elementBytes(type.getElementType());
}

double tgc::kernel::readReal(const char *bytes, Type type) {
  if (type.isF32())
    return readAs<float>(bytes);
  if (type.isF64())
    return readAs<double>(bytes);
  if (type.isBF16()) {
    uint32_t wide = uint32_t(readAs<uint16_t>(bytes)) << 16;
    return readAs<float>(reinterpret_cast<const char *>(&wide));
  }
  if (type.isF16()) {
    static const auto table = [] {
      auto values = std::make_unique<std::array<double, 65536>>();
      for (unsigned bits = 0; bits < 65536; ++bits)
        (*values)[bits] = halfValue(uint16_t(bits));
      return values;
    }();
    return (*table)[readAs<uint16_t>(bytes)];
  }
  return decode(uint8_t(*bytes), cast<FloatType>(type).getFloatSemantics());
}

int64_t tgc::kernel::readInteger(const char *bytes, Type type) {
  switch (elementBytes(type)) {
  case 1:
    return type.isInteger(1) ? *bytes != 0 : readAs<int8_t>(bytes);
  case 2:
    return readAs<int16_t>(bytes);
  case 4:
    return readAs<int32_t>(bytes);
  default:
    return readAs<int64_t>(bytes);
  }
}

double tgc::kernel::roundTo(double value, Type type) {
  if (type.isBF16())
    return roundToBf16(value);
  if (type.isF64())
    return value;
  if (type.isF32())
    return float(value);
  if (type.isF16())
    return roundToBits(value, 11, -14, 65504);
  llvm::APFloat rounded = encode(value, cast<FloatType>(type).getFloatSemantics());
  bool inexact;
  rounded.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &inexact);
  return rounded.convertToDouble();
}

void tgc::kernel::writeReal(char *bytes, double value, Type type) {
  if (type.isF32())
    return writeAs(bytes, float(value));
  if (type.isF64())
    return writeAs(bytes, value);
  if (type.isBF16())
    return writeAs(bytes, bf16Bits(value));
  uint64_t bits = encode(value, cast<FloatType>(type).getFloatSemantics()).bitcastToAPInt().getZExtValue();
  if (elementBytes(type) == 1)
    return writeAs(bytes, uint8_t(bits));
  writeAs(bytes, uint16_t(bits));
}

void tgc::kernel::writeInteger(char *bytes, int64_t value, Type type) {
  if (type.isInteger(1)) {
    *bytes = value != 0;
    return;
  }
  std::memcpy(bytes, &value, elementBytes(type)); // little endian
}

int64_t tgc::kernel::wrapTo(int64_t value, Type type) {
  unsigned width = type.getIntOrFloatBitWidth();
  if (width == 1)
    return value & 1;
  if (width >= 64)
    return value;
  return int64_t(uint64_t(value) << (64 - width)) >> (64 - width);
}
