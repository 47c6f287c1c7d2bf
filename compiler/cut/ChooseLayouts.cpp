// Input: a program whose intermediate buffers have the order of dimensions that the model's tensors have. Output:
// the same program with those buffers in the order that their kernels want: channels last between convolutions,
// heads beside the columns of what a projection reads. Inputs, outputs and weights stay as they are.
//
// 1. Every use of a buffer by a kernel launched once gives each dimension a rank: how far inside it should be. What
//    feeds a contraction wants its reduced axes inside, the finest digit last; what a contraction's kernel stores,
//    or adds to its result, wants the axes of the weights inside; a kernel of reductions wants the reduced axes
//    inside. Uses weigh by the bytes they move and by how much the kernel suffers.
// 2. The orders that single uses ask for, and the model's, are candidates; the least sum of what each use pays for
//    a wrong innermost dimension, and for neighbours out of order, wins.
// 3. Buffers that no use ranks follow the others of their kernels: the axis that is innermost there is put
//    innermost.
// 4. The buffer's type, the kernels' maps and the strides of parts are rewritten.
#include "compiler/affine/Ranges.h"
#include "compiler/cut/Index.h"
#include "compiler/cut/Passes.h"
#include "compiler/cut/Uses.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/ADT/SetVector.h"
#include <numeric>

using namespace mlir;

namespace tgc::cut {
namespace {

using Order = SmallVector<unsigned>;

/// How a kernel uses a buffer, by how much it suffers from a wrong order.
constexpr double kOperandWeight = 1, kResultWeight = 0.5, kRowWeight = 0.25;
/// A reduction over several dimensions (a group norm) finds contiguous elements of its own in any order.
constexpr double kGroupWeight = 0.02;
/// What a use pays for neighbours out of order, against 1 for the wrong innermost dimension.
constexpr double kNeighbourCost = 0.1;

/// A part of a buffer, or all of it: element d of the part is element index(d) of the buffer.
struct Part {
  memref::ReinterpretCastOp cast; ///< null for the buffer itself
  Exprs index;
};

/// One access of a kernel to a buffer: its index over the kernel's axes.
struct Access {
  kernel::FuncOp kernel;
  Operation *op;
  Exprs index; ///< in the buffer's dimensions, over all axes of the kernel
};

/// One use's wish: ranks of the dimensions, larger is further inside.
struct Wish {
  SmallVector<int> ranks;
  double weight;
};

Exprs overAllAxes(kernel::FuncOp func, AffineMap map, ValueRange axes) {
  Exprs dims = llvm::map_to_vector(
      axes, [&](Value axis) { return getAffineDimExpr(func.axisIndex(axis), func.getContext()); });
  return replaceDims(map.getResults(), dims);
}

bool dependsOn(AffineExpr expr, const llvm::SmallBitVector &axes) {
  return llvm::any_of(axes.set_bits(), [&](unsigned axis) { return expr.isFunctionOfDim(axis); });
}
bool dependsOnOnly(AffineExpr expr, const llvm::SmallBitVector &axes) {
  bool only = dependsOn(expr, axes);
  for (unsigned axis = 0; axis < axes.size(); ++axis)
    only &= axes.test(axis) || !expr.isFunctionOfDim(axis);
  return only;
}

/// Whether the index changes when one of the axes takes a step at the origin: its finest digit.
bool isFinest(AffineExpr expr, const llvm::SmallBitVector &axes) {
  MLIRContext *context = expr.getContext();
  SmallVector<AffineExpr> origin(axes.size(), getAffineConstantExpr(0, context));
  AffineExpr start = expr.replaceDims(origin);
  for (unsigned axis : axes.set_bits()) {
    SmallVector<AffineExpr> step = origin;
    step[axis] = getAffineConstantExpr(1, context);
    if (expr.isFunctionOfDim(axis) && expr.replaceDims(step) != start)
      return true;
  }
  return false;
}

/// What the axes of a kernel do.
class Roles {
public:
  explicit Roles(kernel::FuncOp func)
      : func(func), sets(func), columns(func.getNumAxes()), reduced(func.getNumAxes()) {
    for (Operation &op : *func.getBlock()) {
      if (auto contract = dyn_cast<kernel::ContractOp>(op)) {
        noteContraction(contract.getLhs(), contract.getRhs());
        noteOperand(contract.getLhs(), axesOf(contract.getOver()));
        noteOperand(contract.getRhs(), axesOf(contract.getOver()));
      } else if (auto softmax = dyn_cast<kernel::SoftmaxOp>(op)) {
        noteContraction(softmax.getWeights(), softmax.getValues());
        noteOperand(softmax.getValues(), columnsOf(softmax.getWeights(), softmax.getValues()));
      } else if (isa<kernel::ReduceOp, kernel::MomentsOp>(op)) {
        reduced |= axesOf(kernel::reducedAxes(&op));
      }
    }
  }

