// What an operator's handler sees: one node's operands, attributes and outputs, and the operations it may
// emit.
#pragma once
#include "frontends/onnx/DType.h"
#include "frontends/onnx/Model.h"
#include "frontends/onnx/TensorBuilder.h"

#include "llvm/ADT/StringMap.h"

namespace tgc::onnx {

class Importer;

/// A tensor of the model during import. `known` is its value where that is known at compile time and may
/// replace it in the graph; `value` is made from it when an operation needs it.
struct Tensor {
  std::string name;
  DType dtype = DType::None;
  Shape shape;
  mlir::Value value;
  graph::HostTensorPtr known;
  bool failed = false;                      ///< the node that makes it was not imported
  const TensorProto *initializer = nullptr; ///< where an initialiser's elements are, until `value` is made
};
using TensorPtr = std::shared_ptr<Tensor>;

/// Errors of all functions: BadInput where the model contradicts itself, Unsupported where a value must be
/// known.
class NodeContext : public TensorBuilder {
public:
  NodeContext(Importer &importer, const NodeProto &node, int64_t opset, mlir::OpBuilder &builder,
              mlir::Location loc, std::vector<TensorPtr> inputs);

  const NodeProto &node;
  int64_t opset() const { return opset_; }
  Importer &importer() { return importer_; }

  // --- inputs ---
  size_t inputCount() const { return inputs.size(); }
  bool has(size_t i) const { return i < inputs.size() && inputs[i]; }
  Tensor &tensor(size_t i) const; ///< BadInput when it is absent
  DType dtype(size_t i) const { return tensor(i).dtype; }
  llvm::ArrayRef<int64_t> shape(size_t i) const { return tensor(i).shape; }
  int64_t rank(size_t i) const { return int64_t(shape(i).size()); }
  mlir::Value in(size_t i);
  /// Broadcast to `shape`; a constant with equal elements is made in that shape.
  mlir::Value inAs(size_t i, llvm::ArrayRef<int64_t> shape);
  /// As in and inAs, with f16 and bf16 extended to f32.
  mlir::Value wide(size_t i) { return wideAs(i, shape(i)); }
  mlir::Value wideAs(size_t i, llvm::ArrayRef<int64_t> shape);
  /// The broadcast shape of all inputs.
  Shape commonShape() const;
  /// All inputs must have one type; BadInput else.
  void requireSameTypes(size_t first, size_t second) const;
  void requireFloat(size_t i) const;
  void requireRank(size_t i, int64_t least, int64_t most) const;

  // --- values known at compile time ---
  bool isKnown(size_t i) const { return has(i) && tensor(i).known; }
  /// The value of input i, computed from initialisers where it is not known already. `what` names it in the
  /// error.
  graph::HostTensorPtr known(size_t i, llvm::StringRef what);
  /// The same, or null where it is not known.
  graph::HostTensorPtr tryKnown(size_t i);
  std::vector<int64_t> knownInts(size_t i, llvm::StringRef what);
  std::vector<double> knownFloats(size_t i, llvm::StringRef what);
  int64_t knownInt(size_t i, llvm::StringRef what);
  double knownFloat(size_t i, llvm::StringRef what);

  // --- attributes ---
  const AttributeProto *attribute(llvm::StringRef name) const;
  bool hasAttr(llvm::StringRef name) const { return attribute(name) != nullptr; }
  int64_t intAttr(llvm::StringRef name, int64_t otherwise) const;
  double floatAttr(llvm::StringRef name, double otherwise) const;
  std::string stringAttr(llvm::StringRef name, llvm::StringRef otherwise) const;
  std::vector<int64_t> intsAttr(llvm::StringRef name, std::vector<int64_t> otherwise = {}) const;
  std::vector<double> floatsAttr(llvm::StringRef name) const;
  const TensorProto &tensorAttr(llvm::StringRef name) const;
  const GraphProto &graphAttr(llvm::StringRef name) const;
  /// The attribute `name` as an axis of a tensor of `rank`.
  int64_t axisAttr(int64_t otherwise, int64_t rank, llvm::StringRef name = "axis") const;
  /// Attribute (old opsets) or input i (new ones), whichever is there.
  std::optional<std::vector<int64_t>> attrOrInput(llvm::StringRef name, size_t i);

  // --- outputs ---
  size_t outputCount() const { return node.outputs.size(); }
  bool wantsOutput(size_t i) const { return i < node.outputs.size() && !node.outputs[i].empty(); }
  void out(mlir::Value value, DType dtype) { out(0, value, dtype); }
  void out(size_t i, mlir::Value value, DType dtype);
  /// Rounds a value computed in f32 to a floating-point type.
  void outFloat(mlir::Value value, DType dtype) { outFloat(0, value, dtype); }
  void outFloat(size_t i, mlir::Value value, DType dtype);
  void outKnown(size_t i, graph::HostTensor value, DType dtype);
  /// The tensor itself, unchanged.
  void outTensor(size_t i, TensorPtr tensor);
  TensorPtr inputTensor(size_t i) const { return i < inputs.size() ? inputs[i] : nullptr; }

  // --- types ---
  /// BadInput or Unsupported for a type we do not have.
  mlir::Type typeOf(DType dtype) const;
  /// A floating-point type as --precision recasts it.
  DType recast(DType dtype) const;

  template <typename... Args>
  [[noreturn]] void fail(fmt::format_string<Args...> format, Args &&...args) const {
    unsupported(format, std::forward<Args>(args)...);
  }
  template <typename... Args>
  [[noreturn]] void bad(fmt::format_string<Args...> format, Args &&...args) const {
    badInput(format, std::forward<Args>(args)...);
  }

  std::vector<TensorPtr> outputs;

private:
  Importer &importer_;
  int64_t opset_;
  std::vector<TensorPtr> inputs;
};

/// Element types in MLIR: signless integers; null for a type we do not have.
mlir::Type mlirType(mlir::MLIRContext *context, DType dtype);

using Handler = void (*)(NodeContext &);
using HandlerTable = llvm::StringMap<Handler>;

/// All operators of ONNX's default domain that can be imported.
const HandlerTable &handlers();

} // namespace tgc::onnx
