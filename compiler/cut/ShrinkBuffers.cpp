// Input: a program whose kernels store more of some intermediate buffers than any kernel loads: a merged projection
// of which some columns are used by its own epilogue only. Output: buffers of the size that is loaded.
//
// 1. For each buffer that only kernels launched once use, the bounds of all indices that load from it are united.
// 2. Where they are narrower than the buffer, it gets their extents; loads and stores are moved, and stores get the
//    condition to be inside.
#include "compiler/affine/Ranges.h"
#include "compiler/cut/Index.h"
#include "compiler/cut/Passes.h"
#include "compiler/cut/Uses.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace tgc::cut {
namespace {

using Bounds = SmallVector<affine::Range>;

SmallVector<int64_t> extentsOf(kernel::FuncOp func, ValueRange axes) {
  return llvm::map_to_vector(axes, [&](Value axis) { return func.extentOf(axis); });
}

/// Bounds of an index where the condition holds.
affine::Range boundsOf(AffineExpr expr, ArrayRef<affine::Range> dims, Extents extents) {
  auto linear = linearForm(expr, extents.size());
  if (!linear)
    return affine::rangeOf(expr, extents);
  affine::Range range{linear->constant, linear->constant};
  for (auto [factor, dim] : llvm::zip(linear->coefficients, dims)) {
    range.min += factor * (factor > 0 ? dim.min : dim.max);
    range.max += factor * (factor > 0 ? dim.max : dim.min);
  }
  return range;
}

class Shrinker {
public:
  explicit Shrinker(kernel::ProgramOp program) : program(program), uses(program) {}

  void run() {
    for (auto buffer : program.getBlock()->getOps<kernel::BufferOp>())
      if (auto found = uses.of(buffer.getResult()))
        shrink(buffer, *found);
  }

private:
  static void unite(Bounds &bounds, AffineMap map, IntegerSet where, Extents extents, Extents shape,
                    std::optional<unsigned> whole = {}) {
    SmallVector<affine::Range> dims = affine::dimRanges(where, extents);
    if (llvm::any_of(dims, [](affine::Range range) { return range.min > range.max; }))
      return;
    for (auto [d, expr] : llvm::enumerate(map.getResults())) {
      affine::Range range = whole == d ? affine::Range{0, shape[d] - 1} : boundsOf(expr, dims, extents);
      bounds[d].min = std::min(bounds[d].min, std::max<int64_t>(range.min, 0));
      bounds[d].max = std::max(bounds[d].max, std::min(range.max, shape[d] - 1));
    }
  }

  static void uniteLoads(Bounds &bounds, BufferUse use, Extents shape) {
    MLIRContext *context = use.kernel.getContext();
    for (Operation *user : use.buffer().getUsers()) {
      if (auto load = dyn_cast<kernel::LoadOp>(user)) {
        for (unsigned i = 0; i < load.getNumPieces(); ++i)
          if (load.getBuffers()[i] == use.buffer())
            unite(bounds, load.getMap(i), load.getCondition(i), extentsOf(use.kernel, load.getAxes()), shape);
      } else if (auto gather = dyn_cast<kernel::GatherOp>(user)) {
        unite(bounds, gather.getMap(), kernel::alwaysTrue(context, gather.getAxes().size()),
              extentsOf(use.kernel, gather.getAxes()), shape, unsigned(gather.getDim()));
      }
    }
  }

  void shrink(kernel::BufferOp buffer, ArrayRef<BufferUse> found) {
    auto type = cast<MemRefType>(buffer.getResult().getType());
    Extents shape = type.getShape();
    Bounds bounds;
    for (int64_t extent : shape)
      bounds.push_back({extent, -1});
    for (const BufferUse &use : found)
      uniteLoads(bounds, use, shape);
    SmallVector<int64_t> extents, starts;
    for (affine::Range range : bounds) {
      if (range.max < range.min)
        return; // never loaded
      starts.push_back(range.min);
      extents.push_back(range.max - range.min + 1);
    }
    if (ArrayRef<int64_t>(extents) == shape)
      return;
    auto narrow = MemRefType::get(extents, type.getElementType());
    buffer.getResult().setType(narrow);
    for (BufferUse use : found) {
      BlockArgument argument = use.buffer();
      argument.setType(narrow);
      // A load that takes several pieces from the buffer uses it several times.
      llvm::SetVector<Operation *> users(argument.user_begin(), argument.user_end());
      for (Operation *user : users)
        move(user, argument, starts, extents, use.kernel);
    }
  }

  static AffineMap moved(AffineMap map, ArrayRef<int64_t> starts) {
    SmallVector<AffineExpr> results;
    for (auto [expr, start] : llvm::zip(map.getResults(), starts))
      results.push_back(expr - start);
    return AffineMap::get(map.getNumDims(), 0, results, map.getContext());
  }

  static void move(Operation *user, Value argument, ArrayRef<int64_t> starts, ArrayRef<int64_t> shape,
                   kernel::FuncOp func) {
    if (auto load = dyn_cast<kernel::LoadOp>(user)) {
      SmallVector<AffineMap> maps;
      for (unsigned i = 0; i < load.getNumPieces(); ++i)
        maps.push_back(load.getBuffers()[i] == argument ? moved(load.getMap(i), starts) : load.getMap(i));
      load.setMapsAttr(Builder(func.getContext()).getAffineMapArrayAttr(maps));
    } else if (auto gather = dyn_cast<kernel::GatherOp>(user)) {
      gather.setMapAttr(AffineMapAttr::get(moved(gather.getMap(), starts)));
    } else if (auto store = dyn_cast<kernel::StoreOp>(user)) {
      AffineMap map = moved(store.getMap(), starts);
      SmallVector<int64_t> extents = extentsOf(func, store.getAxes());
      IntegerSet where = affine::withBounds(store.getCondition(), map, shape, extents);
      if (affine::neverHolds(where)) {
        store.erase();
        return;
      }
      store.setMapAttr(AffineMapAttr::get(map));
      store.setConditionAttr(IntegerSetAttr::get(where));
    }
  }

  kernel::ProgramOp program;
  ProgramUses uses;
};

class ShrinkBuffersPass : public PassWrapper<ShrinkBuffersPass, OperationPass<ModuleOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ShrinkBuffersPass)
  StringRef getArgument() const final { return "tgc-shrink-buffers"; }
  StringRef getDescription() const final { return "Buffers keep only what is loaded"; }
  void runOnOperation() final {
    for (auto program : getOperation().getOps<kernel::ProgramOp>())
      Shrinker(program).run();
  }
};

} // namespace

std::unique_ptr<Pass> createShrinkBuffersPass() { return std::make_unique<ShrinkBuffersPass>(); }

} // namespace tgc::cut
