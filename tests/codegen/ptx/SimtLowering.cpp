// In:  func.func @k(buffers…) with the gpu dialect's numbers, barriers, shuffles and shared memory.
// Out: func.func @k(buffers…, [%shared,] %block, %end) in the form of the CPU's thread stage, with calls.
// 1. Memory spaces vanish from types.
// 2. Shared memory becomes the scratch argument, the block's number the first block of the range.
// 3. PTX in text becomes calls: its operands one by one, the instruction, its results.
// 4. Operations of several threads become calls that name their place in the program, by which the scheduler
//    sees whether threads have come to the same one.
#include "compiler/support/Error.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "tests/codegen/ptx/Simt.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace tgc::test {
namespace {

class SimtLowering {
public:
  SimtLowering(ModuleOp module, func::FuncOp function)
      : module(module), function(function), builder(function) {}

  void run() {
    dropMemorySpaces();
    Block *entry = &function.getBody().front();
    int64_t sharedBytes = function->getAttrOfType<IntegerAttr>("tgc.shared_bytes").getInt();
    Location loc = function.getLoc();
    if (sharedBytes)
      shared = entry->addArgument(MemRefType::get({sharedBytes}, builder.getI8Type()), loc);
    block = entry->addArgument(builder.getIndexType(), loc);
    entry->addArgument(builder.getIndexType(), loc);
    function.setType(builder.getFunctionType(entry->getArgumentTypes(), {}));
    function->setAttr("tgc.scratch_bytes", builder.getI64IntegerAttr(sharedBytes));
    SmallVector<Operation *> work;
    function.walk([&](Operation *op) {
      if (isa_and_nonnull<gpu::GPUDialect>(op->getDialect()) ||
          isa<LLVM::InlineAsmOp, LLVM::CallIntrinsicOp, UnrealizedConversionCastOp>(op))
        work.push_back(op);
    });
    for (Operation *op : work)
      lower(op);
  }

private:
  void dropMemorySpaces() {
    auto plain = [](Type type) -> Type {
      auto memref = dyn_cast<MemRefType>(type);
      return memref && memref.getMemorySpace() ? Type(MemRefType::Builder(memref).setMemorySpace({})) : type;
    };
    function.walk([&](Operation *op) {
      for (Value result : op->getResults())
        result.setType(plain(result.getType()));
      for (Region &region : op->getRegions())
        for (Block &inner : region)
          for (Value argument : inner.getArguments())
            argument.setType(plain(argument.getType()));
    });
  }

  void lower(Operation *op) {
    builder.setInsertionPoint(op);
    loc = op->getLoc();
    llvm::TypeSwitch<Operation *>(op)
        .Case([&](gpu::BlockIdOp) { op->replaceAllUsesWith(ValueRange(block)); })
        .Case([&](gpu::ThreadIdOp) {
          op->replaceAllUsesWith(ValueRange(call("tgc_simt_thread", builder.getIndexType())));
        })
        .Case([&](gpu::BarrierOp) { call("tgc_simt_barrier", {}, place()); })
        .Case([&](gpu::ShuffleOp shuffle) {
          if (shuffle.getMode() != gpu::ShuffleMode::XOR || !shuffle.getValue().getType().isInteger(32))
            internalError("the host knows only xor shuffles of words");
          shuffle.getShuffleResult().replaceAllUsesWith(call(
              "tgc_simt_shuffle", builder.getI32Type(), {shuffle.getValue(), shuffle.getOffset(), place()}));
        })
        .Case([&](gpu::DynamicSharedMemoryOp) { op->replaceAllUsesWith(ValueRange(shared)); })
        .Case([&](LLVM::InlineAsmOp text) { instruction(text); })
        .Case([&](LLVM::CallIntrinsicOp intrinsic) { roundPair(intrinsic); })
        .Case([&](UnrealizedConversionCastOp pointer) {
          Value address = builder.create<memref::ExtractAlignedPointerAsIndexOp>(loc, pointer.getOperand(0));
          address = builder.create<arith::IndexCastOp>(loc, builder.getI64Type(), address);
          pointer.getResult(0).replaceAllUsesWith(
              builder.create<LLVM::IntToPtrOp>(loc, pointer.getResult(0).getType(), address));
        })
        .Default([&](Operation *) {
          internalError("the host does not know {}", op->getName().getStringRef().str());
        });
    op->erase();
  }

