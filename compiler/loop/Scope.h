// Where the loop generator puts code: nested scopes that bind axes, and indices made from them.
#pragma once
#include "compiler/affine/Ranges.h"
#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IntegerSet.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"
#include <deque>
#include <map>
#include <optional>

namespace tgc::loop {

/// A register of every axis of the kernel; 0 for axes that do not matter to what it names.
using Registers = llvm::SmallVector<int32_t, 8>;

/// The coordinate of an axis in a scope.
struct Binding {
  mlir::AffineExpr base; ///< over the generator's dimensions
  bool spread = true; ///< registers and lanes of the axis lie behind `base`; else it is the whole coordinate
  bool complete = true; ///< no register or lane lies beyond the extent
};

/// A place for code: the block itself, a loop's body, a branch, or (inlined) a part of its parent's code
/// where an axis has another binding. Values are kept in the outermost scope that binds all their axes; code
/// for a scope goes before the inner loop or branch that is being written.
struct Scope {
  Scope *parent = nullptr;
  unsigned depth = 0;
  mlir::Block *block = nullptr;    ///< null: inlined
  mlir::Operation *open = nullptr; ///< inner loop or branch being written
  bool branch = false;             ///< what is needed here alone is computed here
  bool frozen = false;             ///< one register of each outer axis only
  llvm::DenseMap<int, Binding> bindings;
  std::map<std::pair<const void *, Registers>, mlir::Value> values;
  llvm::DenseMap<mlir::AffineExpr, mlir::Value> indices;
};

/// Conditions on dimensions, all to hold.
struct Condition {
  bool never = false;
  llvm::SmallVector<std::pair<mlir::AffineExpr, bool>> constraints; ///< expr >= 0, or == 0 if true
  bool always() const { return !never && constraints.empty(); }
  bool operator==(const Condition &) const = default;
};

/// Scopes, dimensions and index arithmetic. Dimension 0 is the lane; every loop adds one.
class Scopes {
public:
  Scopes(mlir::OpBuilder &builder, mlir::Location loc, mlir::Block *block, int64_t lanes);

  Scope *root() { return &scopes_.front(); }
  /// Where code made from now on comes from.
  void setLocation(mlir::Location location) { loc_ = location; }
  /// Moves the builder to where code of the scope goes.
  void insertAt(Scope *scope);
  Scope *inlined(Scope *parent);
  /// A branch on `condition`; `body` fills it.
  void branch(Scope *parent, mlir::Value condition, llvm::function_ref<void(Scope *)> body);
  /// A loop of `count` steps (at most `maximum`); body gets the index as a dimension.
  llvm::SmallVector<mlir::Value>
  loop(Scope *parent, mlir::Value count, int64_t maximum, mlir::ValueRange inits,
       llvm::function_ref<llvm::SmallVector<mlir::Value>(Scope *, mlir::AffineExpr, mlir::ValueRange)> body);

  /// A new dimension with values 0 … extent - 1.
  mlir::AffineExpr addDim(Scope *scope, mlir::Value value, int64_t extent);
  mlir::AffineExpr lane() const;
  bool usesLane(mlir::AffineExpr expr) const { return expr.isFunctionOfDim(0); }
  mlir::AffineExpr constant(int64_t value) const;
  /// Equal expression in normal form.
  mlir::AffineExpr simplify(mlir::AffineExpr expr);
  Condition simplify(const Condition &condition);
  affine::Range rangeOf(mlir::AffineExpr expr);
  /// Whether |expr| stays below 2^31.
  bool fitsInt32(mlir::AffineExpr expr);

  /// The index as a value; parts that only depend on outer loops are computed there. Must not use the lane.
  mlir::Value index(mlir::AffineExpr expr, Scope *scope);
  mlir::Value indexConstant(int64_t value);
  mlir::Value constantValue(mlir::TypedAttr attribute);

private:
  struct Dim {
    mlir::Value value;
    int64_t extent;
    Scope *scope;
  };
  struct Compressed; // an expression over the dimensions it uses alone

  Scope *add(Scope *parent, mlir::Block *block);
  Scope *owner(Scope *scope);
  Scope *scopeOf(mlir::AffineExpr expr);
  mlir::Value term(mlir::AffineExpr expr, Scope *scope);

  mlir::OpBuilder &builder_;
  mlir::Location loc_;
  std::deque<Scope> scopes_;
  llvm::SmallVector<Dim> dims_;
  llvm::DenseMap<mlir::AffineExpr, mlir::AffineExpr> simplified_;
  llvm::DenseMap<mlir::Attribute, mlir::Value> constants_;
};

/// expr = base + stride · lane, or nothing if the lane stands in a floordiv or mod.
std::optional<std::pair<mlir::AffineExpr, int64_t>> splitLane(mlir::AffineExpr expr);

} // namespace tgc::loop
