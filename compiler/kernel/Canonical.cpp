// Canonical form of a kernel.
//
// 1. Operands of commutative operations are put in an order that depends on their structure: values that depend
//    on a reduction first, constants last, then by a hash of the expression.
// 2. Operations stand in depth-first order from the stores, each value just before its first use.
// 3. Axes are ordered by first use in that order and named by role: k if a contract runs over it, r if another
//    reduction does, q if that and a store does too; else b, m or n by the operands of the first contract that
//    have it (both, left, right), else p.
// 4. Buffers are ordered by first use, loaded ones first, and named x… and y….
#include "compiler/kernel/Canonical.h"

#include "compiler/kernel/transforms/Access.h"
#include "compiler/kernel/transforms/Launches.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace mlir;

namespace tgc::kernel {

uint64_t stableHash(StringRef text) {
  uint64_t hash = 0xcbf29ce484222325; // FNV-1a
  for (unsigned char byte : text)
    hash = (hash ^ byte) * 0x100000001b3;
  return hash;
}

namespace {

std::string printed(auto value) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  value.print(stream);
  return text;
}

bool isPlain(double value) { return value == 0 || value == 1 || value == -1 || std::isinf(value); }

/// Puts a number on every value that depends only on how it is computed, not on names.
class Structure {
public:
  explicit Structure(FuncOp func) : func_(func), reduced_(reducedValues(func)) {
    for (Operation &op : *func.getBlock())
      for (Value result : op.getResults())
        hashes_[result] = hashOf(&op, result);
  }

  bool before(Value a, Value b) const {
    auto key = [&](Value value) {
      bool constant = isa_and_nonnull<arith::ConstantOp>(value.getDefiningOp());
      return std::make_tuple(constant ? 2 : reduced_.contains(value) ? 0 : 1, hashes_.lookup(value));
    };
    return key(a) < key(b);
  }

private:
  uint64_t hashOf(Operation *op, Value result) {
    std::string text = op->getName().getStringRef().str() + printed(result.getType());
    for (Value operand : op->getOperands()) {
      if (operand.getDefiningOp())
        text += " " + std::to_string(hashes_.lookup(operand));
      else if (operand.getType().isIndex())
        text += " " + std::to_string(func_.extentOf(operand));
      else
        text += " " + printed(operand.getType());
    }
    for (NamedAttribute attribute : op->getAttrs())
      if (!isa<arith::ConstantOp>(op))
        text += " " + printed(attribute.getValue());
    return stableHash(text);
  }

  FuncOp func_;
  llvm::DenseSet<Value> reduced_;
  DenseMap<Value, uint64_t> hashes_;
};

void orderOperands(FuncOp func) {
  Structure structure(func);
  for (Operation &op : *func.getBlock())
    if (op.hasTrait<OpTrait::IsCommutative>() && op.getNumOperands() == 2 &&
        structure.before(op.getOperand(1), op.getOperand(0)))
      op.setOperands({op.getOperand(1), op.getOperand(0)});
}

void orderOperations(FuncOp func) {
  SmallVector<Operation *> order;
  llvm::DenseSet<Operation *> placed;
  std::function<void(Operation *)> place = [&](Operation *op) {
    if (!placed.insert(op).second)
      return;
    for (Value operand : op->getOperands())
      if (Operation *before = operand.getDefiningOp())
        place(before);
    order.push_back(op);
  };
  for (StoreOp store : func.getBlock()->getOps<StoreOp>())
    place(store);
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(*func.getBlock())))
    if (!placed.contains(&op) && isOpTriviallyDead(&op))
      op.erase();
  for (Operation *op : order)
    op->moveBefore(func.getBlock(), func.getBlock()->end());
}

struct Roles {
  SmallVector<char> ofAxis;

  explicit Roles(FuncOp func) : ofAxis(func.getNumAxes(), 0) {
    AxisSets sets(func);
    llvm::SmallBitVector stored(func.getNumAxes());
    for (StoreOp store : func.getBlock()->getOps<StoreOp>())
      stored |= sets.of(store);
    auto give = [&](unsigned axis, char role) {
      if (!ofAxis[axis])
        ofAxis[axis] = role;
    };
    for (Operation &op : *func.getBlock())
      for (Value axis : reducedAxes(&op)) {
        unsigned i = func.axisIndex(axis);
        if (isa<ContractOp>(op))
          give(i, 'k');
        else if (!stored.test(i))
          give(i, 'r');
      }
    for (Operation &op : *func.getBlock())
      for (Value axis : reducedAxes(&op))
        give(func.axisIndex(axis), 'q');
    for (Operation &op : *func.getBlock()) {
      if (!isa<ContractOp, SoftmaxOp>(op))
        continue;
      llvm::SmallBitVector left = sets.of(op.getOperand(0)), right = sets.of(op.getOperand(1));
      for (unsigned i = 0; i < func.getNumAxes(); ++i)
        if (left.test(i) || right.test(i))
          give(i, left.test(i) && right.test(i) ? 'b' : left.test(i) ? 'm' : 'n');
    }
    for (unsigned i = 0; i < func.getNumAxes(); ++i)
      give(i, 'p');
  }
};

