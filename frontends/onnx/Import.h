// The ONNX front end: a model file becomes a module in the graph stage.
#pragma once
#include "compiler/support/Error.h"
#include "frontends/onnx/DType.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace tgc::onnx {

/// A tensor's type and its elements as raw little-endian bytes (bool takes one byte).
struct ConstantTensor {
  DType dtype = DType::None;
  std::vector<int64_t> shape;
  std::string bytes;
};

struct ImportOptions {
  /// Fixes the shape of an input, by name; needed where the model leaves dimensions symbolic.
  std::map<std::string, std::vector<int64_t>> shapes;
  /// "f32", "f16" or "bf16": recasts the model's floating-point types of at most this width (inputs, outputs,
  /// uses of initialisers, Casts to floating-point types). None and "tf32", which is about products, keep the model's own.
  std::optional<std::string> precision;
  /// Inputs bound as constants, by name; they are not arguments of @main.
  std::map<std::string, ConstantTensor> constants;
};

/// What importModel throws: one line for each problem.
class ImportError : public Error {
public:
  ImportError(ErrorKind kind, const std::string &message, std::vector<std::string> constantInputs)
      : Error(kind, message), constantInputs(std::move(constantInputs)) {}
  /// Model inputs whose values must be known at compile time (see ImportOptions::constants).
  const std::vector<std::string> constantInputs;
};

/// Loads the dialects that importModel and the text form of its result need.
void loadDialects(mlir::MLIRContext &context);

/// Imports the model in `path` as a module with one function @main in the graph, arith and math dialects on
/// static tensors. Errors: ImportError with BadInput (damaged file, contradictions), Unsupported (operators,
/// types and dynamic shapes we do not have, all of them at once).
mlir::OwningOpRef<mlir::ModuleOp> importModel(mlir::MLIRContext &context, const std::filesystem::path &path,
                                              const ImportOptions &options = {});

/// The tensor in a file with one serialised TensorProto (ONNX's test data, input_N.pb). Errors: BadInput,
/// Unsupported.
ConstantTensor readTensorFile(const std::filesystem::path &path);

/// Names of the model's inputs (those that are no initialisers) and outputs, in order.
struct ModelInterface {
  std::vector<std::string> inputs, outputs;
};
ModelInterface readInterface(const std::filesystem::path &path);

} // namespace tgc::onnx
