// Values known at compile time: what a node's handler emitted is evaluated where all of its operands are
// known.
#include "frontends/onnx/Importer.h"

#include "mlir/IR/Verifier.h"

using namespace mlir;

namespace tgc::onnx {

/// Known values up to this size are kept: integers and bools, and floating-point values that shapes may
/// depend on.
constexpr int64_t kMaxKnownIntegers = int64_t(1) << 20;
constexpr int64_t kMaxKnownFloats = 4096;
/// Larger results become constants only where their inputs are constants of like size.
constexpr int64_t kMaxFoldedElements = 1024;
constexpr int64_t kMaxFoldedProducts = int64_t(1) << 24;

static bool keepKnown(Type element, int64_t count) {
  return count <= (isa<FloatType>(element) ? kMaxKnownFloats : kMaxKnownIntegers);
}
/// Whether a known value replaces its tensor in the graph. One that is much larger than what it is made from
/// stays an operation (an expanded index, a mask).
static bool replaces(const graph::HostTensor &value, int64_t inputElements) {
  if (value.isFloat())
    return value.size() <= 1;
  return value.size() <= kMaxFoldedElements || value.size() <= 2 * inputElements;
}

graph::HostTensorPtr Importer::evaluateBackwards(Value value, int &budget) {
  if (auto it = host.find(value); it != host.end())
    return it->second;
  Operation *op = value.getDefiningOp();
  if (!op || --budget < 0)
    return nullptr;
  for (Type type : op->getResultTypes())
    if (!keepKnown(cast<RankedTensorType>(type).getElementType(),
                   cast<RankedTensorType>(type).getNumElements()))
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
    badInput(
        "{} must be known at compile time, it depends on the data of {}, which cannot be read or is large",
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
  int64_t inputElements = 0; // of constants; an input that stayed an operation does not count
  for (size_t i = 0; i < node.inputCount(); ++i)
    if (node.isKnown(i))
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

} // namespace tgc::onnx
