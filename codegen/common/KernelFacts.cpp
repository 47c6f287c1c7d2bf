#include "codegen/common/KernelFacts.h"

#include "compiler/support/Error.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace tgc {

ThreadKernel onlyKernel(ModuleOp module, StringRef where) {
  ThreadKernel kernel;
  for (auto function : module.getOps<func::FuncOp>())
    if (function->hasAttr("tgc.kernel")) {
      if (kernel.function)
        internalError("{}: the module has several kernels", where.str());
      kernel.function = function;
    }
  if (!kernel.function)
    internalError("{}: the module has no function with the attribute tgc.kernel", where.str());
  kernel.threads = kernel.function->getAttrOfType<IntegerAttr>("tgc.threads").getInt();
  kernel.sharedBytes = kernel.function->getAttrOfType<IntegerAttr>("tgc.shared_bytes").getInt();
  return kernel;
}

unsigned indexBits(ModuleOp module) {
  constexpr int64_t limit = (int64_t(1) << 31) - 1;
  for (auto function : module.getOps<func::FuncOp>())
    for (Type type : function.getArgumentTypes()) {
      auto memref = dyn_cast<MemRefType>(type);
      SmallVector<int64_t> strides;
      int64_t last = 0;
      if (!memref || failed(getStridesAndOffset(memref, strides, last)))
        continue;
      for (auto [size, stride] : llvm::zip(memref.getShape(), strides))
        last += (size - 1) * stride;
      int64_t bytes = std::max(8u, memref.getElementTypeBitWidth()) / 8;
      if ((last + 1) * bytes > limit)
        return 64;
    }
  return 32;
}

std::string entryName(StringRef name) {
  std::string made = name.str();
  for (char &letter : made)
    if (!llvm::isAlnum(letter))
      letter = '_';
  if (llvm::isDigit(made.front()))
    made = "k" + made;
  return made;
}

} // namespace tgc
