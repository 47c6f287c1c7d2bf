// Input: an ONNX file. Output: a module with @main in the graph stage.
// 1. The file is mapped and parsed; payloads stay where they are.
// 2. Inputs become arguments of @main, or constants where the options bind them. Initialisers become tensors whose
//    operation is made when the first node uses it: integers, bools and single floats are values known at compile
//    time, all else is a graph.weight.
// 3. Each node's handler emits operations. What follows from known values alone is evaluated at once with the graph
//    evaluator: integer, bool and one-element results become known values and their operations die.
// 4. A known value that a live operation uses is an unrealized_conversion_cast without operands until the end, when
//    it becomes an arith.constant. Dead operations are erased.
// 5. All problems are collected; nodes that depend on a failed one are passed over in silence.
#include "frontends/onnx/Importer.h"
#include "compiler/support/Error.h"

#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/ScopeExit.h"
#include <fstream>

using namespace mlir;

namespace tgc::onnx {

/// Known values up to this size are kept: integers and bools, and floating-point values that shapes may depend on.
constexpr int64_t kMaxKnownIntegers = int64_t(1) << 20;
constexpr int64_t kMaxKnownFloats = 4096;
constexpr int64_t kMaxFoldedElements = 1024;
constexpr int64_t kMaxFoldedProducts = int64_t(1) << 24;
/// Payloads above this stay in the file.
constexpr size_t kMaxInlineBytes = 1024;
constexpr int kMaxCallDepth = 64;
constexpr int64_t kMaxNodes = int64_t(1) << 21;
/// Operators had attributes of other meanings before this.
constexpr int64_t kLeastOpset = 7;

static bool keepKnown(Type element, int64_t count) {
  return count <= (isa<FloatType>(element) ? kMaxKnownFloats : kMaxKnownIntegers);
}
/// Whether a known value replaces its tensor in the graph. One that is much larger than what it is made from stays
/// an operation (an expanded index, a mask).
static bool replaces(const graph::HostTensor &value, int64_t inputElements) {
  if (value.isFloat())
    return value.size() <= 1;
  return value.size() <= kMaxFoldedElements || value.size() <= 2 * inputElements;
}

static Location locationOf(MLIRContext &context, StringRef name, StringRef opType) {
  return NameLoc::get(StringAttr::get(&context, name), NameLoc::get(StringAttr::get(&context, opType)));
}

static std::string describe(const TensorPtr &tensor) {
  if (!tensor)
    return "none";
  std::string result;
  for (int64_t d : tensor->shape)
    result += fmt::format("{}x", d);
  return result + dtypeName(tensor->dtype);
}

Importer::Importer(MLIRContext &context, const std::filesystem::path &path, const ImportOptions &options)
    : context(context), path(path), directory(path.parent_path()), options(options), file(path), builder(&context) {
  if (options.precision) {
    if (*options.precision == "f32")
      precision = DType::F32;
    else if (*options.precision == "f16")
      precision = DType::F16;
    else if (*options.precision == "bf16")
      precision = DType::BF16;
    else
      usageError("precision {} is not one of f32, f16, bf16", *options.precision);
  }
  if (file.bytes().empty())
    badInput("{} is empty", path.string());
  model = parseModel(file.bytes());
  if (!model.hasGraph)
    badInput("{} is not an ONNX model: it has no graph", path.string());
}

OwningOpRef<ModuleOp> Importer::run() {
  Location loc = NameLoc::get(StringAttr::get(&context, path.filename().string()));
  module = ModuleOp::create(loc);
  function = func::FuncOp::create(loc, "main", builder.getFunctionType({}, {}));
  module->push_back(function);
  builder.setInsertionPointToStart(function.addEntryBlock());

  Frame top;
  frame = &top;
  readOpsets(top, model.opsets);
  for (const FunctionProto &f : model.functions)
    functions[fmt::format("{}::{}::{}", f.domain, f.name, f.overload)] = &f;
  addInputs();
  for (const std::string_view name : model.graph.sparseInitializers)
    messages.push_back(fmt::format("initialiser \"{}\": sparse tensors are not supported", name));
  importNodes(model.graph.nodes);
  finish();
  return std::move(module);
}

void Importer::readOpsets(Frame &frame, const std::vector<OpsetImport> &imports) const {
  for (const OpsetImport &opset : imports) {
    std::string_view domain = opset.domain == "ai.onnx" ? std::string_view() : opset.domain;
    frame.opsets[domain] = opset.version;
    if (domain.empty() && (opset.version < 1 || opset.version > 100))
      throw ImportError(ErrorKind::Unsupported, fmt::format("opset {} is not supported", opset.version), {});
  }
}

// --- inputs ---------------------------------------------------------------------------------------------------------

Shape Importer::inputShape(const ValueInfo &input) {
  std::string name(input.name);
  auto fixed = options.shapes.find(name);
  if (!input.shape) {
    if (fixed == options.shapes.end())
      unsupported("input \"{}\" has no shape; give one with --shape {}=…", name, name);
    return Shape(fixed->second.begin(), fixed->second.end());
  }
  if (fixed != options.shapes.end() && fixed->second.size() != input.shape->size())
    badInput("--shape {}: {} dimensions, the model has {}", name, fixed->second.size(), input.shape->size());
  Shape shape;
  std::string hint;
  bool missing = false;
  for (size_t d = 0; d < input.shape->size(); ++d) {
    const Dimension &dimension = (*input.shape)[d];
    std::optional<int64_t> value = dimension.value;
    if (value && *value < 0)
      value.reset();
    if (fixed != options.shapes.end()) {
      if (value && *value != fixed->second[d])
        badInput("--shape {}: dimension {} is {} in the model", name, d, *value);
      value = fixed->second[d];
    } else if (!value && !dimension.symbol.empty()) {
      if (auto it = symbols.find(dimension.symbol); it != symbols.end())
        value = it->second;
    }
    hint += (d ? "x" : "") + (value ? std::to_string(*value) : "?");
    missing |= !value;
    shape.push_back(value.value_or(0));
  }
  if (missing) {
    std::vector<std::string> names;
    for (size_t d = 0; d < shape.size(); ++d)
      if (!(*input.shape)[d].value || *(*input.shape)[d].value < 0)
        names.push_back((*input.shape)[d].symbol.empty() ? fmt::format("number {}", d)
                                                         : std::string((*input.shape)[d].symbol));
    unsupported("input \"{}\" has dimensions without a size ({}); give them with --shape {}={}", name,
                fmt::join(names, ", "), name, hint);
  }
  return shape;
}

TensorPtr Importer::boundConstant(const ConstantTensor &constant, StringRef name, DType dtype) {
  if (constant.dtype != dtype)
    badInput("constant for input \"{}\" has type {}, the model has {}", name.str(), dtypeName(constant.dtype),
             dtypeName(dtype));
  Type element = mlirType(&context, dtype);
  if (!element)
    unsupported("input \"{}\": element type {} is not supported", name.str(), dtypeName(dtype));
  TensorBuilder::elementCount(constant.shape);
  auto tensor = std::make_shared<Tensor>();
  auto value = graph::fromBytes(constant.shape, element, constant.bytes);
  tensor->dtype = recast(dtype);
  if (auto type = dyn_cast<FloatType>(mlirType(&context, tensor->dtype))) {
    value.element = type;
    for (double &v : value.floats)
      v = graph::roundToType(v, type);
  }
  tensor->shape.assign(constant.shape.begin(), constant.shape.end());
  tensor->known = std::make_shared<graph::HostTensor>(std::move(value));
  return tensor;
}

void Importer::addInputs() {
  for (auto &proto : model.graph.initializers) {
    std::string name(proto->name);
    try {
      define(proto->name, constantTensor(*proto, name));
    } catch (const Error &error) {
      messages.push_back(fmt::format("initialiser \"{}\": {}", name, error.what()));
      contradicts |= error.kind() == ErrorKind::BadInput;
      auto failed = std::make_shared<Tensor>();
      failed->failed = true;
      define(proto->name, failed);
    }
  }
  llvm::StringSet<> inputNames;
  for (const ValueInfo &input : model.graph.inputs)
    inputNames.insert(input.name);
  for (auto &[name, shape] : options.shapes)
    if (!inputNames.contains(name))
      throw ImportError(ErrorKind::BadInput, fmt::format("--shape {}: the model has no such input", name), {});
  for (auto &[name, constant] : options.constants)
    if (!inputNames.contains(name))
      throw ImportError(ErrorKind::BadInput, fmt::format("constant {}: the model has no such input", name), {});
  // Symbols may be fixed by any input.
  for (const ValueInfo &input : model.graph.inputs)
    if (auto fixed = options.shapes.find(std::string(input.name)); fixed != options.shapes.end() && input.shape)
      for (size_t d = 0; d < input.shape->size() && d < fixed->second.size(); ++d)
        if (!(*input.shape)[d].symbol.empty())
          symbols[(*input.shape)[d].symbol] = fixed->second[d];
  for (const ValueInfo &input : model.graph.inputs) {
    if (frame->names.contains(input.name))
      continue; // an initialiser's default, which we take as its value
    auto tensor = std::make_shared<Tensor>();
    tensor->name = std::string(input.name);
    tensor->failed = true;
    try {
      DType dtype = DType(input.elemType);
      if (!input.isTensor)
        unsupported("input \"{}\" is not a tensor", input.name);
      if (auto bound = options.constants.find(tensor->name); bound != options.constants.end()) {
        tensor = boundConstant(bound->second, tensor->name, dtype);
      } else {
        dtype = recast(dtype);
        Type element = mlirType(&context, dtype);
        if (!element)
          unsupported("input \"{}\": element type {} is not supported", input.name, dtypeName(dtype));
        tensor->shape = inputShape(input);
        tensor->dtype = dtype;
        auto type = TensorBuilder::tensorType(tensor->shape, element);
        tensor->failed = false;
        NamedAttrList attributes;
        attributes.set(graph::kNameAttr, builder.getStringAttr(tensor->name));
        if (isUnsigned(dtype))
          attributes.set(graph::kDtypeAttr, builder.getStringAttr(dtypeName(dtype)));
        unsigned position = function.getNumArguments();
        function.insertArgument(position, type, attributes.getDictionary(&context),
                                NameLoc::get(builder.getStringAttr(tensor->name)));
        tensor->value = function.getArgument(position);
      }
    } catch (const Error &error) {
      messages.push_back(error.what());
      contradicts |= error.kind() == ErrorKind::BadInput;
    }
    define(input.name, tensor);
  }
}

// --- constants and weights ------------------------------------------------------------------------------------------

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
      type, name, HeapAsmResourceBlob::allocateAndCopyInferAlign(ArrayRef<char>(payload.data(), payload.size())));
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
  Value weight = inHeader([&]() -> Value { return builder.create<graph::WeightOp>(loc, stored, name, source); });
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
      return builder.create<UnrealizedConversionCastOp>(builder.getUnknownLoc(), type, ValueRange()).getResult(0);
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

