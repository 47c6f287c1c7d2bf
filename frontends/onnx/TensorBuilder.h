// Emits graph, arith and math operations on tensors; checks shapes before the operations are made.
#pragma once
#include "compiler/graph/Graph.h"
#include "compiler/graph/HostTensor.h"
#include "compiler/support/Error.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Builders.h"

namespace tgc::onnx {

using Shape = llvm::SmallVector<int64_t>;

/// Errors of all functions: BadInput where shapes do not fit.
class TensorBuilder {
public:
  TensorBuilder(mlir::OpBuilder &builder, mlir::Location loc) : builder(builder), loc(loc) {}

  mlir::MLIRContext *context() const { return builder.getContext(); }

  // --- types and shapes ---
  static llvm::ArrayRef<int64_t> shapeOf(mlir::Value v);
  static mlir::Type elementOf(mlir::Value v);
  static int64_t rankOf(mlir::Value v) { return int64_t(shapeOf(v).size()); }
  static bool isFloatValue(mlir::Value v) { return mlir::isa<mlir::FloatType>(elementOf(v)); }
  /// The number of elements; BadInput for negative dimensions or a size that does not fit.
  static int64_t elementCount(llvm::ArrayRef<int64_t> shape);
  static mlir::RankedTensorType tensorType(llvm::ArrayRef<int64_t> shape, mlir::Type element);
  /// numpy's broadcasting.
  static Shape broadcastShape(llvm::ArrayRef<int64_t> a, llvm::ArrayRef<int64_t> b);
  /// axis in [-rank, rank) made non-negative.
  static int64_t normalizeAxis(int64_t axis, int64_t rank);
  mlir::Type f32() const { return builder.getF32Type(); }
  mlir::Type i64() const { return builder.getI64Type(); }
  mlir::Type i1() const { return builder.getI1Type(); }

  // --- constants ---
  mlir::Value splat(llvm::ArrayRef<int64_t> shape, mlir::Type element, double value);
  mlir::Value splatInt(llvm::ArrayRef<int64_t> shape, mlir::Type element, int64_t value);
  /// `value` in the shape and type of `like`.
  mlir::Value splatLike(mlir::Value like, double value);
  mlir::Value constant(const graph::HostTensor &tensor);
  mlir::TypedAttr fillAttr(mlir::Type element, double value) const;
  mlir::TypedAttr zeroAttr(mlir::Type element) const;

  // --- element-wise ---
  template <typename OpT, typename... Args>
  mlir::Value make(Args &&...args) {
    return builder.create<OpT>(loc, std::forward<Args>(args)...);
  }
  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value sub(mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Value a, mlir::Value b);
  mlir::Value div(mlir::Value a, mlir::Value b); ///< floating-point
  mlir::Value exp(mlir::Value a) { return make<mlir::math::ExpOp>(a); }
  mlir::Value sigmoid(mlir::Value a);
  mlir::Value maximum(mlir::Value a, mlir::Value b) { return make<mlir::arith::MaximumFOp>(a, b); }
  mlir::Value minimum(mlir::Value a, mlir::Value b) { return make<mlir::arith::MinimumFOp>(a, b); }
  mlir::Value select(mlir::Value condition, mlir::Value a, mlir::Value b);
  mlir::Value compare(mlir::arith::CmpFPredicate p, mlir::Value a, mlir::Value b);
  mlir::Value compare(mlir::arith::CmpIPredicate p, mlir::Value a, mlir::Value b);
  mlir::Value logicalNot(mlir::Value a);
  /// f32 for f16, bf16 and f8, whose arithmetic is done in it; other types unchanged.
  static mlir::Type computeType(mlir::Type element);
  mlir::Value widen(mlir::Value v) { return convertFloat(v, computeType(elementOf(v))); }
  /// extf or truncf to a floating-point type; between f16 and bf16 through f32.
  mlir::Value convertFloat(mlir::Value v, mlir::Type element);

