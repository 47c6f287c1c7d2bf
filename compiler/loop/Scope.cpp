#include "compiler/loop/Scope.h"

#include "compiler/affine/Ranges.h"
#include "compiler/kernel/Kernel.h"
#include "compiler/support/Error.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include <limits>

using namespace mlir;

namespace tgc::loop {

Scopes::Scopes(OpBuilder &builder, Location loc, Block *block, int64_t lanes) : builder_(builder), loc_(loc) {
  Scope &root = scopes_.emplace_back();
  root.block = block;
  dims_.push_back({Value(), lanes, &root});
}

Scope *Scopes::add(Scope *parent, Block *block) {
  Scope &scope = scopes_.emplace_back();
  scope.parent = parent;
  scope.depth = parent->depth + 1;
  scope.block = block;
  return &scope;
}

Scope *Scopes::owner(Scope *scope) {
  while (!scope->block)
    scope = scope->parent;
  return scope;
}

void Scopes::insertAt(Scope *scope) {
  scope = owner(scope);
  if (scope->open)
    builder_.setInsertionPoint(scope->open);
  else if (scope->block->mightHaveTerminator() && isa<scf::YieldOp>(scope->block->back()))
    builder_.setInsertionPoint(&scope->block->back());
  else
    builder_.setInsertionPointToEnd(scope->block);
}

Scope *Scopes::inlined(Scope *parent) { return add(parent, nullptr); }

void Scopes::branch(Scope *parent, Value condition, llvm::function_ref<void(Scope *)> body) {
  insertAt(parent);
  auto op = builder_.create<scf::IfOp>(loc_, condition, /*withElseRegion=*/false);
  Scope *outer = owner(parent), *inner = add(parent, op.thenBlock());
  inner->branch = true;
  Operation *saved = std::exchange(outer->open, op);
  body(inner);
  outer->open = saved;
}

SmallVector<Value>
Scopes::loop(Scope *parent, Value count, int64_t maximum, ValueRange inits,
             llvm::function_ref<SmallVector<Value>(Scope *, AffineExpr, ValueRange)> body) {
  Value zero = indexConstant(0), one = indexConstant(1);
  insertAt(parent);
  auto op = builder_.create<scf::ForOp>(loc_, zero, count, one, inits);
  Scope *outer = owner(parent), *inner = add(parent, op.getBody());
  Operation *saved = std::exchange(outer->open, op);
  SmallVector<Value> results =
      body(inner, addDim(inner, op.getInductionVar(), maximum), op.getRegionIterArgs());
  if (!inits.empty()) {
    insertAt(inner);
    builder_.create<scf::YieldOp>(loc_, results);
  }
  outer->open = saved;
  return SmallVector<Value>(op.getResults());
}

AffineExpr Scopes::addDim(Scope *scope, Value value, int64_t extent) {
  dims_.push_back({value, extent, scope});
  return getAffineDimExpr(dims_.size() - 1, builder_.getContext());
}

AffineExpr Scopes::lane() const { return getAffineDimExpr(0, builder_.getContext()); }
AffineExpr Scopes::constant(int64_t value) const {
  return getAffineConstantExpr(value, builder_.getContext());
}

/// Loops are many and an expression uses few: normalising is done over those alone.
struct Scopes::Compressed {
  SmallVector<AffineExpr> toSmall, toLarge;
  SmallVector<int64_t> extents;

