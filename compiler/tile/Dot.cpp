// Verifiers of the operations on whole tiles.
#include "compiler/tile/Tile.h"

using namespace mlir;
using namespace tgc::tile;

LogicalResult ViewOp::verify() {
  MemRefType source = getSource().getType(), result = getResult().getType();
  if (source.getElementType() != result.getElementType())
    return emitOpError("source and tile have different elements");
  if (int64_t(getIndices().size()) != source.getRank())
    return emitOpError("has ") << getIndices().size() << " indices, its source has rank " << source.getRank();
  if (!layoutOf(source) || !layoutOf(result))
    return emitOpError("layouts must be strided or #tile.layout");
  return success();
}

LogicalResult DotOp::verify() {
  MemRefType left = getLeft().getType(), right = getRight().getType(), sums = getSums().getType();
  for (MemRefType type : {left, right, sums}) {
    if (type.getRank() != 2)
      return emitOpError("tiles have two coordinates");
    if (!isa<FloatType>(type.getElementType()) && !type.getElementType().isSignlessInteger())
      return emitOpError("tiles hold numbers");
    if (!layoutOf(type))
      return emitOpError("layouts must be strided or #tile.layout");
  }
  if (left.getShape()[0] != sums.getShape()[0])
    return emitOpError("left has ") << left.getShape()[0] << " rows, sums have " << sums.getShape()[0];
  if (left.getShape()[1] != right.getShape()[0])
    return emitOpError("left has depth ") << left.getShape()[1] << ", right " << right.getShape()[0];
  if (right.getShape()[1] != sums.getShape()[1])
    return emitOpError("right has ") << right.getShape()[1] << " columns, sums have " << sums.getShape()[1];
  if (getAtomM() < 1 || getAtomN() < 1 || right.getShape()[1] % int64_t(getAtomN()) != 0)
    return emitOpError("columns must be padded to the atom's");
  if (getFresh() && getFromZero())
    return emitOpError("`fresh` and `from_zero` exclude each other");
  return success();
}