/// Axes in the order in which the body names them.
SmallVector<unsigned> axesByUse(FuncOp func) {
  SmallVector<unsigned> order;
  auto note = [&](unsigned axis) {
    if (!llvm::is_contained(order, axis))
      order.push_back(axis);
  };
  auto noteExpr = [&](AffineExpr expr) {
    expr.walk([&](AffineExpr part) {
      if (auto dim = dyn_cast<AffineDimExpr>(part))
        note(dim.getPosition());
    });
  };
  for (Operation &op : *func.getBlock()) {
    if (hasAccess(&op)) {
      Access access = accessOf(func, &op);
      for (AffineMap map : access.maps)
        llvm::for_each(map.getResults(), noteExpr);
      for (IntegerSet set : access.conditions)
        llvm::for_each(set.getConstraints(), noteExpr);
    }
    for (Value axis : reducedAxes(&op))
      note(func.axisIndex(axis));
  }
  for (unsigned i = 0; i < func.getNumAxes(); ++i)
    note(i);
  return order;
}

void orderAxes(FuncOp func) {
  Roles roles(func);
  AxisChange change;
  MLIRContext *context = func.getContext();
  change.oldAsNew.resize(func.getNumAxes());
  std::map<char, unsigned> count;
  for (unsigned axis : axesByUse(func)) {
    change.oldAsNew[axis] = getAffineDimExpr(change.extents.size(), context);
    change.newAsOld.push_back(getAffineDimExpr(axis, context));
    change.extents.push_back(func.getExtents()[axis]);
    change.names.push_back(roles.ofAxis[axis] + std::to_string(count[roles.ofAxis[axis]]++));
  }
  changeAxes(func, change);
  // A reduction's axes in the order of the kernel's.
  for (Operation &op : *func.getBlock())
    llvm::TypeSwitch<Operation *>(&op).Case<ContractOp, ReduceOp, MomentsOp, SoftmaxOp>([&](auto reduction) {
      SmallVector<Value> over(reduction.getOver());
      llvm::sort(over, [&](Value a, Value b) { return func.axisIndex(a) < func.axisIndex(b); });
      reduction.getOverMutable().assign(over);
    });
}

SmallVector<unsigned> buffersByUse(FuncOp func) {
  SmallVector<unsigned> loaded, stored;
  for (Operation &op : *func.getBlock())
    for (Value operand : op.getOperands())
      if (auto argument = dyn_cast<BlockArgument>(operand); argument && isa<MemRefType>(operand.getType())) {
        auto &list = isa<StoreOp>(op) ? stored : loaded;
        if (!llvm::is_contained(list, argument.getArgNumber()))
          list.push_back(argument.getArgNumber());
      }
  loaded.append(stored);
  for (unsigned i = 0; i < func.getNumBuffers(); ++i)
    if (!llvm::is_contained(loaded, i))
      loaded.push_back(i);
  return loaded;
}

void nameBuffers(FuncOp func) {
  Builder builder(func.getContext());
  SmallVector<Attribute> names;
  unsigned loaded = 0, stored = 0;
  for (BlockArgument argument : func.getBuffers()) {
    bool isStored = llvm::any_of(argument.getUsers(), [](Operation *user) { return isa<StoreOp>(user); });
    names.push_back(builder.getStringAttr(isStored ? "y" + std::to_string(stored++) : "x" + std::to_string(loaded++)));
  }
  func.setBufferNamesAttr(builder.getArrayAttr(names));
}

std::string textOf(FuncOp func, bool placeholders, SmallVectorImpl<unsigned> &order) {
  OpBuilder builder(func.getContext());
  OwningOpRef<ModuleOp> module = ModuleOp::create(builder.getUnknownLoc());
  auto clone = cast<FuncOp>(func->clone());
  module->push_back(clone);
  canonicalize(clone, order);
  clone.setSymName("kernel");
  for (NamedAttribute attribute : llvm::to_vector(clone->getDiscardableAttrs()))
    clone->removeDiscardableAttr(attribute.getName());
  clone.removeScheduleAttr();
  if (placeholders) {
    for (auto constant : clone.getBlock()->getOps<arith::ConstantOp>()) {
      auto real = dyn_cast<FloatAttr>(constant.getValue());
      if (!real || isPlain(real.getValueAsDouble()))
        continue;
      constant.setValueAttr(FloatAttr::get(real.getType(), 2.0));
      constant->setAttr("placeholder", builder.getUnitAttr());
    }
  }
  return printed(clone);
}

} // namespace

void canonicalize(FuncOp func, SmallVectorImpl<unsigned> &order) {
  orderOperands(func);
  orderOperations(func);
  orderAxes(func);
  SmallVector<unsigned> buffers = buffersByUse(func);
  order.assign(buffers.begin(), buffers.end());
  reorderBuffers(func, buffers, {});
  nameBuffers(func);
}

std::string canonicalText(FuncOp func) {
  SmallVector<unsigned> order;
  return textOf(func, /*placeholders=*/true, order);
}

std::string exactText(FuncOp func, SmallVectorImpl<unsigned> &order) {
  return textOf(func, /*placeholders=*/false, order);
}

std::string shapeClass(FuncOp func) {
  bool contract = false, softmax = false, reduce = false;
  for (Operation &op : *func.getBlock()) {
    contract |= isa<ContractOp>(op);
    softmax |= isa<SoftmaxOp>(op);
    reduce |= isa<ReduceOp, MomentsOp>(op);
  }
  Roles roles(func);
  std::map<char, int64_t> products;
  for (auto [role, extent] : llvm::zip(roles.ofAxis, func.getExtents()))
    products.try_emplace(role, 1).first->second *= extent;
  std::string text = softmax ? "attend" : contract ? "contract" : reduce ? (products.count('q') ? "row" : "reduce") : "map";
  text += "_";
  for (char role : StringRef("bmnpqrk"))
    if (auto product = products.find(role); product != products.end())
      text += role + std::to_string(product->second);
  return text;
}

} // namespace tgc::kernel
