#include "compiler/graph/Graph.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

#include "compiler/graph/GraphDialect.cpp.inc"
#include "compiler/graph/GraphEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "compiler/graph/GraphAttrs.cpp.inc"
#define GET_OP_CLASSES
#include "compiler/graph/Graph.cpp.inc"

using namespace mlir;
using namespace tgc::graph;

void GraphDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "compiler/graph/GraphAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "compiler/graph/Graph.cpp.inc"
      >();
}

SmallVector<Piece> tgc::graph::getPieces(Operation *op) {
  SmallVector<Piece> pieces;
  if (auto view = dyn_cast<ViewOp>(op)) {
    pieces.push_back({view.getSource(), view.getMap(), view.getWhere().value_or(IntegerSet())});
  } else if (auto piece = dyn_cast<PieceOp>(op)) {
    for (auto [source, map, where] : llvm::zip(piece.getSources(), piece.getMaps(), piece.getWheres()))
      pieces.push_back({source, cast<AffineMapAttr>(map).getValue(), cast<IntegerSetAttr>(where).getValue()});
  }
  return pieces;
}

TypedAttr tgc::graph::getFill(Operation *op) {
  if (auto view = dyn_cast<ViewOp>(op))
    return view.getFillAttr();
  if (auto piece = dyn_cast<PieceOp>(op))
    return piece.getFillAttr();
  return {};
}

/// A map from a tensor of type `domain` into a tensor of type `source`.
static LogicalResult verifyMap(Operation *op, AffineMap map, int64_t dims, Type source) {
  if (map.getNumSymbols() != 0)
    return op->emitOpError("map must have no symbols");
  if (map.getNumDims() != dims)
    return op->emitOpError("map has ") << map.getNumDims() << " dimensions, expected " << dims;
  auto rank = cast<RankedTensorType>(source).getRank();
  if (map.getNumResults() != rank)
    return op->emitOpError("map has ") << map.getNumResults() << " results, its tensor has rank " << rank;
  return success();
}

static LogicalResult verifyMovement(Operation *op) {
  auto result = cast<RankedTensorType>(op->getResult(0).getType());
  for (Piece piece : getPieces(op)) {
    auto source = cast<RankedTensorType>(piece.source.getType());
    if (failed(verifyMap(op, piece.map, result.getRank(), source)))
      return failure();
    if (source.getElementType() != result.getElementType())
      return op->emitOpError("source and result must have the same element type");
    if (piece.where && (piece.where.getNumDims() != result.getRank() || piece.where.getNumSymbols() != 0))
      return op->emitOpError("domain must be over the result's ") << result.getRank() << " dimensions";
  }
  if (TypedAttr fill = getFill(op); fill && fill.getType() != result.getElementType())
    return op->emitOpError("fill must have the result's element type");
  return success();
}

LogicalResult ViewOp::verify() {
  if (getWhere() && !getFill())
    return emitOpError("a domain needs a fill");
  return verifyMovement(*this);
}

LogicalResult PieceOp::verify() {
  if (getMaps().size() != getSources().size() || getWheres().size() != getSources().size())
    return emitOpError("needs one map and one domain for each source");
  return verifyMovement(*this);
}

LogicalResult ContractOp::verify() {
  auto result = cast<RankedTensorType>(getResult().getType());
  ArrayRef<int64_t> extents = getExtents();
  if (int64_t(extents.size()) < result.getRank() || extents.take_front(result.getRank()) != result.getShape())
    return emitOpError("the first extents must be the result's shape");
  if (failed(verifyMap(*this, getLhsMap(), extents.size(), getLhs().getType())))
    return failure();
  if (getTf32() &&
      !(getElementTypeOrSelf(getLhs().getType()).isF32() && getElementTypeOrSelf(getRhs().getType()).isF32()))
    return emitOpError("only operands of f32 may be rounded to tf32");
  return verifyMap(*this, getRhsMap(), extents.size(), getRhs().getType());
}

static LogicalResult verifyReduced(Operation *op, Value source, ArrayRef<int64_t> dims, Value result) {
  auto type = cast<RankedTensorType>(source.getType());
  SmallVector<int64_t> kept;
  for (int64_t d = 0; d < type.getRank(); ++d)
    if (!llvm::is_contained(dims, d))
      kept.push_back(type.getDimSize(d));
  if (llvm::any_of(dims, [&](int64_t d) { return d < 0 || d >= type.getRank(); }))
    return op->emitOpError("reduced dimension out of range");
  if (int64_t(kept.size() + dims.size()) != type.getRank())
    return op->emitOpError("reduced dimension given twice");
  if (cast<RankedTensorType>(result.getType()).getShape() != ArrayRef<int64_t>(kept))
    return op->emitOpError("result's shape must be the source's without the reduced dimensions");
  return success();
}

LogicalResult ReduceOp::verify() {
  bool isArg = getKind() == ReduceKind::ArgMax || getKind() == ReduceKind::ArgMin;
  Type element = cast<RankedTensorType>(getResult().getType()).getElementType();
  if (isArg && (getDims().size() != 1 || !element.isInteger(64)))
    return emitOpError("argmax and argmin reduce one dimension to i64");
  if (!isArg && element != cast<RankedTensorType>(getSource().getType()).getElementType())
    return emitOpError("source and result must have the same element type");
  return verifyReduced(*this, getSource(), getDims(), getResult());
}

LogicalResult MomentsOp::verify() {
  if (getMean().getType() != getVariance().getType())
    return emitOpError("mean and variance must have the same type");
  return verifyReduced(*this, getSource(), getDims(), getMean());
}

LogicalResult GatherOp::verify() {
  auto result = cast<RankedTensorType>(getResult().getType());
  auto source = cast<RankedTensorType>(getSource().getType());
  if (failed(verifyMap(*this, getMap(), result.getRank(), source)) ||
      failed(verifyMap(*this, getIndexMap(), result.getRank(), getIndices().getType())))
    return failure();
  if (int64_t axis = getAxis(); axis < 0 || axis >= source.getRank())
    return emitOpError("axis out of range");
  if (!isa<IntegerType>(cast<RankedTensorType>(getIndices().getType()).getElementType()))
    return emitOpError("indices must be integers");
  return success();
}

LogicalResult CoordOp::verify() {
  auto result = cast<RankedTensorType>(getResult().getType());
  if (getMap().getNumResults() != 1 || int64_t(getMap().getNumDims()) != result.getRank())
    return emitOpError("map must give one expression of the result's dimensions");
  return success(isa<IntegerType>(result.getElementType()));
}