  Compressed(const Scopes &scopes, ArrayRef<AffineExpr> exprs, MLIRContext *context) {
    toSmall.resize(scopes.dims_.size());
    for (AffineExpr expr : exprs)
      expr.walk([&](AffineExpr part) {
        auto dim = dyn_cast<AffineDimExpr>(part);
        if (!dim || toSmall[dim.getPosition()])
          return;
        toSmall[dim.getPosition()] = getAffineDimExpr(extents.size(), context);
        toLarge.push_back(dim);
        extents.push_back(scopes.dims_[dim.getPosition()].extent);
      });
    for (AffineExpr &expr : toSmall)
      if (!expr)
        expr = getAffineConstantExpr(0, context);
  }
};

AffineExpr Scopes::simplify(AffineExpr expr) {
  if (isa<AffineConstantExpr, AffineDimExpr>(expr))
    return expr;
  auto [it, fresh] = simplified_.try_emplace(expr);
  if (fresh) {
    Compressed compressed(*this, expr, builder_.getContext());
    it->second = affine::simplify(expr.replaceDims(compressed.toSmall), compressed.extents)
                     .replaceDims(compressed.toLarge);
  }
  return it->second;
}

Condition Scopes::simplify(const Condition &condition) {
  if (condition.never || condition.constraints.empty())
    return condition;
  SmallVector<AffineExpr> exprs;
  SmallVector<bool> equalities;
  for (auto &[expr, equality] : condition.constraints) {
    exprs.push_back(expr);
    equalities.push_back(equality);
  }
  Compressed compressed(*this, exprs, builder_.getContext());
  for (AffineExpr &expr : exprs)
    expr = expr.replaceDims(compressed.toSmall);
  IntegerSet set =
      affine::simplify(IntegerSet::get(compressed.extents.size(), 0, exprs, equalities), compressed.extents);
  Condition result;
  if (affine::neverHolds(set)) {
    result.never = true;
  } else if (!kernel::isAlwaysTrue(set)) {
    for (auto [expr, equality] : llvm::zip(set.getConstraints(), set.getEqFlags()))
      result.constraints.push_back({expr.replaceDims(compressed.toLarge), equality});
  }
  return result;
}

affine::Range Scopes::rangeOf(AffineExpr expr) {
  Compressed compressed(*this, expr, builder_.getContext());
  return affine::rangeOf(expr.replaceDims(compressed.toSmall), compressed.extents);
}

bool Scopes::fitsInt32(AffineExpr expr) {
  affine::Range range = rangeOf(expr);
  constexpr int64_t limit = std::numeric_limits<int32_t>::max();
  return range.min > -limit && range.max < limit;
}

Value Scopes::constantValue(TypedAttr attribute) {
  Value &value = constants_[attribute];
  if (!value) {
    OpBuilder::InsertionGuard guard(builder_);
    builder_.setInsertionPointToStart(root()->block);
    value = builder_.create<arith::ConstantOp>(loc_, attribute);
  }
  return value;
}

Value Scopes::indexConstant(int64_t value) { return constantValue(builder_.getIndexAttr(value)); }

/// The innermost scope among those of the expression's dimensions.
Scope *Scopes::scopeOf(AffineExpr expr) {
  Scope *deepest = root();
  expr.walk([&](AffineExpr part) {
    if (auto dim = dyn_cast<AffineDimExpr>(part))
      if (Scope *scope = dims_[dim.getPosition()].scope; scope->depth > deepest->depth)
        deepest = scope;
  });
  return deepest;
}

static void collectTerms(AffineExpr expr, SmallVectorImpl<AffineExpr> &terms, int64_t &constant) {
  if (auto number = dyn_cast<AffineConstantExpr>(expr)) {
    constant += number.getValue();
  } else if (expr.getKind() == AffineExprKind::Add) {
    auto sum = cast<AffineBinaryOpExpr>(expr);
    collectTerms(sum.getLHS(), terms, constant);
    collectTerms(sum.getRHS(), terms, constant);
  } else {
    terms.push_back(expr);
  }
}

Value Scopes::index(AffineExpr expr, Scope *scope) {
  if (auto it = scope->indices.find(expr); it != scope->indices.end())
    return it->second;
  SmallVector<AffineExpr> terms;
  int64_t constant = 0;
  collectTerms(simplify(expr), terms, constant);
  llvm::stable_sort(terms, [&](AffineExpr a, AffineExpr b) { return scopeOf(a)->depth < scopeOf(b)->depth; });
  Value sum;
  AffineExpr prefix;
  for (AffineExpr part : terms) {
    Scope *home = scopeOf(part);
    prefix = prefix ? prefix + part : part;
    if (Value &known = home->indices[prefix]) {
      sum = known;
      continue;
    }
    Value value = term(part, home);
    if (sum) {
      insertAt(home);
      value = builder_.create<arith::AddIOp>(loc_, sum, value);
    }
    home->indices[prefix] = value;
    sum = value;
  }
  if (!sum)
    return indexConstant(constant);
  if (constant != 0) {
    Value offset = indexConstant(constant);
    insertAt(scope);
    sum = builder_.create<arith::AddIOp>(loc_, sum, offset);
  }
  return scope->indices[expr] = sum;
}

Value Scopes::term(AffineExpr expr, Scope *scope) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
    if (dim.getPosition() == 0)
      internalError("an index of all lanes depends on the lane");
    return dims_[dim.getPosition()].value;
  }
  auto binary = cast<AffineBinaryOpExpr>(expr);
  Value lhs = index(binary.getLHS(), scope), rhs = index(binary.getRHS(), scope);
  insertAt(scope);
  switch (binary.getKind()) {
  case AffineExprKind::Mul:
    return builder_.create<arith::MulIOp>(loc_, lhs, rhs);
  case AffineExprKind::FloorDiv:
  case AffineExprKind::Mod: {
    bool quotient = binary.getKind() == AffineExprKind::FloorDiv;
    if (rangeOf(binary.getLHS()).min >= 0)
      return quotient ? builder_.create<arith::DivUIOp>(loc_, lhs, rhs).getResult()
                      : builder_.create<arith::RemUIOp>(loc_, lhs, rhs).getResult();
    // Divisors are positive constants: a negative remainder is one divisor too low.
    Value remainder = builder_.create<arith::RemSIOp>(loc_, lhs, rhs);
    Value negative =
        builder_.create<arith::CmpIOp>(loc_, arith::CmpIPredicate::slt, remainder, indexConstant(0));
    if (!quotient)
      return builder_.create<arith::SelectOp>(
          loc_, negative, builder_.create<arith::AddIOp>(loc_, remainder, rhs), remainder);
    Value towardsZero = builder_.create<arith::DivSIOp>(loc_, lhs, rhs);
    Value lower = builder_.create<arith::SubIOp>(loc_, towardsZero, indexConstant(1));
    return builder_.create<arith::SelectOp>(loc_, negative, lower, towardsZero);
  }
  default:
    internalError("an index is not quasi-affine");
  }
}

std::optional<std::pair<AffineExpr, int64_t>> splitLane(AffineExpr expr) {
  SmallVector<AffineExpr> terms;
  int64_t constant = 0, stride = 0;
  collectTerms(expr, terms, constant);
  AffineExpr base = getAffineConstantExpr(constant, expr.getContext());
  for (AffineExpr part : terms) {
    if (!part.isFunctionOfDim(0)) {
      base = base + part;
      continue;
    }
    if (isa<AffineDimExpr>(part)) {
      stride += 1;
      continue;
    }
    auto binary = dyn_cast<AffineBinaryOpExpr>(part);
    auto factor = binary ? dyn_cast<AffineConstantExpr>(binary.getRHS()) : AffineConstantExpr();
    if (!factor || binary.getKind() != AffineExprKind::Mul || !isa<AffineDimExpr>(binary.getLHS()))
      return std::nullopt;
    stride += factor.getValue();
  }
  return std::pair(base, stride);
}

} // namespace tgc::loop