// --- values known at compile time -----------------------------------------------------------------------------------

graph::HostTensorPtr Importer::evaluateBackwards(Value value, int &budget) {
  if (auto it = host.find(value); it != host.end())
    return it->second;
  Operation *op = value.getDefiningOp();
  if (!op || --budget < 0)
    return nullptr;
  for (Type type : op->getResultTypes())
    if (!keepKnown(cast<RankedTensorType>(type).getElementType(), cast<RankedTensorType>(type).getNumElements()))
      return nullptr;
  SmallVector<graph::HostTensorPtr> operands;
  for (Value operand : op->getOperands()) {
    operands.push_back(evaluateBackwards(operand, budget));
    if (!operands.back())
      return nullptr;
  }
  graph::EvaluateOptions evaluation;
  evaluation.rounding = graph::Rounding::Every;
  evaluation.directory = directory;
  try {
    return graph::evaluateOp(op, operands, evaluation)[cast<OpResult>(value).getResultNumber()];
  } catch (const Error &) {
    return nullptr; // a file is missing: not known
  }
}

graph::HostTensorPtr Importer::knownValue(Tensor &tensor) {
  if (tensor.known)
    return tensor.known;
  int budget = 1000;
  return evaluateBackwards(materialise(tensor), budget);
}

void Importer::failUnknown(Tensor &tensor, StringRef what) {
  std::vector<std::string> inputs, weights;
  SmallVector<Value> work{materialise(tensor)};
  llvm::DenseSet<Value> seen;
  while (!work.empty()) {
    Value value = work.pop_back_val();
    if (!seen.insert(value).second)
      continue;
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      inputs.push_back(
          function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), graph::kNameAttr).getValue().str());
      continue;
    }
    if (auto weight = dyn_cast<graph::WeightOp>(value.getDefiningOp()))
      weights.push_back(weight.getName().str());
    for (Value operand : value.getDefiningOp()->getOperands())
      work.push_back(operand);
  }
  if (!inputs.empty()) {
    std::sort(inputs.begin(), inputs.end());
    for (const std::string &name : inputs)
      if (!llvm::is_contained(constantInputs, name))
        constantInputs.push_back(name);
    unsupported("{} must be known at compile time, it depends on the input{} {}", what.str(),
                inputs.size() > 1 ? "s" : "", fmt::join(inputs, ", "));
  }
  if (!weights.empty())
    badInput("{} must be known at compile time, it depends on the data of {}, which cannot be read or is large",
             what.str(), fmt::join(weights, ", "));
  unsupported("{} must be known at compile time, and is too large", what.str());
}