  /// The wish of one access; a weight of 0 for none.
  Wish wishOf(const Access &access) const {
    auto operand = operands.find(access.op);
    if (operand != operands.end())
      return {ranks(access.index, operand->second), kOperandWeight};
    if (contracts)
      return {ranks(access.index, columns), kResultWeight};
    if (reduced.none())
      return {ranks(access.index, reduced), 0};
    auto walked = llvm::count_if(access.index, [&](AffineExpr index) { return dependsOn(index, reduced); });
    return {ranks(access.index, reduced), walked > 1 ? kGroupWeight : kRowWeight};
  }

private:
  llvm::SmallBitVector axesOf(ValueRange axes) const {
    llvm::SmallBitVector set(kernel::FuncOp(func).getNumAxes());
    for (Value axis : axes)
      set.set(kernel::FuncOp(func).axisIndex(axis));
    return set;
  }
  llvm::SmallBitVector columnsOf(Value lhs, Value rhs) const {
    llvm::SmallBitVector left = sets.of(lhs), right = sets.of(rhs);
    return right.reset(left);
  }
  void noteContraction(Value lhs, Value rhs) {
    contracts = true;
    columns = columnsOf(lhs, rhs);
  }
  /// Loads that a contraction's operand is made of.
  void noteOperand(Value value, const llvm::SmallBitVector &inner) {
    Operation *op = value.getDefiningOp();
    if (!op || isa<kernel::ContractOp, kernel::SoftmaxOp, kernel::ReduceOp, kernel::MomentsOp>(op))
      return;
    if (isa<kernel::LoadOp>(op)) {
      operands.insert({op, inner});
      return;
    }
    for (Value operand : op->getOperands())
      if (!operand.getType().isIndex() && !isa<MemRefType>(operand.getType()))
        noteOperand(operand, inner);
  }

  static SmallVector<int> ranks(ArrayRef<AffineExpr> index, const llvm::SmallBitVector &inner) {
    return llvm::map_to_vector(index, [&](AffineExpr expr) {
      if (!dependsOnOnly(expr, inner))
        return 0; // also a window, y + r - 1
      return isFinest(expr, inner) ? 2 : 1;
    });
  }

  kernel::FuncOp func;
  kernel::AxisSets sets;
  llvm::SmallBitVector columns, reduced;
  llvm::DenseMap<Operation *, llvm::SmallBitVector> operands;
  bool contracts = false;
};

Order identityOrder(size_t rank) {
  Order order(rank);
  std::iota(order.begin(), order.end(), 0);
  return order;
}

Order orderBy(ArrayRef<int> ranks) {
  Order order = identityOrder(ranks.size());
  llvm::stable_sort(order, [&](unsigned a, unsigned b) { return ranks[a] < ranks[b]; });
  return order;
}

/// Dimensions of one element do not matter.
double costOf(const Order &order, const Wish &wish, Extents shape) {
  SmallVector<int> ranks;
  for (unsigned dim : order)
    if (shape[dim] > 1)
      ranks.push_back(wish.ranks[dim]);
  if (ranks.empty())
    return 0;
  double cost = ranks.back() < *std::max_element(ranks.begin(), ranks.end()) ? 1 : 0;
  for (size_t i = 0; i + 1 < ranks.size(); ++i)
    if (ranks[i] > ranks[i + 1])
      cost += kNeighbourCost;
  return cost * wish.weight;
}

class Chooser {
public:
  explicit Chooser(kernel::ProgramOp program) : program(program), uses(program) {}

