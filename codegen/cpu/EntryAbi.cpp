// Gives kernels the C ABI of CpuImage.h.
//  In: func.func @k(memrefs of static layout..., [%scratch: memref<Nxi8>], %begin: index, %end: index) with the
//      attributes tgc.kernel and tgc.scratch_bytes = N; the scratch is there if N > 0.
//  Out: func.func @k(!llvm.ptr, !llvm.ptr, i64, i64); other functions are untouched.
//  1. Check the form.
//  2. For each buffer, load its base from the array and build a descriptor of its type, all constant but the base;
//     for the scratch, from the second argument.
//  3. Replace the arguments through unrealized casts, which the conversion to LLVM folds.
#include "codegen/cpu/LowerThread.h"
#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;

namespace tgc::cpu {
namespace {

struct EntryAbi : PassWrapper<EntryAbi, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(EntryAbi)
  StringRef getArgument() const override { return "tgc-cpu-entry-abi"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<LLVM::LLVMDialect>();
  }

  void runOnOperation() override {
    LLVMTypeConverter converter(&getContext());
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function->hasAttr("tgc.kernel") && failed(convert(function, converter)))
        return signalPassFailure();
  }

  static LogicalResult check(func::FuncOp function) {
    if (function.isExternal())
      return function.emitError("a kernel must have a body");
    ArrayRef<Type> types = function.getArgumentTypes();
    if (types.size() < 2 || !types[types.size() - 1].isIndex() || !types[types.size() - 2].isIndex() ||
        function.getNumResults() != 0)
      return function.emitError("a kernel takes buffers, then two indices, and returns nothing");
    for (Type type : types.drop_back(2)) {
      auto memref = dyn_cast<MemRefType>(type);
      SmallVector<int64_t> strides;
      int64_t offset = 0;
      if (!memref || !memref.hasStaticShape() || failed(getStridesAndOffset(memref, strides, offset)) ||
          ShapedType::isDynamic(offset) || ShapedType::isDynamicShape(strides))
        return function.emitError("a kernel's buffer must be a memref of static shape and layout, not ")
               << type;
    }
    return success();
  }

  LogicalResult convert(func::FuncOp function, LLVMTypeConverter &converter) {
    if (failed(check(function)))
      return failure();
    OpBuilder builder(function.getBody());
    Location loc = function.getLoc();
    Type pointer = LLVM::LLVMPointerType::get(&getContext());
    Type word = builder.getI64Type();
    auto type = builder.getFunctionType({pointer, pointer, word, word}, {});
    Block &block = function.getBody().front();
    unsigned count = block.getNumArguments(), buffers = count - 2;
    bool hasScratch = false;
    if (auto bytes = function->getAttrOfType<IntegerAttr>("tgc.scratch_bytes"))
      hasScratch = bytes.getInt() > 0;
    if (hasScratch && buffers == 0)
      return function.emitError("the kernel has scratch bytes but no argument for them");

    SmallVector<Location> locations(4, loc);
    block.addArguments(type.getInputs(), locations);
    auto argument = [&](unsigned i) { return block.getArgument(count + i); };
    for (unsigned i = 0; i < buffers; ++i) {
      auto memref = cast<MemRefType>(block.getArgument(i).getType());
      Value base = argument(1);
      if (!(hasScratch && i + 1 == buffers)) {
        Value slot = builder.create<LLVM::GEPOp>(loc, pointer, pointer, argument(0),
                                                 ArrayRef<LLVM::GEPArg>(int32_t(i)));
        auto load = builder.create<LLVM::LoadOp>(loc, pointer, slot, 8);
        load.setInvariant(true);
        base = load;
      }
      Value descriptor = MemRefDescriptor::fromStaticShape(builder, loc, converter, memref, base);
      replace(builder, block.getArgument(i), descriptor);
    }
    replace(builder, block.getArgument(buffers), argument(2));
    replace(builder, block.getArgument(buffers + 1), argument(3));
    block.eraseArguments(0, count);
    function.setType(type);
    return success();
  }

  static void replace(OpBuilder &builder, BlockArgument old, Value value) {
    old.replaceAllUsesWith(
        builder.create<UnrealizedConversionCastOp>(old.getLoc(), old.getType(), value).getResult(0));
  }
};

} // namespace

std::unique_ptr<Pass> createEntryAbiPass() { return std::make_unique<EntryAbi>(); }

} // namespace tgc::cpu