void Importer::fold(Operation *last, NodeContext &node) {
  Block &block = function.front();
  auto it = last ? std::next(last->getIterator()) : block.begin();
  std::string diagnostic;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &d) {
    if (diagnostic.empty())
      diagnostic = d.str();
    return success();
  });
  for (; it != block.end(); ++it) {
    Operation &op = *it;
    if (op.getNumResults() == 0 || host.contains(op.getResult(0)) || isa<graph::WeightOp>(op))
      continue;
    if (failed(verify(&op, false)))
      badInput("the operands do not fit: {}", diagnostic);
    bool foldable = true;
    SmallVector<graph::HostTensorPtr> operands;
    for (Type type : op.getResultTypes()) {
      auto tensor = cast<RankedTensorType>(type);
      foldable &= keepKnown(tensor.getElementType(), tensor.getNumElements());
    }
    for (Value operand : op.getOperands()) {
      auto known = host.find(operand);
      if (!(foldable &= known != host.end()))
        break;
      operands.push_back(known->second);
    }
    if (!foldable)
      continue;
    if (auto contract = dyn_cast<graph::ContractOp>(op);
        contract && TensorBuilder::elementCount(contract.getExtents()) > kMaxFoldedProducts)
      continue;
    graph::EvaluateOptions evaluation;
    evaluation.rounding = graph::Rounding::Every;
    try {
      auto results = graph::evaluateOp(&op, operands, evaluation);
      for (auto [value, result] : llvm::zip(op.getResults(), results))
        host[value] = result;
    } catch (const Error &error) {
      if (error.kind() == ErrorKind::Internal)
        throw; // an operation that the evaluator cannot do stays in the graph
    }
  }
  int64_t inputElements = 0;
  for (size_t i = 0; i < node.inputCount(); ++i)
    if (node.has(i))
      inputElements += TensorBuilder::elementCount(node.shape(i));
  for (TensorPtr &output : node.outputs) {
    if (!output || output->known || !output->value)
      continue;
    auto known = host.find(output->value);
    if (known == host.end() || isa<BlockArgument>(output->value))
      continue;
    if (!replaces(*known->second, inputElements))
      continue;
    output->known = known->second;
    if (!isa<UnrealizedConversionCastOp>(output->value.getDefiningOp()))
      output->value = nullptr;
  }
}