  void run() {
    SmallVector<kernel::BufferOp> buffers(program.getBlock()->getOps<kernel::BufferOp>());
    SmallVector<kernel::BufferOp> open;
    for (kernel::BufferOp buffer : buffers) {
      if (!collect(buffer))
        continue;
      SmallVector<Wish> wishes;
      for (const Access &access : accesses[buffer])
        if (Wish wish = rolesOf(access.kernel).wishOf(access);
            wish.weight > 0 && llvm::any_of(wish.ranks, [](int rank) { return rank > 0; }))
          wishes.push_back(std::move(wish));
      if (wishes.empty())
        open.push_back(buffer);
      else
        choose(buffer, wishes);
    }
    for (kernel::BufferOp buffer : open)
      follow(buffer);
    for (kernel::BufferOp buffer : buffers)
      if (auto it = orders.find(buffer); it != orders.end() && it->second != identityOrder(it->second.size()))
        apply(buffer, it->second);
  }

private:
  const Roles &rolesOf(kernel::FuncOp func) {
    auto &roles = rolesCache[func];
    if (!roles)
      roles = std::make_unique<Roles>(func);
    return *roles;
  }

  // What uses a buffer.

  static Extents shapeOf(kernel::BufferOp buffer) {
    return cast<MemRefType>(buffer.getResult().getType()).getShape();
  }

  /// The index into the buffer of a part's element, from its strides; nothing if strides do not decompose.
  static std::optional<Exprs> indexOf(memref::ReinterpretCastOp cast, Extents shape) {
    MLIRContext *context = cast.getContext();
    SmallVector<int64_t> strides(shape.size(), 1);
    for (size_t i = shape.size(); i-- > 1;)
      strides[i - 1] = strides[i] * shape[i];
    Exprs index(shape.size(), getAffineConstantExpr(0, context));
    SmallVector<int64_t> top(shape.size(), 0);
    auto addStride = [&](int64_t stride, AffineExpr factor, int64_t last) {
      for (size_t d = 0; d < shape.size(); ++d) {
        int64_t count = stride / strides[d];
        index[d] = index[d] + factor * count;
        top[d] += count * last;
        stride %= strides[d];
      }
    };
    if (ShapedType::isDynamic(cast.getStaticOffsets()[0]))
      return std::nullopt;
    addStride(cast.getStaticOffsets()[0], getAffineConstantExpr(1, context), 1);
    for (auto [i, stride] : llvm::enumerate(cast.getStaticStrides()))
      if (int64_t extent = cast.getStaticSizes()[i]; extent > 1)
        addStride(stride, getAffineDimExpr(i, context), extent - 1);
    for (auto [last, extent] : llvm::zip(top, shape))
      if (last >= extent)
        return std::nullopt;
    return index;
  }

  /// Fills parts and accesses; false if a use cannot be rewritten.
  bool collect(kernel::BufferOp buffer) {
    Extents shape = shapeOf(buffer);
    if (llvm::count_if(shape, [](int64_t extent) { return extent > 1; }) < 2)
      return false;
    SmallVector<Access> found;
    SmallVector<Part> foundParts;
    for (Operation *user : buffer.getResult().getUsers())
      if (auto cast = dyn_cast<memref::ReinterpretCastOp>(user)) {
        auto index = indexOf(cast, shape);
        if (!index || !collectUses(cast.getResult(), *index, found))
          return false;
        foundParts.push_back({cast, *index});
      }
    if (!collectUses(buffer.getResult(), identityExprs(shape.size(), buffer.getContext()), found))
      return false;
    accesses[buffer] = std::move(found);
    parts[buffer] = std::move(foundParts);
    return true;
  }

