// kernel-window-buffers
//
// In: simplified kernels and their launches.
// Out: a buffer argument is only as large as the part that the kernel uses, and starts where that part starts;
//     launches say where (`at [...]`). Kernels that read different parts of one buffer, as the blocks of a model do
//     of a vector of all their scales, become equal.
// 1. For every dimension of every buffer that is not free: the bounds of its index over all accesses, each under
//    its condition. An index that relies on the buffer's end for its else value, or is known only at run time,
//    keeps the dimension whole.
// 2. Indices are counted from the window's start. The start leaves the kernel as far as it is a multiple of 64
//    bytes, so that what the kernel may assume of alignment stays true; the rest is the type's offset.
#include "compiler/affine/Ranges.h"
#include "compiler/kernel/Elements.h"
#include "compiler/kernel/Passes.h"
#include "compiler/kernel/transforms/Access.h"
#include "compiler/kernel/transforms/Launches.h"

#include <numeric>

using namespace mlir;

namespace tgc::kernel {
namespace {

/// One access of a buffer.
struct Use {
  Operation *op;
  unsigned piece;
};

SmallVector<Use> usesOf(BlockArgument buffer) {
  SmallVector<Use> uses;
  for (OpOperand &operand : buffer.getUses()) {
    bool load = isa<LoadOp>(operand.getOwner());
    uses.push_back({operand.getOwner(), load ? operand.getOperandNumber() : 0});
  }
  return uses;
}

/// The part of one dimension that an access reaches; the whole of it where that is not known.
affine::Range reach(FuncOp func, const Use &use, unsigned dim, int64_t size) {
  affine::Range whole{0, size - 1};
  if (auto gather = dyn_cast<GatherOp>(use.op); gather && gather.getDim() == dim)
    return whole;
  Access access = accessOf(func, use.op);
  AffineExpr index = access.maps[use.piece].getResult(dim);
  IntegerSet given =
      isa<GatherOp>(use.op) ? alwaysTrue(func.getContext(), func.getNumAxes()) : access.conditions[use.piece];
  // Shifted so that every axis starts at 0.
  SmallVector<affine::Range> ranges = affine::dimRanges(given, func.getExtents());
  SmallVector<AffineExpr> shifted;
  SmallVector<int64_t> extents;
  for (auto [i, range] : llvm::enumerate(ranges)) {
    if (range.min > range.max)
      return whole;
    shifted.push_back(getAffineDimExpr(i, func.getContext()) + range.min);
    extents.push_back(range.max - range.min + 1);
  }
  affine::Range range = affine::rangeOf(index.replaceDims(shifted), extents);
  return range.min < 0 || range.max >= size ? whole : range;
}

class BufferWindows {
public:
  explicit BufferWindows(FuncOp func) : func_(func), offsets(func.getNumBuffers(), 0) {
    for (BlockArgument buffer : func.getBuffers())
      types.push_back(windowed(buffer));
  }

private:
  MemRefType windowed(BlockArgument buffer) {
    auto type = cast<MemRefType>(buffer.getType());
    SmallVector<Use> uses = usesOf(buffer);
    SmallVector<int64_t> strides, shape(type.getShape());
    int64_t offset = 0;
    if (uses.empty() || func_.getFree()[buffer.getArgNumber()] ||
        failed(getStridesAndOffset(type, strides, offset)))
      return type;
    SmallVector<int64_t> starts(shape.size(), 0);
    for (unsigned dim = 0; dim < shape.size(); ++dim) {
      affine::Range window = reach(func_, uses.front(), dim, shape[dim]);
      for (const Use &use : ArrayRef<Use>(uses).drop_front()) {
        affine::Range other = reach(func_, use, dim, shape[dim]);
        window = {std::min(window.min, other.min), std::max(window.max, other.max)};
      }
      starts[dim] = window.min;
      shape[dim] = window.max - window.min + 1;
      offset += window.min * strides[dim];
    }
    int64_t bytes = elementBytes(type.getElementType()), unit = 64 / std::gcd<int64_t>(64, bytes);
    int64_t outside = offset / unit * unit;
    if (outside == 0 && ArrayRef<int64_t>(shape) == type.getShape())
      return type;
    for (const Use &use : uses) {
      Access access = accessOf(func_, use.op);
      SmallVector<AffineExpr> exprs;
      for (auto [expr, start] : llvm::zip(access.maps[use.piece].getResults(), starts))
        exprs.push_back(affine::simplify(expr - start, func_.getExtents()));
      access.maps[use.piece] = AffineMap::get(func_.getNumAxes(), 0, exprs, func_.getContext());
      setAccess(func_, use.op, access);
    }
    offsets[buffer.getArgNumber()] = outside;
    return stridedType(shape, strides, offset - outside, type.getElementType());
  }

  FuncOp func_;

public:
  SmallVector<int64_t> offsets;
  SmallVector<MemRefType> types;
};

struct WindowBuffersPass : PassWrapper<WindowBuffersPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(WindowBuffersPass)
  StringRef getArgument() const override { return "kernel-window-buffers"; }
  StringRef getDescription() const override { return "give kernels only the parts of buffers that they use"; }
  void runOnOperation() override {
    auto launches = launchesByKernel(getOperation());
    for (FuncOp func : getOperation().getOps<FuncOp>()) {
      BufferWindows windows(func);
      setBufferTypes(func, windows.types, launches[func.getSymName()]);
      if (llvm::all_of(windows.offsets, [](int64_t offset) { return offset == 0; }))
        continue;
      for (LaunchOp launch : launches[func.getSymName()]) {
        SmallVector<int64_t> offsets(windows.offsets);
        for (unsigned i = 0; i < offsets.size(); ++i)
          offsets[i] += launch.offsetOf(i);
        launch.setOffsets(offsets);
      }
    }
    eraseUnusedCasts(getOperation());
  }
};

} // namespace

std::unique_ptr<Pass> createWindowBuffersPass() { return std::make_unique<WindowBuffersPass>(); }

} // namespace tgc::kernel
