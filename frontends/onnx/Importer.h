// The state of one import: names in scope, values known at compile time, problems found so far.
#pragma once
#include "compiler/graph/Evaluate.h"
#include "frontends/onnx/Import.h"
#include "frontends/onnx/NodeContext.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringSet.h"

namespace tgc::onnx {

class Importer {
public:
  Importer(mlir::MLIRContext &context, const std::filesystem::path &path, const ImportOptions &options);
  mlir::OwningOpRef<mlir::ModuleOp> run();

  // --- services for handlers ---
  /// The SSA value of a tensor.
  mlir::Value materialise(Tensor &tensor);
  /// The tensor's elements where they follow from constants and small initialisers alone, else null.
  graph::HostTensorPtr knownValue(Tensor &tensor);
  /// Reports that `what` must be known, and which inputs or files it depends on.
  [[noreturn]] void failUnknown(Tensor &tensor, llvm::StringRef what);
  /// The attribute itself, or the one of the enclosing function's call that it refers to (null when absent
  /// there).
  const AttributeProto *resolve(const AttributeProto &attribute) const;
  /// f64 is for values that f16 and bf16 cannot hold: it becomes f32 at least.
  DType recast(DType dtype) const {
    if (!precision || !isFloat(dtype) || dtype == DType::F8E4M3)
      return dtype;
    if (dtype == DType::F64)
      return DType::F32;
    // A 16-bit precision replaces the other 16-bit type; wider values are the graph stage's to narrow.
    return dtypeBytes(dtype) <= dtypeBytes(*precision) ? *precision : dtype;
  }
  /// A constant of the model; errors are BadInput and Unsupported.
  TensorPtr constantTensor(const TensorProto &proto, llvm::StringRef name);
  /// Imports the nodes of a graph that sees the current names; its outputs in order.
  std::vector<TensorPtr> inlineGraph(const GraphProto &graph);

private:
  /// Names, opsets and attributes that a run of nodes sees. A graph inside a node sees its parent's names, a
  /// function's body sees only its own.
  struct Frame {
    const Frame *parent = nullptr;
    llvm::StringMap<TensorPtr> names;
    llvm::StringMap<int64_t> opsets;
    llvm::StringMap<const AttributeProto *> attributes;
    std::string prefix;
  };

  void readOpsets(Frame &frame, const std::vector<OpsetImport> &imports) const;
  void addInputs();
  TensorPtr boundConstant(const ConstantTensor &constant, llvm::StringRef name, DType dtype);
  Shape inputShape(const ValueInfo &input);
  void importNodes(const std::vector<NodeProto> &nodes);
  void importNode(const NodeProto &node);
  auto enter(Frame &body);
  void importCall(const NodeProto &node, const FunctionProto &function, const std::vector<TensorPtr> &inputs,
                  const std::string &name);
  void runHandler(Handler handler, NodeContext &context);
  void fold(mlir::Operation *last, NodeContext &context);
  TensorPtr lookup(llvm::StringRef name) const;
  void define(std::string_view name, TensorPtr tensor);
  void defineFailed(const NodeProto &node);
  void report(const NodeProto &node, const std::string &name, const std::vector<TensorPtr> &inputs,
              const Error &error);

  mlir::Value makeWeight(Tensor &tensor);
  mlir::Attribute weightSource(const TensorProto &proto, mlir::RankedTensorType type,
                               const std::string &name);
  /// The raw elements; false when an external file is missing or too short.
  bool readPayload(const TensorProto &proto, size_t bytes, std::string &buffer,
                   std::string_view &result) const;
  graph::HostTensorPtr evaluateBackwards(mlir::Value value, int &budget);
  template <typename Emit>
  mlir::Value inHeader(Emit &&emit);
  void finish();

  mlir::MLIRContext &context;
  std::filesystem::path path;
  std::filesystem::path directory;
  const ImportOptions &options;
  std::optional<DType> precision;
  MappedFile file;
  ModelProto model;

  mlir::OpBuilder builder;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::func::FuncOp function;
  mlir::Operation *headerEnd = nullptr; ///< the last weight or placeholder at the block's start

  Frame *frame = nullptr;
  int callDepth = 0;
  int64_t nodeCount = 0;            ///< those of inlined functions too
  llvm::StringMap<int64_t> symbols; ///< dimensions that --shape fixed
  llvm::StringMap<const FunctionProto *> functions;
  llvm::StringSet<> weightNames;
  llvm::DenseMap<mlir::Value, graph::HostTensorPtr> host; ///< values of SSA values that are known
  llvm::SmallVector<mlir::Operation *> placeholders;
  std::vector<std::string> messages;
  bool contradicts = false;
  std::vector<std::string> constantInputs;
};

} // namespace tgc::onnx
