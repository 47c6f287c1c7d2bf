#include "compiler/graph/HostTensor.h"
#include "compiler/support/Error.h"

#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>
#include <cstring>

using namespace mlir;

namespace tgc::graph {
namespace {

int64_t product(ArrayRef<int64_t> shape) {
  int64_t n = 1;
  for (int64_t d : shape)
    n *= d;
  return n;
}

template <typename T>
void widen(std::string_view bytes, std::vector<int64_t> &out) {
  for (size_t i = 0; i < out.size(); ++i) {
    T value;
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    out[i] = int64_t(value);
  }
}

template <typename T>
void widenFloat(std::string_view bytes, std::vector<double> &out) {
  for (size_t i = 0; i < out.size(); ++i) {
    T value;
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    out[i] = value;
  }
}

double fromBits(uint64_t bits, FloatType type) {
  APFloat value(type.getFloatSemantics(), APInt(type.getWidth(), bits));
  bool loses;
  value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &loses);
  return value.convertToDouble();
}

} // namespace

HostTensor HostTensor::zeros(ArrayRef<int64_t> shape, Type element) {
  HostTensor result;
  result.shape.assign(shape.begin(), shape.end());
  result.element = element;
  if (isa<FloatType>(element))
    result.floats.resize(product(shape));
  else
    result.ints.resize(product(shape));
  return result;
}

bool HostTensor::isSplat() const {
  if (size() == 0)
    return false;
  if (!isFloat())
    return llvm::all_equal(ints);
  // Bits, not values: 0 and -0 differ, NaN equals itself.
  return llvm::all_of(floats, [&](double v) { return std::memcmp(&v, &floats[0], sizeof v) == 0; });
}

double roundToType(double value, FloatType type) {
  if (type.isF64())
    return value;
  if (type.isF32())
    return float(value);
  APFloat wide(value);
  bool loses;
  wide.convert(type.getFloatSemantics(), APFloat::rmNearestTiesToEven, &loses);
  wide.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &loses);
  return wide.convertToDouble();
}

int64_t wrapToType(int64_t value, Type type) {
  unsigned width = type.isIndex() ? 64 : type.getIntOrFloatBitWidth();
  if (width == 1)
    return value & 1;
  if (width >= 64)
    return value;
  return int64_t(uint64_t(value) << (64 - width)) >> (64 - width);
}

int64_t elementBytes(Type element) { return (element.getIntOrFloatBitWidth() + 7) / 8; }

HostTensor fromBytes(ArrayRef<int64_t> shape, Type element, std::string_view bytes) {
  HostTensor result = HostTensor::zeros(shape, element);
  int64_t width = elementBytes(element);
  if (int64_t(bytes.size()) != result.size() * width)
    badInput("{} bytes of data, shape and type need {}", bytes.size(), result.size() * width);
  if (auto type = dyn_cast<FloatType>(element)) {
    if (type.isF32())
      widenFloat<float>(bytes, result.floats);
    else if (type.isF64())
      widenFloat<double>(bytes, result.floats);
    else
      for (size_t i = 0; i < result.floats.size(); ++i) {
        uint64_t bits = 0;
        std::memcpy(&bits, bytes.data() + i * width, width);
        result.floats[i] = fromBits(bits, type);
      }
  } else if (element.isInteger(1)) {
    for (size_t i = 0; i < result.ints.size(); ++i)
      result.ints[i] = bytes[i] != 0;
  } else if (width == 1) {
    widen<int8_t>(bytes, result.ints);
  } else if (width == 2) {
    widen<int16_t>(bytes, result.ints);
  } else if (width == 4) {
    widen<int32_t>(bytes, result.ints);
  } else {
    widen<int64_t>(bytes, result.ints);
  }
  return result;
}

DenseElementsAttr toAttribute(const HostTensor &tensor) {
  auto type = RankedTensorType::get(tensor.shape, tensor.element);
  size_t count = tensor.isSplat() ? 1 : tensor.size();
  if (auto floatType = dyn_cast<FloatType>(tensor.element)) {
    SmallVector<APFloat> values;
    for (size_t i = 0; i < count; ++i) {
      APFloat value(tensor.floats[i]);
      bool loses;
      value.convert(floatType.getFloatSemantics(), APFloat::rmNearestTiesToEven, &loses);
      values.push_back(value);
    }
    return DenseElementsAttr::get(type, values);
  }
  SmallVector<APInt> values;
  for (size_t i = 0; i < count; ++i)
    values.push_back(APInt(tensor.element.getIntOrFloatBitWidth(), uint64_t(tensor.ints[i]), true));
  return DenseElementsAttr::get(type, values);
}

HostTensor fromAttribute(ElementsAttr attribute) {
  auto type = cast<RankedTensorType>(attribute.getType());
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(attribute)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    if (!blob)
      badInput("the resource {} has no data", resource.getRawHandle().getKey().str());
    return fromBytes(type.getShape(), type.getElementType(),
                     std::string_view(blob->getData().data(), blob->getData().size()));
  }
  auto dense = dyn_cast<DenseElementsAttr>(attribute);
  if (!dense)
    unsupported("constant that is neither dense nor a resource");
  HostTensor result = HostTensor::zeros(type.getShape(), type.getElementType());
  size_t i = 0;
  if (isa<FloatType>(type.getElementType())) {
    auto convert = [](APFloat value) {
      bool loses;
      value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &loses);
      return value.convertToDouble();
    };
    if (dense.isSplat())
      std::fill(result.floats.begin(), result.floats.end(), convert(dense.getSplatValue<APFloat>()));
    else
      for (const APFloat &value : dense.getValues<APFloat>())
        result.floats[i++] = convert(value);
  } else {
    auto convert = [](const APInt &value) {
      return value.getBitWidth() == 1 ? int64_t(value.getZExtValue()) : value.getSExtValue();
    };
    if (dense.isSplat())
      std::fill(result.ints.begin(), result.ints.end(), convert(dense.getSplatValue<APInt>()));
    else
      for (const APInt &value : dense.getValues<APInt>())
        result.ints[i++] = convert(value);
  }
  return result;
}

} // namespace tgc::graph