  // --- movement ---
  mlir::AffineExpr dim(unsigned d) const { return mlir::getAffineDimExpr(d, context()); }
  mlir::AffineExpr number(int64_t v) const { return mlir::getAffineConstantExpr(v, context()); }
  mlir::AffineMap mapOf(unsigned dims, llvm::ArrayRef<mlir::AffineExpr> results) const;
  /// result[d] = v[indices(d)]; the map is simplified, an identity gives v itself.
  mlir::Value view(mlir::Value v, llvm::ArrayRef<mlir::AffineExpr> indices, llvm::ArrayRef<int64_t> shape);
  /// The same with a fill outside of v and where `conditions` (each >= 0) do not hold.
  mlir::Value viewOrFill(mlir::Value v, llvm::ArrayRef<mlir::AffineExpr> indices,
                         llvm::ArrayRef<int64_t> shape, mlir::TypedAttr fill,
                         llvm::ArrayRef<mlir::AffineExpr> conditions = {});
  /// Indices into shape `from` of the element with the same row-major position in shape `to`.
  llvm::SmallVector<mlir::AffineExpr> reshapeIndices(llvm::ArrayRef<int64_t> from,
                                                     llvm::ArrayRef<int64_t> to) const;
  mlir::Value reshape(mlir::Value v, llvm::ArrayRef<int64_t> shape);
  mlir::Value transpose(mlir::Value v, llvm::ArrayRef<int64_t> permutation);
  mlir::Value broadcast(mlir::Value v, llvm::ArrayRef<int64_t> shape);
  /// v with dimensions of extent 1 put in so that dimension i of v is `dims[i]` of the rank, then broadcast.
  mlir::Value broadcastDims(mlir::Value v, llvm::ArrayRef<int64_t> dims, llvm::ArrayRef<int64_t> shape);
  mlir::Value slice(mlir::Value v, llvm::ArrayRef<int64_t> starts, llvm::ArrayRef<int64_t> steps,
                    llvm::ArrayRef<int64_t> shape);
  mlir::Value sliceDim(mlir::Value v, int64_t dim, int64_t start, int64_t size);
  mlir::Value pad(mlir::Value v, llvm::ArrayRef<int64_t> before, llvm::ArrayRef<int64_t> after,
                  mlir::TypedAttr fill);
  mlir::Value concat(llvm::ArrayRef<mlir::Value> values, int64_t axis);
  struct PieceSpec {
    mlir::Value source;
    llvm::SmallVector<mlir::AffineExpr> indices;
    llvm::SmallVector<mlir::AffineExpr> conditions; ///< each >= 0; none means everywhere
    llvm::SmallVector<mlir::AffineExpr> equalities; ///< each == 0
  };
  mlir::Value pieces(llvm::ArrayRef<PieceSpec> specs, llvm::ArrayRef<int64_t> shape,
                     mlir::TypedAttr fill = {});
  mlir::Value coord(mlir::AffineExpr expr, llvm::ArrayRef<int64_t> shape, mlir::Type element);
  /// result[d] = v[indices(d) with `axis` replaced by chosen[chosenIndices(d)]], fill where out of range.
  mlir::Value gather(mlir::Value v, llvm::ArrayRef<mlir::AffineExpr> indices, int64_t axis,
                     mlir::Value chosen, llvm::ArrayRef<mlir::AffineExpr> chosenIndices,
                     llvm::ArrayRef<int64_t> shape, mlir::TypedAttr fill = {});

  // --- sums ---
  /// Result in the accumulator's type: f32 for f16, bf16 and f8, i32 for i8, else the operands' own.
  mlir::Value contract(mlir::Value lhs, llvm::ArrayRef<mlir::AffineExpr> lhsIndices, mlir::Value rhs,
                       llvm::ArrayRef<mlir::AffineExpr> rhsIndices, llvm::ArrayRef<int64_t> extents,
                       int64_t resultRank);
  mlir::Value reduce(graph::ReduceKind kind, mlir::Value v, llvm::ArrayRef<int64_t> dims,
                     bool isUnsigned = false);
  /// reduce, broadcast back to v's shape.
  mlir::Value reduceAndBroadcast(graph::ReduceKind kind, mlir::Value v, llvm::ArrayRef<int64_t> dims);
  std::pair<mlir::Value, mlir::Value> moments(mlir::Value v, llvm::ArrayRef<int64_t> dims);
  /// The dimensions of a rank that are not in `dims`.
  static Shape keptDims(int64_t rank, llvm::ArrayRef<int64_t> dims);

  mlir::OpBuilder &builder;
  mlir::Location loc;
};

} // namespace tgc::onnx
