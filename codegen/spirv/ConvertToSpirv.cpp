// Converts what is left of arith, math, cf, func, gpu, memref and vector to the SPIR-V dialect.
//  In:  one func.func with tgc.kernel, tgc.threads and tgc.shared_bytes; nothing calls anything.
//  Out: one spirv.module for OpenCL with 64-bit addresses that holds the kernel's entry.
//  1. The kernel's shared memory becomes a variable of the module.
//  2. Operations are converted: by our patterns, and for plain arithmetic and branches by MLIR's. Indices have 32
//     bits where every byte of every buffer lies within 2^31, else 64.
//  3. What has become a spirv.func and its variables move into the module.
//  4. The entry says its block, its subgroup and that products and sums are rounded each; the module says which
//     capabilities it uses, and no others: a device without float64 takes every kernel that does not compute in it.
#include "codegen/common/KernelFacts.h"
#include "codegen/spirv/Patterns.h"
#include "mlir/Conversion/ArithToSPIRV/ArithToSPIRV.h"
#include "mlir/Conversion/ControlFlowToSPIRV/ControlFlowToSPIRV.h"
#include "mlir/Conversion/FuncToSPIRV/FuncToSPIRV.h"
#include "mlir/Conversion/MathToSPIRV/MathToSPIRV.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVDialect.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVOps.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace tgc::spv {
namespace {

/// The newest version that Intel's CPU runtime and the drivers of all listed GPUs take, and that has subgroups.
constexpr spirv::Version version = spirv::Version::V_1_3;

/// All that kernels may come to use: the patterns ask for it.
spirv::TargetEnvAttr environment(MLIRContext *context) {
  using C = spirv::Capability;
  const C capabilities[] = {C::Kernel,
                            C::Addresses,
                            C::Int8,
                            C::Int16,
                            C::Int64,
                            C::Float16,
                            C::Float64,
                            C::Vector16,
                            C::GroupNonUniform,
                            C::GroupNonUniformShuffle,
                            C::GroupNonUniformBallot,
                            C::SubgroupDispatch,
                            C::Linkage,
                            C::Bfloat16ConversionINTEL};
  const spirv::Extension extensions[] = {spirv::Extension::SPV_INTEL_bfloat16_conversion};
  auto triple = spirv::VerCapExtAttr::get(version, capabilities, extensions, context);
  return spirv::TargetEnvAttr::get(triple, spirv::getDefaultResourceLimits(context), spirv::ClientAPI::OpenCL,
                                   spirv::Vendor::Unknown, spirv::DeviceType::Unknown,
                                   spirv::TargetEnvAttr::kUnknownDeviceID);
}

class Types : public SPIRVTypeConverter {
public:
  Types(spirv::TargetEnvAttr environment, bool wide) : SPIRVTypeConverter(environment, options(wide)) {
    addConversion([](FloatType type) -> std::optional<Type> {
      if (type.isBF16() || type.isFloat8E4M3FN())
        return IntegerType::get(type.getContext(), type.getWidth());
      return std::nullopt;
    });
    addConversion([this](VectorType type) -> std::optional<Type> {
      Type element = type.getElementType();
      if (type.getRank() != 1 || !(element.isBF16() || element.isFloat8E4M3FN()))
        return std::nullopt;
      Type bits = convertType(element);
      return type.getNumElements() == 1 ? bits : type.clone(bits);
    });
    addConversion([this](MemRefType type) -> std::optional<Type> {
      Type element = convertType(type.getElementType());
      return element ? spirv::PointerType::get(element, storageOf(type)) : Type();
    });
  }

private:
  static SPIRVConversionOptions options(bool wide) {
    SPIRVConversionOptions options;
    options.use64bitIndex = wide;
    options.emulateLT32BitScalarTypes = false;
    return options;
  }
};

/// Collects what a type needs.
void collect(Type type, llvm::SmallSetVector<spirv::Capability, 8> &capabilities) {
  using C = spirv::Capability;
  if (auto pointer = dyn_cast<spirv::PointerType>(type))
    return collect(pointer.getPointeeType(), capabilities);
  if (auto array = dyn_cast<spirv::ArrayType>(type))
    return collect(array.getElementType(), capabilities);
  if (auto vector = dyn_cast<VectorType>(type)) {
    if (vector.getNumElements() > 4)
      capabilities.insert(C::Vector16);
    return collect(vector.getElementType(), capabilities);
  }
  if (type.isInteger(8))
    capabilities.insert(C::Int8);
  else if (type.isInteger(16))
    capabilities.insert(C::Int16);
  else if (type.isInteger(64))
    capabilities.insert(C::Int64);
  else if (type.isF16())
    capabilities.insert(C::Float16);
  else if (type.isF64())
    capabilities.insert(C::Float64);
}

struct ConvertToSpirv : PassWrapper<ConvertToSpirv, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ConvertToSpirv)
  explicit ConvertToSpirv(const Features &features) : features(features) {}
  StringRef getArgument() const override { return "tgc-to-spirv"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<spirv::SPIRVDialect>();
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    ThreadKernel kernel = onlyKernel(module, "compiling SPIR-V");
    std::string name = entryName(kernel.function.getName());
    kernel.function.setSymName(name);
    if (auto subgroup = kernel.function->getAttrOfType<IntegerAttr>("tgc.subgroup"))
      features.subgroup = subgroup.getInt();
    for (StringRef attribute :
         {"tgc.kernel", "tgc.threads", "tgc.shared_bytes", "tgc.subgroup", "tgc.registers"})
      kernel.function->removeAttr(attribute);
    bool wide = indexBits(module) == 64;
    if (kernel.sharedBytes > 0)
      declareShared(module, kernel.sharedBytes);
    if (failed(convert(module, wide)))
      return signalPassFailure();
    gather(module, name, int32_t(kernel.threads));
  }