// --- nodes ----------------------------------------------------------------------------------------------------------

TensorPtr Importer::lookup(StringRef name) const {
  for (const Frame *f = frame; f; f = f->parent)
    if (auto it = f->names.find(name); it != f->names.end())
      return it->second;
  return nullptr;
}

void Importer::define(std::string_view name, TensorPtr tensor) {
  if (!name.empty())
    frame->names[name] = std::move(tensor);
}

void Importer::defineFailed(const NodeProto &node) {
  for (std::string_view output : node.outputs) {
    auto tensor = std::make_shared<Tensor>();
    tensor->failed = true;
    define(output, tensor);
  }
}

const AttributeProto *Importer::resolve(const AttributeProto &attribute) const {
  if (attribute.refName.empty())
    return &attribute;
  auto it = frame->attributes.find(attribute.refName);
  return it == frame->attributes.end() ? nullptr : it->second;
}

void Importer::report(const NodeProto &node, const std::string &name, const std::vector<TensorPtr> &inputs,
                      const Error &error) {
  std::vector<std::string> types;
  for (const TensorPtr &input : inputs)
    types.push_back(describe(input));
  messages.push_back(
      fmt::format("node \"{}\" ({}) [{}]: {}", name, node.opType, fmt::join(types, ", "), error.what()));
  contradicts |= error.kind() == ErrorKind::BadInput;
}