  void instruction(LLVM::InlineAsmOp text) {
    for (Value operand : text.getOperands()) {
      Type type = operand.getType();
      if (isa<LLVM::LLVMPointerType>(type))
        operand = builder.create<LLVM::PtrToIntOp>(loc, builder.getI64Type(), operand);
      else if (type.isF32())
        operand = builder.create<arith::BitcastOp>(loc, builder.getI32Type(), operand);
      if (!operand.getType().isInteger(64))
        operand = builder.create<arith::ExtUIOp>(loc, builder.getI64Type(), operand);
      call("tgc_simt_argument", {}, operand);
    }
    Value number = builder.create<arith::ConstantIntOp>(loc, addInstruction(text.getAsmString().str()), 32);
    call("tgc_simt_instruction", {}, {number, place()});
    if (text->getNumResults() == 0)
      return;
    auto result = [&](int64_t position, Type type) {
      Value number = builder.create<arith::ConstantIntOp>(loc, position, 32);
      Value bits = call("tgc_simt_result", builder.getI32Type(), number);
      return type.isF32() ? builder.create<arith::BitcastOp>(loc, type, bits).getResult() : bits;
    };
    if (!isa<LLVM::LLVMStructType>(text.getResult(0).getType())) {
      text.getResult(0).replaceAllUsesWith(result(0, text.getResult(0).getType()));
      return;
    }
    for (Operation *user : llvm::make_early_inc_range(text.getResult(0).getUsers())) {
      auto extract = cast<LLVM::ExtractValueOp>(user);
      extract.getResult().replaceAllUsesWith(result(extract.getPosition()[0], extract.getType()));
      extract.erase();
    }
  }

  /// Two numbers of 32 bits as a pair of 16, the second argument first.
  void roundPair(LLVM::CallIntrinsicOp intrinsic) {
    if (!intrinsic.getIntrin().starts_with("llvm.nvvm.ff2"))
      internalError("the host does not know {}", intrinsic.getIntrin().str());
    auto pair = cast<VectorType>(intrinsic.getResult(0).getType());
    SmallVector<Value> elements;
    for (Value wide : {intrinsic.getArgs()[1], intrinsic.getArgs()[0]})
      elements.push_back(builder.create<arith::TruncFOp>(loc, pair.getElementType(), wide));
    intrinsic.getResult(0).replaceAllUsesWith(builder.create<vector::FromElementsOp>(loc, pair, elements));
  }

  Value place() { return builder.create<arith::ConstantIntOp>(loc, ++places, 32); }

  Value call(StringRef name, Type result, ValueRange arguments = {}) {
    SmallVector<Type> results;
    if (result)
      results.push_back(result);
    auto callee = module.lookupSymbol<func::FuncOp>(name);
    if (!callee) {
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToStart(module.getBody());
      callee = builder.create<func::FuncOp>(module.getLoc(), name,
                                            builder.getFunctionType(arguments.getTypes(), results));
      callee.setPrivate();
    }
    auto made = builder.create<func::CallOp>(loc, callee, arguments);
    return result ? made.getResult(0) : Value();
  }

  ModuleOp module;
  func::FuncOp function;
  OpBuilder builder;
  Location loc = builder.getUnknownLoc();
  Value shared, block;
  int64_t places = 0;
};

} // namespace

void lowerToSimt(ModuleOp module) {
  SmallVector<func::FuncOp> kernels;
  for (auto function : module.getOps<func::FuncOp>())
    if (function->hasAttr("tgc.kernel"))
      kernels.push_back(function);
  for (func::FuncOp function : kernels)
    SimtLowering(module, function).run();
}

} // namespace tgc::test
