#include "frontends/onnx/NodeContext.h"
#include "frontends/onnx/Importer.h"

using namespace mlir;

namespace tgc::onnx {

Type mlirType(MLIRContext *context, DType dtype) {
  switch (dtype) {
  case DType::F32:
    return Float32Type::get(context);
  case DType::F16:
    return Float16Type::get(context);
  case DType::BF16:
    return BFloat16Type::get(context);
  case DType::F64:
    return Float64Type::get(context);
  case DType::F8E4M3:
    return Float8E4M3FNType::get(context);
  case DType::Bool:
    return IntegerType::get(context, 1);
  default:
    return isInteger(dtype) ? Type(IntegerType::get(context, unsigned(dtypeBytes(dtype)) * 8)) : Type();
  }
}

NodeContext::NodeContext(Importer &importer, const NodeProto &node, int64_t opset, OpBuilder &builder,
                         Location loc, std::vector<TensorPtr> inputs)
    : TensorBuilder(builder, loc), node(node), outputs(node.outputs.size()), importer_(importer),
      opset_(opset), inputs(std::move(inputs)) {}

// --- inputs ---

Tensor &NodeContext::tensor(size_t i) const {
  if (!has(i))
    bad("input {} is missing", i);
  return *inputs[i];
}

Value NodeContext::in(size_t i) { return importer_.materialise(tensor(i)); }

Value NodeContext::inAs(size_t i, ArrayRef<int64_t> shape) {
  const Tensor &t = tensor(i);
  if (t.known && t.known->isSplat() && ArrayRef<int64_t>(broadcastShape(t.shape, shape)) == shape)
    return t.known->isFloat() ? splat(shape, t.known->element, t.known->floats[0])
                              : splatInt(shape, t.known->element, t.known->ints[0]);
  return broadcast(in(i), shape);
}

Value NodeContext::wideAs(size_t i, ArrayRef<int64_t> shape) {
  requireFloat(i);
  const Tensor &t = tensor(i);
  if (t.known && t.known->isSplat() && ArrayRef<int64_t>(broadcastShape(t.shape, shape)) == shape)
    return splat(shape, computeType(t.known->element), t.known->floats[0]);
  return broadcast(widen(in(i)), shape);
}

Shape NodeContext::commonShape() const {
  Shape result;
  for (size_t i = 0; i < inputs.size(); ++i)
    if (has(i))
      result = broadcastShape(result, shape(i));
  return result;
}

void NodeContext::requireSameTypes(size_t first, size_t second) const {
  if (dtype(first) != dtype(second))
    bad("inputs {} and {} have different types ({} and {})", first, second, dtypeName(dtype(first)),
        dtypeName(dtype(second)));
}

void NodeContext::requireFloat(size_t i) const {
  if (!isFloat(dtype(i)))
    bad("input {} has type {}, a floating-point type is needed", i, dtypeName(dtype(i)));
}

void NodeContext::requireRank(size_t i, int64_t least, int64_t most) const {
  if (rank(i) < least || rank(i) > most)
    bad("input {} has rank {}, {} to {} is needed", i, rank(i), least, most);
}

// --- values known at compile time ---

graph::HostTensorPtr NodeContext::tryKnown(size_t i) {
  return has(i) ? importer_.knownValue(tensor(i)) : nullptr;
}

graph::HostTensorPtr NodeContext::known(size_t i, StringRef what) {
  if (graph::HostTensorPtr value = importer_.knownValue(tensor(i)))
    return value;
  importer_.failUnknown(tensor(i), what);
}

std::vector<int64_t> NodeContext::knownInts(size_t i, StringRef what) {
  graph::HostTensorPtr value = known(i, what);
  if (value->isFloat())
    bad("{} must be integers", what.str());
  return value->ints;
}

std::vector<double> NodeContext::knownFloats(size_t i, StringRef what) {
  graph::HostTensorPtr value = known(i, what);
  std::vector<double> result;
  for (int64_t k = 0; k < value->size(); ++k)
    result.push_back(value->asDouble(k));
  return result;
}

int64_t NodeContext::knownInt(size_t i, StringRef what) {
  std::vector<int64_t> values = knownInts(i, what);
  if (values.size() != 1)
    bad("{} must be one value", what.str());
  return values[0];
}

double NodeContext::knownFloat(size_t i, StringRef what) {
  std::vector<double> values = knownFloats(i, what);
  if (values.size() != 1)
    bad("{} must be one value", what.str());
  return values[0];
}

// --- attributes ---

namespace {
enum AttributeType {
  Float = 1,
  Int = 2,
  String = 3,
  TensorType = 4,
  Graph = 5,
  Floats = 6,
  Ints = 7,
  Strings = 8
};
}

static const AttributeProto *checked(const NodeContext &c, StringRef name, AttributeType type) {
  const AttributeProto *attribute = c.attribute(name);
  // Files older than the attribute's type field leave it 0.
  if (attribute && attribute->type != type && attribute->type != 0)
    c.bad("attribute {} has the wrong type", name.str());
  return attribute;
}

const AttributeProto *NodeContext::attribute(StringRef name) const {
  for (const AttributeProto &attribute : node.attributes)
    if (attribute.name == std::string_view(name))
      return importer_.resolve(attribute);
  return nullptr;
}

int64_t NodeContext::intAttr(StringRef name, int64_t otherwise) const {
  const AttributeProto *a = checked(*this, name, Int);
  return a ? a->i : otherwise;
}
double NodeContext::floatAttr(StringRef name, double otherwise) const {
  const AttributeProto *a = checked(*this, name, Float);
  return a ? a->f : otherwise;
}
std::string NodeContext::stringAttr(StringRef name, StringRef otherwise) const {
  const AttributeProto *a = checked(*this, name, String);
  return a ? std::string(a->s) : otherwise.str();
}
std::vector<int64_t> NodeContext::intsAttr(StringRef name, std::vector<int64_t> otherwise) const {
  const AttributeProto *a = checked(*this, name, Ints);
  return a ? a->ints : otherwise;
}
std::vector<double> NodeContext::floatsAttr(StringRef name) const {
  const AttributeProto *a = checked(*this, name, Floats);
  return a ? std::vector<double>(a->floats.begin(), a->floats.end()) : std::vector<double>();
}
const TensorProto &NodeContext::tensorAttr(StringRef name) const {
  const AttributeProto *a = checked(*this, name, TensorType);
  if (!a || !a->t)
    bad("attribute {} is missing", name.str());
  return *a->t;
}
const GraphProto &NodeContext::graphAttr(StringRef name) const {
  const AttributeProto *a = checked(*this, name, Graph);
  if (!a || !a->g)
    bad("attribute {} is missing", name.str());
  return *a->g;
}

int64_t NodeContext::axisAttr(int64_t otherwise, int64_t rank, StringRef name) const {
  return normalizeAxis(intAttr(name, otherwise), rank);
}

std::optional<std::vector<int64_t>> NodeContext::attrOrInput(StringRef name, size_t i) {
  if (hasAttr(name))
    return intsAttr(name);
  if (has(i))
    return knownInts(i, name);
  return std::nullopt;
}

// --- outputs ---

void NodeContext::out(size_t i, Value value, DType dtype) {
  if (i >= outputs.size())
    return;
  auto result = std::make_shared<Tensor>();
  result->dtype = dtype;
  result->shape.assign(shapeOf(value).begin(), shapeOf(value).end());
  result->value = value;
  if (elementOf(value) != typeOf(dtype))
    bad("result {} is not of type {}", i, dtypeName(dtype));
  outputs[i] = result;
}

void NodeContext::outFloat(size_t i, Value value, DType dtype) {
  out(i, convertFloat(value, typeOf(dtype)), dtype);
}

void NodeContext::outKnown(size_t i, graph::HostTensor value, DType dtype) {
  if (i >= outputs.size())
    return;
  auto result = std::make_shared<Tensor>();
  result->dtype = dtype;
  result->shape.assign(value.shape.begin(), value.shape.end());
  result->known = std::make_shared<graph::HostTensor>(std::move(value));
  outputs[i] = result;
}

void NodeContext::outTensor(size_t i, TensorPtr tensor) {
  if (i < outputs.size())
    outputs[i] = std::move(tensor);
}

// --- types ---

Type NodeContext::typeOf(DType dtype) const {
  Type type = mlirType(context(), dtype);
  if (!type)
    fail("element type {} is not supported", dtypeName(dtype));
  return type;
}

DType NodeContext::recast(DType dtype) const { return importer_.recast(dtype); }

} // namespace tgc::onnx