  static Exprs identityExprs(size_t rank, MLIRContext *context) {
    Exprs index;
    for (size_t i = 0; i < rank; ++i)
      index.push_back(getAffineDimExpr(i, context));
    return index;
  }

  bool collectUses(Value value, ArrayRef<AffineExpr> index, SmallVectorImpl<Access> &found) {
    for (OpOperand &use : value.getUses()) {
      if (isa<memref::ReinterpretCastOp>(use.getOwner()))
        continue;
      auto uses = this->uses.ofOperand(use);
      if (!uses)
        return false;
      BlockArgument argument = uses->buffer();
      kernel::FuncOp func = uses->kernel;
      auto add = [&](Operation *op, AffineMap map, ValueRange axes) {
        found.push_back({func, op, replaceDims(index, overAllAxes(func, map, axes))});
      };
      llvm::SetVector<Operation *> users(argument.user_begin(), argument.user_end());
      for (Operation *op : users) {
        if (auto load = dyn_cast<kernel::LoadOp>(op)) {
          for (unsigned i = 0; i < load.getNumPieces(); ++i)
            if (load.getBuffers()[i] == argument)
              add(op, load.getMap(i), load.getAxes());
        } else if (auto store = dyn_cast<kernel::StoreOp>(op)) {
          add(op, store.getMap(), store.getAxes());
        } else if (auto gather = dyn_cast<kernel::GatherOp>(op)) {
          add(op, gather.getMap(), gather.getAxes());
        }
      }
    }
    return true;
  }

  // Choosing.

  void choose(kernel::BufferOp buffer, ArrayRef<Wish> wishes) {
    Extents shape = shapeOf(buffer);
    SmallVector<Order> candidates{identityOrder(shape.size())};
    for (const Wish &wish : wishes)
      if (Order order = orderBy(wish.ranks); !llvm::is_contained(candidates, order))
        candidates.push_back(order);
    const Order *best = nullptr;
    double least = 0;
    for (const Order &order : candidates) {
      double cost = 0;
      for (const Wish &wish : wishes)
        cost += costOf(order, wish, shape);
      if (!best || cost < least - 1e-9) {
        best = &order;
        least = cost;
      }
    }
    orders[buffer] = *best;
    noteInner(buffer);
  }

  /// The axes that are innermost in a chosen buffer's accesses are so for their kernels.
  void noteInner(kernel::BufferOp buffer) {
    Extents shape = shapeOf(buffer);
    unsigned innermost = orders[buffer].back();
    for (unsigned dim : llvm::reverse(orders[buffer]))
      if (shape[dim] > 1) {
        innermost = dim;
        break;
      }
    for (const Access &access : accesses[buffer]) {
      kernel::FuncOp func = access.kernel;
      llvm::SmallBitVector &inner = innerAxes.try_emplace(func, func.getNumAxes()).first->second;
      for (unsigned axis = 0; axis < func.getNumAxes(); ++axis)
        if (access.index[innermost].isFunctionOfDim(axis))
          inner.set(axis);
    }
  }

  void follow(kernel::BufferOp buffer) {
    SmallVector<Wish> wishes;
    for (const Access &access : accesses[buffer])
      if (auto it = innerAxes.find(access.kernel); it != innerAxes.end())
        wishes.push_back({llvm::map_to_vector(access.index,
                                              [&](AffineExpr expr) {
                                                if (!dependsOn(expr, it->second))
                                                  return 0;
                                                return isFinest(expr, it->second) ? 2 : 1;
                                              }),
                          1});
    if (!wishes.empty())
      choose(buffer, wishes);
  }

  // Rewriting.

  static AffineMap permuted(AffineMap map, const Order &order) {
    SmallVector<AffineExpr> results;
    for (unsigned dim : order)
      results.push_back(map.getResult(dim));
    return AffineMap::get(map.getNumDims(), 0, results, map.getContext());
  }