private:
  /// Of 16-byte elements, so that it begins at a multiple of 16 bytes.
  static void declareShared(ModuleOp module, int64_t bytes) {
    OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
    auto unit = VectorType::get({4}, builder.getI32Type());
    auto array = spirv::ArrayType::get(unit, unsigned(llvm::divideCeil(bytes, 16)));
    builder.create<spirv::GlobalVariableOp>(
        module.getLoc(), TypeAttr::get(spirv::PointerType::get(array, spirv::StorageClass::Workgroup)),
        builder.getStringAttr(kSharedSymbol), FlatSymbolRefAttr());
  }

  LogicalResult convert(ModuleOp module, bool wide) {
    MLIRContext *context = &getContext();
    spirv::TargetEnvAttr environment = spv::environment(context);
    module->setAttr(spirv::getTargetEnvAttrName(), environment);
    Types types(environment, wide);
    RewritePatternSet patterns(context);
    populateMemoryPatterns(types, patterns);
    bool shuffles = module.walk([](gpu::ShuffleOp) { return WalkResult::interrupt(); }).wasInterrupted();
    populateThreadPatterns(types, shuffles ? features.subgroup : 0, patterns);
    populateValuePatterns(types, features, patterns);
    arith::populateArithToSPIRVPatterns(types, patterns);
    cf::populateControlFlowToSPIRVPatterns(types, patterns);
    populateMathToSPIRVPatterns(types, patterns);
    populateFuncToSPIRVPatterns(types, patterns);
    populateBuiltinFuncToSPIRVPatterns(types, patterns);
    std::unique_ptr<ConversionTarget> target = SPIRVConversionTarget::get(environment);
    target->addLegalOp<ModuleOp>();
    target->addIllegalDialect<arith::ArithDialect, cf::ControlFlowDialect, func::FuncDialect, gpu::GPUDialect,
                              math::MathDialect, memref::MemRefDialect, vector::VectorDialect>();
    if (failed(applyPartialConversion(module, *target, std::move(patterns))))
      return failure();
    // Pointers of blocks were made of memrefs that are pointers by now.
    SmallVector<UnrealizedConversionCastOp> casts;
    module.walk([&](UnrealizedConversionCastOp cast) { casts.push_back(cast); });
    for (UnrealizedConversionCastOp cast : llvm::reverse(casts))
      if (auto before = cast.getOperand(0).getDefiningOp<UnrealizedConversionCastOp>();
          before && before.getOperand(0).getType() == cast.getType(0)) {
        cast.getResult(0).replaceAllUsesWith(before.getOperand(0));
        cast.erase();
      }
    module.walk([](UnrealizedConversionCastOp cast) {
      if (cast.use_empty())
        cast.erase();
    });
    return success();
  }

  void gather(ModuleOp module, const std::string &name, int32_t threads) {
    OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
    Location loc = module.getLoc();
    auto made =
        builder.create<spirv::ModuleOp>(loc, spirv::AddressingModel::Physical64, spirv::MemoryModel::OpenCL);
    SmallVector<Operation *> parts;
    SmallVector<Attribute> interface;
    for (Operation &op : *module.getBody())
      if (&op != made.getOperation())
        parts.push_back(&op);
    // Variables come before the functions that use them.
    for (bool functions : {false, true})
      for (Operation *op : parts)
        if (isa<spirv::FuncOp>(op) == functions) {
          op->moveBefore(made.getBody(), made.getBody()->end());
          if (auto variable = dyn_cast<spirv::GlobalVariableOp>(op); variable && isInput(variable))
            interface.push_back(FlatSymbolRefAttr::get(variable.getSymNameAttr()));
        }
    builder.setInsertionPointToEnd(made.getBody());
    auto function = made.lookupSymbol<spirv::FuncOp>(name);
    builder.create<spirv::EntryPointOp>(loc, spirv::ExecutionModel::Kernel, function, interface);
    builder.create<spirv::ExecutionModeOp>(loc, function, spirv::ExecutionMode::LocalSize,
                                           ArrayRef<int32_t>{threads, 1, 1});
    builder.create<spirv::ExecutionModeOp>(loc, function, spirv::ExecutionMode::SubgroupSize,
                                           ArrayRef<int32_t>{int32_t(features.subgroup)});
    builder.create<spirv::ExecutionModeOp>(loc, function, spirv::ExecutionMode::ContractionOff,
                                           ArrayRef<int32_t>{});
    made.setVceTripleAttr(requirements(made));
    module->removeAttr(spirv::getTargetEnvAttrName());
  }

  static bool isInput(spirv::GlobalVariableOp variable) {
    return cast<spirv::PointerType>(variable.getType()).getStorageClass() == spirv::StorageClass::Input;
  }

  spirv::VerCapExtAttr requirements(spirv::ModuleOp module) {
    using C = spirv::Capability;
    llvm::SmallSetVector<C, 8> capabilities;
    for (C always : {C::Kernel, C::Addresses, C::Int64, C::SubgroupDispatch})
      capabilities.insert(always);
    SmallVector<spirv::Extension> extensions;
    module.walk([&](Operation *op) {
      for (Type type : op->getOperandTypes())
        collect(type, capabilities);
      for (Type type : op->getResultTypes())
        collect(type, capabilities);
      if (auto function = dyn_cast<spirv::FuncOp>(op)) {
        for (Type type : function.getArgumentTypes())
          collect(type, capabilities);
        if (function.getLinkageAttributes())
          capabilities.insert(C::Linkage);
      }
      if (auto variable = dyn_cast<spirv::GlobalVariableOp>(op))
        collect(variable.getType(), capabilities);
      if (isa<spirv::GroupNonUniformShuffleXorOp, spirv::GroupNonUniformShuffleOp>(op)) {
        capabilities.insert(C::GroupNonUniform);
        capabilities.insert(C::GroupNonUniformShuffle);
      }
      if (isa<spirv::GroupNonUniformBroadcastOp>(op)) {
        capabilities.insert(C::GroupNonUniform);
        capabilities.insert(C::GroupNonUniformBallot);
      }
      if (isa<spirv::INTELConvertFToBF16Op>(op)) {
        capabilities.insert(C::Bfloat16ConversionINTEL);
        if (extensions.empty())
          extensions.push_back(spirv::Extension::SPV_INTEL_bfloat16_conversion);
      }
    });
    return spirv::VerCapExtAttr::get(version, capabilities.getArrayRef(), extensions, &getContext());
  }

  Features features;
};

} // namespace

std::unique_ptr<Pass> createConvertToSpirvPass(const Features &features) {
  return std::make_unique<ConvertToSpirv>(features);
}

} // namespace tgc::spv
