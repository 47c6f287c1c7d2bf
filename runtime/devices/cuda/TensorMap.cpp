#include "runtime/devices/cuda/CudaCode.h"
#include "runtime/format/Error.h"

namespace tgc::runtime::cuda {

namespace {
/// CUtensorMapDataType
int typeOf(DType dtype) {
  switch (dtype) {
  case DType::I8:
  case DType::U8:
  case DType::Bool:
    return 0;
  case DType::I16:
  case DType::U16:
    return 1;
  case DType::U32:
    return 2;
  case DType::I32:
    return 3;
  case DType::U64:
    return 4;
  case DType::I64:
    return 5;
  case DType::F16:
    return 6;
  case DType::F32:
    return 7;
  case DType::F64:
    return 8;
  case DType::BF16:
    return 9;
  }
  badInput("unknown element type of a tensor map");
}

/// 0, 1, 2, 3 for 0, 32, 64, 128 bytes of swizzle, or 0, 64, 128, 256 of promotion.
int levelOf(uint32_t bytes, uint32_t first) {
  int level = 0;
  for (uint32_t at = first; at <= bytes; at *= 2)
    ++level;
  return level;
}
} // namespace

EncodedTensorMap encode(const Gpu &gpu, const TensorMap &map, DevicePointer address) {
  EncodedTensorMap encoded;
  std::vector<uint32_t> elementStrides = map.elementStrides;
  elementStrides.resize(map.dims.size(), 1);
  constexpr int NotInterleaved = 0;
  Result result = gpu.api().tensorMapEncodeTiled(
      &encoded, typeOf(map.dtype), static_cast<uint32_t>(map.dims.size()), address, map.dims.data(),
      map.strides.data(), map.box.data(), elementStrides.data(), NotInterleaved, levelOf(map.swizzle, 32),
      levelOf(map.promotion, 64), map.fill);
  if (result != Success) {
    auto list = [](const char *name, const auto &values) {
      std::string text = std::string(" ") + name + " {";
      for (size_t i = 0; i < values.size(); ++i)
        text += (i ? ", " : "") + std::to_string(values[i]);
      return text + "}";
    };
    gpu.fail(result, "making a tensor map of " + std::string(dtypeName(map.dtype)) + list("dims", map.dims) +
                         list("strides", map.strides) + list("box", map.box) +
                         list("element strides", elementStrides) + " swizzle " + std::to_string(map.swizzle));
  }
  return encoded;
}

} // namespace tgc::runtime::cuda
