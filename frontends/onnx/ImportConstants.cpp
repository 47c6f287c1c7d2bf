// Constants and weights: where their bytes are, and the operations made for them at the start of @main.
#include "frontends/onnx/Importer.h"

#include "mlir/IR/DialectResourceBlobManager.h"
#include <fstream>

using namespace mlir;

namespace tgc::onnx {

/// Integers and bools up to this many are values known at compile time.
constexpr int64_t kMaxKnownIntegers = int64_t(1) << 20;
/// Payloads above this stay in the file.
constexpr size_t kMaxInlineBytes = 1024;

bool Importer::readPayload(const TensorProto &proto, size_t bytes, std::string &buffer,
                           std::string_view &result) const {
  if (!proto.external) {
    result = proto.payload();
    return result.size() == bytes;
  }
  std::ifstream stream(directory / proto.external->location, std::ios::binary);
  buffer.resize(bytes);
  if (!stream.seekg(proto.external->offset) || !stream.read(buffer.data(), std::streamsize(bytes)))
    return false;
  result = buffer;
  return true;
}

TensorPtr Importer::constantTensor(const TensorProto &proto, StringRef name) {
  auto tensor = std::make_shared<Tensor>();
  tensor->name = name.str();
  DType stored = DType(proto.dataType);
  Type element = mlirType(&context, stored);
  if (!element)
    unsupported("element type {} is not supported", dtypeName(stored));
  tensor->dtype = recast(stored);
  tensor->shape.assign(proto.dims.begin(), proto.dims.end());
  int64_t count = TensorBuilder::elementCount(tensor->shape);
  size_t bytes = size_t(count) * dtypeBytes(stored);
  size_t given = proto.payload().size();
  if (proto.external) {
    given = size_t(proto.external->length.value_or(int64_t(bytes)));
    std::filesystem::path location(proto.external->location);
    if (location.empty() || location.is_absolute() || llvm::is_contained(location, ".."))
      badInput("external data: \"{}\" is not a path below the model's folder", proto.external->location);
  }
  if (given != bytes)
    badInput("{} bytes of data, shape and type need {}", given, bytes);
  tensor->initializer = &proto;
  if (!(isa<FloatType>(element) ? count <= 1 : count <= kMaxKnownIntegers))
    return tensor;
  std::string buffer;
  std::string_view payload;
  if (!readPayload(proto, bytes, buffer, payload))
    return tensor; // a value that is needed is reported by its user
  auto value = graph::fromBytes(tensor->shape, element, payload);
  if (auto type = dyn_cast<FloatType>(mlirType(&context, tensor->dtype))) {
    value.element = type;
    for (double &v : value.floats)
      v = graph::roundToType(v, type);
  }
  tensor->known = std::make_shared<graph::HostTensor>(std::move(value));
  return tensor;
}

Attribute Importer::weightSource(const TensorProto &proto, RankedTensorType type, const std::string &name) {
  int64_t bytes = type.getNumElements() * graph::elementBytes(type.getElementType());
  if (proto.external)
    return graph::ExternalAttr::get(&context, proto.external->location, proto.external->offset, bytes);
  std::string_view payload = proto.payload();
  if (payload.size() <= kMaxInlineBytes)
    return graph::toAttribute(graph::fromBytes(type.getShape(), type.getElementType(), payload));
  if (proto.fileOffset)
    return graph::ExternalAttr::get(&context, path.filename().string(), *proto.fileOffset, bytes);
  if (type.getElementType().isInteger(1))
    return graph::toAttribute(graph::fromBytes(type.getShape(), type.getElementType(), payload));
  return DenseResourceElementsAttr::get(
      type, name,
      HeapAsmResourceBlob::allocateAndCopyInferAlign(ArrayRef<char>(payload.data(), payload.size())));
}

template <typename Emit>
Value Importer::inHeader(Emit &&emit) {
  OpBuilder::InsertionGuard guard(builder);
  if (headerEnd)
    builder.setInsertionPointAfter(headerEnd);
  else
    builder.setInsertionPointToStart(&function.front());
  Value value = emit();
  headerEnd = value.getDefiningOp();
  return value;
}

Value Importer::makeWeight(Tensor &tensor) {
  const TensorProto &proto = *tensor.initializer;
  std::string name = tensor.name;
  for (int i = 1; !weightNames.insert(name).second; ++i)
    name = fmt::format("{}.{}", tensor.name, i);
  auto stored = RankedTensorType::get(tensor.shape, mlirType(&context, DType(proto.dataType)));
  Attribute source = weightSource(proto, stored, name);
  Location loc = NameLoc::get(builder.getStringAttr(name));
  Value weight =
      inHeader([&]() -> Value { return builder.create<graph::WeightOp>(loc, stored, name, source); });
  if (DType(proto.dataType) == tensor.dtype)
    return weight;
  Type element = mlirType(&context, tensor.dtype);
  return inHeader([&] { return TensorBuilder(builder, loc).convertFloat(weight, element); });
}

Value Importer::materialise(Tensor &tensor) {
  if (tensor.value)
    return tensor.value;
  if (tensor.known) {
    auto type = RankedTensorType::get(tensor.shape, tensor.known->element);
    tensor.value = inHeader([&]() -> Value {
      return builder.create<UnrealizedConversionCastOp>(builder.getUnknownLoc(), type, ValueRange())
          .getResult(0);
    });
    placeholders.push_back(tensor.value.getDefiningOp());
    host[tensor.value] = tensor.known;
  } else if (tensor.initializer) {
    tensor.value = makeWeight(tensor);
  } else {
    internalError("tensor without a value");
  }
  return tensor.value;
}

} // namespace tgc::onnx
