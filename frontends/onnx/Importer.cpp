// Input: an ONNX file. Output: a module with @main in the graph stage.
// 1. The file is mapped and parsed; payloads stay where they are.
// 2. Inputs become arguments of @main, or constants where the options bind them. Initialisers become tensors
//    whose operation is made when the first node uses it: integers, bools and single floats are values known
//    at compile time, all else is a graph.weight.
// 3. Each node's handler emits operations. What follows from known values alone is evaluated at once with the
//    graph evaluator: integer, bool and one-element results become known values and their operations die.
// 4. A known value that a live operation uses is an unrealized_conversion_cast without operands until the
//    end, when it becomes an arith.constant. Dead operations are erased.
// 5. All problems are collected; nodes that depend on a failed one are passed over in silence.
#include "frontends/onnx/Importer.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/ScopeExit.h"

using namespace mlir;

namespace tgc::onnx {

constexpr int kMaxCallDepth = 64;
constexpr int64_t kMaxNodes = int64_t(1) << 21;
/// Operators had attributes of other meanings before this.
constexpr int64_t kLeastOpset = 7;

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
    : context(context), path(path), directory(path.parent_path()), options(options), file(path),
      builder(&context) {
  if (options.precision) {
    if (*options.precision == "f32")
      precision = DType::F32;
    else if (*options.precision == "f16")
      precision = DType::F16;
    else if (*options.precision == "bf16")
      precision = DType::BF16;
    else if (*options.precision != "tf32") // which says how f32 may be multiplied, and recasts nothing
      usageError("precision {} is not one of f32, tf32, f16, bf16", *options.precision);
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

// --- nodes ---

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
    NodeContext nodeContext(*this, node, opset->second, builder, locationOf(context, name, node.opType),
                            inputs);
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

void Importer::importCall(const NodeProto &node, const FunctionProto &callee,
                          const std::vector<TensorPtr> &inputs, const std::string &name) {
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

// --- the end ---

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
  function.setFunctionType(
      builder.getFunctionType(function.getArgumentTypes(), ValueRange(results).getTypes()));
  function.setAllResultAttrs(attributes);

  Block &block = function.front();
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (isOpTriviallyDead(&op)) {
      llvm::erase(placeholders, &op);
      op.erase();
    }
  for (Operation *placeholder : placeholders) {
    builder.setInsertionPoint(placeholder);
    auto constant = builder.create<arith::ConstantOp>(
        placeholder->getLoc(), cast<TypedAttr>(graph::toAttribute(*host[placeholder->getResult(0)])));
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

} // namespace tgc::onnx
