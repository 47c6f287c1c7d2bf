#include "compiler/driver/Numbers.h"

#include "llvm/ADT/APFloat.h"
#include <cmath>
#include <cstring>
#include <limits>

namespace tgc::driver {

using runtime::DType;

/// A 16-bit float's bits as a double, and back with rounding to nearest even.
static double fromBits(const llvm::fltSemantics &semantics, uint16_t bits) {
  llvm::APFloat value(semantics, llvm::APInt(16, bits));
  bool lossy;
  value.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &lossy);
  return value.convertToDouble();
}
static uint16_t toBits(const llvm::fltSemantics &semantics, double number) {
  llvm::APFloat value(number);
  bool lossy;
  value.convert(semantics, llvm::APFloat::rmNearestTiesToEven, &lossy);
  return uint16_t(value.bitcastToAPInt().getZExtValue());
}

/// Calls `visit` with a value of the C++ type that an element type is stored as (16-bit floats: uint16_t).
template <typename Visit>
static void withStorage(DType dtype, Visit visit) {
  switch (dtype) {
  case DType::F32:
    return visit(float());
  case DType::F64:
    return visit(double());
  case DType::F16:
  case DType::BF16:
  case DType::U16:
    return visit(uint16_t());
  case DType::I8:
    return visit(int8_t());
  case DType::U8:
  case DType::Bool:
    return visit(uint8_t());
  case DType::I16:
    return visit(int16_t());
  case DType::I32:
    return visit(int32_t());
  case DType::U32:
    return visit(uint32_t());
  case DType::I64:
    return visit(int64_t());
  case DType::U64:
    return visit(uint64_t());
  }
}

static const llvm::fltSemantics *narrowFloat(DType dtype) {
  return dtype == DType::F16    ? &llvm::APFloat::IEEEhalf()
         : dtype == DType::BF16 ? &llvm::APFloat::BFloat()
                                : nullptr;
}

std::vector<double> toDoubles(const runtime::Array &array) {
  std::vector<double> values;
  const llvm::fltSemantics *narrow = narrowFloat(array.dtype);
  withStorage(array.dtype, [&](auto element) {
    values.resize(array.data.size() / sizeof(element));
    for (size_t i = 0; i < values.size(); ++i) {
      std::memcpy(&element, array.data.data() + i * sizeof(element), sizeof(element));
      values[i] = narrow ? fromBits(*narrow, uint16_t(element)) : double(element);
    }
  });
  return values;
}

runtime::Array fromDoubles(const std::vector<double> &values, DType dtype, const runtime::Shape &shape) {
  runtime::Array array{dtype, shape, {}};
  const llvm::fltSemantics *narrow = narrowFloat(dtype);
  withStorage(dtype, [&](auto element) {
    std::vector<uint8_t> bytes(values.size() * sizeof(element));
    for (size_t i = 0; i < values.size(); ++i) {
      element = narrow ? decltype(element)(toBits(*narrow, values[i])) : decltype(element)(values[i]);
      std::memcpy(bytes.data() + i * sizeof(element), &element, sizeof(element));
    }
    array.data = runtime::Bytes(std::move(bytes));
  });
  return array;
}

Difference compare(const std::vector<double> &values, const std::vector<double> &reference) {
  Difference difference;
  if (values.size() != reference.size()) {
    difference.maxError = std::numeric_limits<double>::infinity();
    return difference;
  }
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(reference[i]))
      difference.scale = std::max(difference.scale, std::abs(reference[i]));
    double error = std::abs(values[i] - reference[i]);
    if (std::isnan(values[i]) && std::isnan(reference[i]))
      error = 0;
    else if (values[i] == reference[i])
      error = 0;
    else if (!std::isfinite(error))
      error = std::numeric_limits<double>::infinity();
    if (error > difference.maxError) {
      difference.maxError = error;
      difference.at = i;
    }
  }
  return difference;
}

} // namespace tgc::driver
