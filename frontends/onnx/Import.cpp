// The public functions.
#include "frontends/onnx/Importer.h"

using namespace mlir;

namespace tgc::onnx {

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
