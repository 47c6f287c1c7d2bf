// The model's inputs: arguments of @main, or constants that the options bind; its initialisers.
#include "frontends/onnx/Importer.h"

using namespace mlir;

namespace tgc::onnx {

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
      throw ImportError(ErrorKind::BadInput, fmt::format("--shape {}: the model has no such input", name),
                        {});
  for (auto &[name, constant] : options.constants)
    if (!inputNames.contains(name))
      throw ImportError(ErrorKind::BadInput, fmt::format("constant {}: the model has no such input", name),
                        {});
  // Symbols may be fixed by any input.
  for (const ValueInfo &input : model.graph.inputs)
    if (auto fixed = options.shapes.find(std::string(input.name));
        fixed != options.shapes.end() && input.shape)
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

} // namespace tgc::onnx