void Importer::importNodes(const std::vector<NodeProto> &nodes) {
  for (const NodeProto &node : nodes)
    importNode(node);
}

void Importer::importNode(const NodeProto &node) {
  if (++nodeCount > kMaxNodes)
    throw ImportError(ErrorKind::BadInput, "functions call each other too often", {});
  std::string name = frame->prefix;
  if (!node.name.empty())
    name += node.name;
  else
    name += fmt::format("{}:{}", node.opType, node.outputs.empty() ? std::string_view() : node.outputs[0]);
  std::vector<TensorPtr> inputs;
  try {
    for (std::string_view input : node.inputs) {
      inputs.push_back(input.empty() ? nullptr : lookup(input));
      if (!input.empty() && !inputs.back())
        badInput("input \"{}\" is not defined by anything before it", input);
      if (inputs.back() && inputs.back()->failed)
        return defineFailed(node);
    }
    std::string_view domain = node.domain == "ai.onnx" ? std::string_view() : node.domain;
    auto function = functions.find(fmt::format("{}::{}::{}", node.domain, node.opType, node.overload));
    if (function != functions.end())
      return importCall(node, *function->second, inputs, name);
    if (!domain.empty())
      unsupported("operators of the domain {} are not supported", domain);
    auto opset = frame->opsets.find("");
    if (opset == frame->opsets.end())
      badInput("the model does not say which opset it uses");
    if (opset->second < kLeastOpset && !node.attributes.empty())
      unsupported("attributes of opset {}", opset->second);
    auto handler = handlers().find(node.opType);
    if (handler == handlers().end())
      unsupported("the operator is not supported");
    NodeContext nodeContext(*this, node, opset->second, builder, locationOf(context, name, node.opType), inputs);
    runHandler(handler->second, nodeContext);
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i].empty())
        continue;
      if (!nodeContext.outputs[i])
        unsupported("output {} is not supported", i);
      define(node.outputs[i], nodeContext.outputs[i]);
    }
  } catch (const Error &error) {
    if (error.kind() == ErrorKind::Internal)
      internalError("node \"{}\" ({}): {}", name, node.opType, error.what());
    if (nodeCount > kMaxNodes)
      throw; // no node after this one can be imported
    report(node, name, inputs, error);
    defineFailed(node);
  }
}

void Importer::runHandler(Handler handler, NodeContext &node) {
  Block &block = function.front();
  Operation *last = block.empty() ? nullptr : &block.back();
  Operation *header = headerEnd;
  handler(node);
  // The header may have been the block's end.
  if (last == header && headerEnd != header)
    last = headerEnd;
  fold(last, node);
}

/// Makes `body` the current frame until the result is destroyed.
auto Importer::enter(Frame &body) {
  if (callDepth >= kMaxCallDepth)
    badInput("functions or graphs are nested too deeply");
  ++callDepth;
  Frame *outer = std::exchange(frame, &body);
  return llvm::make_scope_exit([this, outer] {
    frame = outer;
    --callDepth;
  });
}

void Importer::importCall(const NodeProto &node, const FunctionProto &callee, const std::vector<TensorPtr> &inputs,
                          const std::string &name) {
  Frame body;
  body.prefix = name + "/";
  body.opsets = frame->opsets;
  readOpsets(body, callee.opsets);
  for (const AttributeProto &attribute : callee.defaults)
    body.attributes[attribute.name] = &attribute;
  for (const AttributeProto &attribute : node.attributes)
    if (const AttributeProto *resolved = resolve(attribute))
      body.attributes[attribute.name] = resolved;
  for (size_t i = 0; i < callee.inputs.size(); ++i)
    if (i < inputs.size() && inputs[i])
      body.names[callee.inputs[i]] = inputs[i];
  std::vector<TensorPtr> results;
  {
    auto leave = enter(body);
    importNodes(callee.nodes);
    for (std::string_view output : callee.outputs)
      results.push_back(lookup(output));
  }
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i].empty())
      continue;
    if (i >= results.size() || !results[i])
      badInput("the function does not define its output {}", i);
    define(node.outputs[i], results[i]);
  }
}

