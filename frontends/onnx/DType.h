// ONNX's element types.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace tgc::onnx {

/// Numbered as in ONNX; a number that is not listed is a type we do not have.
enum class DType : int32_t {
  None = 0,
  F32 = 1,
  U8 = 2,
  I8 = 3,
  U16 = 4,
  I16 = 5,
  I32 = 6,
  I64 = 7,
  String = 8,
  Bool = 9,
  F16 = 10,
  F64 = 11,
  U32 = 12,
  U64 = 13,
  BF16 = 16,
  F8E4M3 = 17, ///< E4M3FN: a storage type, computed with in f32
};

inline bool isFloat(DType t) {
  return t == DType::F32 || t == DType::F16 || t == DType::F64 || t == DType::BF16 || t == DType::F8E4M3;
}
inline bool isUnsigned(DType t) {
  return t == DType::U8 || t == DType::U16 || t == DType::U32 || t == DType::U64;
}
inline bool isSigned(DType t) {
  return t == DType::I8 || t == DType::I16 || t == DType::I32 || t == DType::I64;
}
inline bool isInteger(DType t) { return isUnsigned(t) || isSigned(t); }

/// Bytes of an element in memory, 0 for a type we do not have.
inline size_t dtypeBytes(DType t) {
  switch (t) {
  case DType::U8:
  case DType::I8:
  case DType::Bool:
  case DType::F8E4M3:
    return 1;
  case DType::U16:
  case DType::I16:
  case DType::F16:
  case DType::BF16:
    return 2;
  case DType::F32:
  case DType::I32:
  case DType::U32:
    return 4;
  case DType::F64:
  case DType::I64:
  case DType::U64:
    return 8;
  default:
    return 0;
  }
}

/// "f32", "u8", "bool", …; for other numbers ONNX's name.
inline std::string dtypeName(DType t) {
  static const char *const names[] = {
      "undefined",  "f32",    "u8",         "i8",    "u16",  "i16",       "i32",        "i64",   "string",
      "bool",       "f16",    "f64",        "u32",   "u64",  "complex64", "complex128", "bf16",  "f8e4m3",
      "f8e4m3fnuz", "f8e5m2", "f8e5m2fnuz", "uint4", "int4", "f4e2m1",    "f8e8m0",     "uint2", "int2"};
  auto i = size_t(t);
  return i < sizeof(names) / sizeof(names[0]) ? names[i] : "type " + std::to_string(int32_t(t));
}

} // namespace tgc::onnx