  void apply(kernel::BufferOp buffer, const Order &order) {
    auto type = cast<MemRefType>(buffer.getResult().getType());
    SmallVector<int64_t> shape;
    for (unsigned dim : order)
      shape.push_back(type.getDimSize(dim));
    auto newType = MemRefType::get(shape, type.getElementType());
    for (OpOperand &use : buffer.getResult().getUses())
      if (auto direct = uses.ofOperand(use))
        permuteArgument(direct->buffer(), newType, order);
    buffer.getResult().setType(newType);
    for (Part &part : parts[buffer])
      replacePart(part, newType, order);
  }

  static void permuteArgument(BlockArgument argument, MemRefType type, const Order &order) {
    argument.setType(type);
    Builder builder(argument.getContext());
    // A load that takes several pieces from the buffer uses it several times.
    llvm::SetVector<Operation *> users(argument.user_begin(), argument.user_end());
    for (Operation *op : users) {
      if (auto load = dyn_cast<kernel::LoadOp>(op)) {
        SmallVector<AffineMap> maps;
        for (unsigned i = 0; i < load.getNumPieces(); ++i)
          maps.push_back(load.getBuffers()[i] == argument ? permuted(load.getMap(i), order) : load.getMap(i));
        load.setMapsAttr(builder.getAffineMapArrayAttr(maps));
      } else if (auto store = dyn_cast<kernel::StoreOp>(op)) {
        store.setMapAttr(AffineMapAttr::get(permuted(store.getMap(), order)));
      } else if (auto gather = dyn_cast<kernel::GatherOp>(op)) {
        gather.setMapAttr(AffineMapAttr::get(permuted(gather.getMap(), order)));
        gather.setDim(llvm::find(order, unsigned(gather.getDim())) - order.begin());
      }
    }
  }
  void replacePart(Part &part, MemRefType whole, const Order &order) {
    memref::ReinterpretCastOp old = part.cast;
    SmallVector<int64_t> strides(order.size(), 1);
    for (size_t i = order.size(); i-- > 1;)
      strides[i - 1] = strides[i] * whole.getDimSize(i);
    auto oldType = cast<MemRefType>(old.getResult().getType());
    int64_t offset = 0;
    SmallVector<int64_t> own(oldType.getRank(), 0);
    for (auto [stride, dim] : llvm::zip(strides, order)) {
      auto linear = linearForm(part.index[dim], own.size());
      offset += linear->constant * stride;
      for (auto [total, factor] : llvm::zip(own, linear->coefficients))
        total += factor * stride;
    }
    fillIdleStrides(own);
    auto type = MemRefType::get(oldType.getShape(), oldType.getElementType(),
                                StridedLayoutAttr::get(old.getContext(), offset, own));
    OpBuilder builder(old);
    auto cast = builder.create<memref::ReinterpretCastOp>(old.getLoc(), type, old.getSource(), offset,
                                                          oldType.getShape(), own);
    for (OpOperand &use : llvm::make_early_inc_range(old.getResult().getUses())) {
      if (auto direct = uses.ofOperand(use))
        direct->buffer().setType(type);
      use.set(cast.getResult());
    }
    old.erase();
  }

  kernel::ProgramOp program;
  ProgramUses uses;
  llvm::DenseMap<Operation *, std::unique_ptr<Roles>> rolesCache;
  llvm::DenseMap<Operation *, SmallVector<Access>> accesses;
  llvm::DenseMap<Operation *, SmallVector<Part>> parts;
  llvm::DenseMap<Operation *, Order> orders;
  llvm::DenseMap<Operation *, llvm::SmallBitVector> innerAxes;
};

class ChooseLayoutsPass : public PassWrapper<ChooseLayoutsPass, OperationPass<ModuleOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ChooseLayoutsPass)
  StringRef getArgument() const final { return "tgc-choose-layouts"; }
  StringRef getDescription() const final { return "Order the dimensions of intermediate buffers"; }
  void runOnOperation() final {
    for (auto program : getOperation().getOps<kernel::ProgramOp>())
      Chooser(program).run();
  }
};

} // namespace

std::unique_ptr<Pass> createChooseLayoutsPass() { return std::make_unique<ChooseLayoutsPass>(); }

} // namespace tgc::cut
