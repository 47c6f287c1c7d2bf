// Canonical form of a kernel.
//
// 1. Axes get roles: k if a contract runs over it, r if another reduction does, q if that and a store does too;
//    else b, m or n by the operands of the first contract that have it (both, left, right), else p. A role and an
//    extent are what stands for an axis in everything that follows, since names and order are arbitrary.
// 2. Operands of commutative operations are put in an order that depends on their structure: values that depend on
//    a reduction first, constants last, then by a hash of the expression.
// 3. Operations stand in depth-first order from the stores, each value just before its first use.
// 4. Axes are ordered by first use in that order, within an expression by falling coefficient, and named by role.
//    Constraints of a condition are ordered by their text.
// 5. Buffers are ordered by first use, loaded ones first, and named x… and y….
#include "compiler/kernel/Canonical.h"

#include "compiler/affine/Normalize.h"
#include "compiler/kernel/transforms/Access.h"
#include "compiler/kernel/transforms/Launches.h"
#include "llvm/ADT/StringExtras.h"
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

/// Texts and orders of expressions that do not depend on the axes' order.
class Labels {
public:
  explicit Labels(FuncOp func)
      : roles_(func), extents_(func.getExtents()),
        normalizer_(affine::Normalizer::fromExtents(func.getExtents())) {}

  std::string ofAxis(unsigned axis) const { return roles_.ofAxis[axis] + std::to_string(extents_[axis]); }

  std::string ofExpr(AffineExpr expr) {
    std::optional<affine::Linear> sum = normalizer_.parse(expr);
    return sum ? ofSum(*sum) : printed(expr);
  }

  std::string ofSet(IntegerSet set) {
    std::vector<std::string> parts;
    for (auto [expr, equality] : llvm::zip(set.getConstraints(), set.getEqFlags()))
      parts.push_back(ofExpr(expr) + (equality ? "=" : ">"));
    llvm::sort(parts);
    return llvm::join(parts, "&");
  }

  /// The axes of an expression, those with large coefficients first.
  void axesOf(AffineExpr expr, llvm::function_ref<void(unsigned)> visit) {
    if (std::optional<affine::Linear> sum = normalizer_.parse(expr))
      axesOf(*sum, visit);
  }

private:
  struct Term {
    int64_t size;
    std::string text;
    const affine::Atom *atom;
  };

  std::vector<Term> sorted(const affine::Linear &sum) {
    std::vector<Term> terms;
    for (auto &[atom, coefficient] : sum.terms)
      terms.push_back({std::abs(coefficient), std::to_string(coefficient) + "*" + ofAtom(atom), atom});
    llvm::sort(terms, [](const Term &a, const Term &b) {
      return a.size != b.size ? a.size > b.size : a.text < b.text;
    });
    return terms;
  }

  std::string ofAtom(const affine::Atom *atom) {
    return atom->isDim() ? ofAxis(atom->dim) : "(" + ofSum(atom->base) + ")/" + std::to_string(atom->divisor);
  }

  std::string ofSum(const affine::Linear &sum) {
    std::string text;
    for (const Term &term : sorted(sum))
      text += term.text + "+";
    return text + std::to_string(sum.constant);
  }

  void axesOf(const affine::Linear &sum, llvm::function_ref<void(unsigned)> visit) {
    for (const Term &term : sorted(sum))
      if (term.atom->isDim())
        visit(term.atom->dim);
      else
        axesOf(term.atom->base, visit);
  }

  Roles roles_;
  ArrayRef<int64_t> extents_;
  affine::Normalizer normalizer_;
};