std::vector<TensorPtr> Importer::inlineGraph(const GraphProto &graph) {
  Frame body;
  body.parent = frame;
  body.prefix = frame->prefix;
  body.opsets = frame->opsets;
  body.attributes = frame->attributes;
  auto leave = enter(body);
  std::vector<TensorPtr> results;
  for (auto &proto : graph.initializers)
    define(proto->name, constantTensor(*proto, std::string(proto->name)));
  importNodes(graph.nodes);
  for (const ValueInfo &output : graph.outputs) {
    results.push_back(lookup(output.name));
    if (!results.back())
      badInput("the graph does not define its output \"{}\"", output.name);
  }
  return results;
}

// --- the end --------------------------------------------------------------------------------------------------------

void Importer::finish() {
  SmallVector<Value> results;
  SmallVector<Attribute> attributes;
  for (const ValueInfo &output : model.graph.outputs) {
    TensorPtr tensor = lookup(output.name);
    if (!tensor) {
      messages.push_back(fmt::format("output \"{}\" is not defined by any node", output.name));
      contradicts = true;
    }
    if (!tensor || tensor->failed)
      continue;
    results.push_back(materialise(*tensor));
    NamedAttrList list;
    list.set(graph::kNameAttr, builder.getStringAttr(output.name));
    if (isUnsigned(tensor->dtype))
      list.set(graph::kDtypeAttr, builder.getStringAttr(dtypeName(tensor->dtype)));
    attributes.push_back(list.getDictionary(&context));
  }
  if (messages.empty() && results.empty()) {
    messages.push_back("the model has no outputs");
    contradicts = true;
  }
  if (!messages.empty())
    throw ImportError(contradicts ? ErrorKind::BadInput : ErrorKind::Unsupported,
                      fmt::format("{}: {} problem{}\n{}", path.string(), messages.size(),
                                  messages.size() > 1 ? "s" : "", fmt::join(messages, "\n")),
                      constantInputs);
  builder.create<func::ReturnOp>(builder.getUnknownLoc(), results);
  function.setFunctionType(builder.getFunctionType(function.getArgumentTypes(), ValueRange(results).getTypes()));
  function.setAllResultAttrs(attributes);

  Block &block = function.front();
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (isOpTriviallyDead(&op)) {
      llvm::erase(placeholders, &op);
      op.erase();
    }
  for (Operation *placeholder : placeholders) {
    builder.setInsertionPoint(placeholder);
    auto constant = builder.create<arith::ConstantOp>(placeholder->getLoc(),
                                                      cast<TypedAttr>(graph::toAttribute(*host[placeholder->getResult(0)])));
    placeholder->getResult(0).replaceAllUsesWith(constant);
    placeholder->erase();
  }
  std::string diagnostic;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &d) {
    diagnostic += d.str() + "\n";
    return success();
  });
  if (failed(verify(*module)))
    internalError("the imported module does not verify: {}", diagnostic);
}

void loadDialects(MLIRContext &context) {
  context.loadDialect<graph::GraphDialect, arith::ArithDialect, math::MathDialect, func::FuncDialect>();
}

OwningOpRef<ModuleOp> importModel(MLIRContext &context, const std::filesystem::path &path,
                                  const ImportOptions &options) {
  loadDialects(context);
  return Importer(context, path, options).run();
}

ConstantTensor readTensorFile(const std::filesystem::path &path) {
  MappedFile file(path);
  TensorProto proto = parseTensor(file.bytes());
  ConstantTensor result{DType(proto.dataType), proto.dims, std::string(proto.payload())};
  if (proto.external)
    unsupported("{}: external data", path.string());
  if (!dtypeBytes(result.dtype))
    unsupported("{}: element type {}", path.string(), dtypeName(result.dtype));
  size_t bytes = size_t(TensorBuilder::elementCount(result.shape)) * dtypeBytes(result.dtype);
  if (result.bytes.size() != bytes)
    badInput("{}: {} bytes of data, shape and type need {}", path.string(), result.bytes.size(), bytes);
  return result;
}

ModelInterface readInterface(const std::filesystem::path &path) {
  MappedFile file(path);
  ModelProto model = parseModel(file.bytes());
  ModelInterface result;
  llvm::StringSet<> initializers;
  for (auto &proto : model.graph.initializers)
    initializers.insert(proto->name);
  for (const ValueInfo &input : model.graph.inputs)
    if (!initializers.contains(input.name))
      result.inputs.emplace_back(input.name);
  for (const ValueInfo &output : model.graph.outputs)
    result.outputs.emplace_back(output.name);
  return result;
}

} // namespace tgc::onnx