/// Puts a number on every value that depends only on how it is computed, not on names.
class Structure {
public:
  explicit Structure(FuncOp func) : func_(func), labels_(func), reduced_(reducedValues(func)) {
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
    std::vector<std::string> axes, values;
    for (Value operand : op->getOperands()) {
      if (operand.getDefiningOp())
        values.push_back(std::to_string(hashes_.lookup(operand)));
      else if (isa<MemRefType>(operand.getType()))
        text += " " + printed(operand.getType());
      else
        axes.push_back(labels_.ofAxis(func_.axisIndex(operand)));
    }
    llvm::sort(axes);
    if (op->hasTrait<OpTrait::IsCommutative>())
      llvm::sort(values);
    text += " " + llvm::join(values, ",") + " " + llvm::join(axes, ",") + " " +
            std::to_string(cast<OpResult>(result).getResultNumber());
    if (hasAccess(op)) {
      Access access = accessOf(func_, op);
      for (AffineMap map : access.maps)
        for (AffineExpr expr : map.getResults())
          text += " " + labels_.ofExpr(expr);
      for (IntegerSet set : access.conditions)
        text += " " + labels_.ofSet(set);
    } else if (!isa<arith::ConstantOp>(op)) {
      for (NamedAttribute attribute : op->getAttrs())
        text += " " + printed(attribute.getValue());
    }
    return stableHash(text);
  }

  FuncOp func_;
  Labels labels_;
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

/// Axes in the order in which the body names them.
SmallVector<unsigned> axesByUse(FuncOp func) {
  Labels labels(func);
  SmallVector<unsigned> order;
  auto note = [&](unsigned axis) {
    if (!llvm::is_contained(order, axis))
      order.push_back(axis);
  };
  for (Operation &op : *func.getBlock()) {
    if (hasAccess(&op)) {
      Access access = accessOf(func, &op);
      for (AffineMap map : access.maps)
        for (AffineExpr expr : map.getResults())
          labels.axesOf(expr, note);
      for (IntegerSet set : access.conditions) {
        SmallVector<AffineExpr> exprs(set.getConstraints());
        llvm::sort(exprs, [&](AffineExpr a, AffineExpr b) { return labels.ofExpr(a) < labels.ofExpr(b); });
        for (AffineExpr expr : exprs)
          labels.axesOf(expr, note);
      }
    }
    SmallVector<unsigned> over =
        llvm::map_to_vector(reducedAxes(&op), [&](Value axis) { return func.axisIndex(axis); });
    llvm::sort(over, [&](unsigned a, unsigned b) { return labels.ofAxis(a) < labels.ofAxis(b); });
    llvm::for_each(over, note);
  }
  for (unsigned i = 0; i < func.getNumAxes(); ++i)
    note(i);
  return order;
}

void orderConstraints(FuncOp func) {
  for (Operation &op : *func.getBlock()) {
    if (!hasAccess(&op))
      continue;
    Access access = accessOf(func, &op);
    for (IntegerSet &set : access.conditions) {
      std::vector<std::tuple<std::string, AffineExpr, bool>> parts;
      for (auto [expr, equality] : llvm::zip(set.getConstraints(), set.getEqFlags()))
        parts.emplace_back(printed(expr), expr, equality);
      llvm::sort(parts, [](auto &a, auto &b) { return std::get<0>(a) < std::get<0>(b); });
      SmallVector<AffineExpr> exprs;
      SmallVector<bool> equalities;
      for (auto &[text, expr, equality] : parts) {
        exprs.push_back(expr);
        equalities.push_back(equality);
      }
      set = IntegerSet::get(set.getNumDims(), 0, exprs, equalities);
    }
    setAccess(func, &op, access);
  }
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
    names.push_back(
        builder.getStringAttr(isStored ? "y" + std::to_string(stored++) : "x" + std::to_string(loaded++)));
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
  orderConstraints(func);
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
  std::string text = softmax    ? "attend"
                     : contract ? "contract"
                     : reduce   ? (products.count('q') ? "row" : "reduce")
                                : "map";
  text += "_";
  for (char role : StringRef("bmnpqrk"))
    if (auto product = products.find(role); product != products.end())
      text += role + std::to_string(product->second);
  return text;
}

} // namespace tgc::kernel
