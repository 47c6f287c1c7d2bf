#include "compiler/cut/Access.h"

#include "compiler/affine/Ranges.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace tgc::graph;

namespace tgc::cut {

ArrayRef<int64_t> shapeOf(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }
int64_t elementsOf(Value value) { return cast<RankedTensorType>(value.getType()).getNumElements(); }
Type elementOf(Value value) { return cast<RankedTensorType>(value.getType()).getElementType(); }
int64_t bytesOf(Value value) {
  return elementsOf(value) * llvm::divideCeil(elementOf(value).getIntOrFloatBitWidth(), 8);
}

bool isContract(Operation *op) { return isa<ContractOp>(op); }
bool isCore(Operation *op) { return isa<ContractOp, ReduceOp, MomentsOp>(op); }
bool isMovement(Operation *op) { return isa<ViewOp, PieceOp>(op); }

bool isSplat(Operation *op) {
  auto constant = dyn_cast<arith::ConstantOp>(op);
  return constant && isa<SplatElementsAttr>(constant.getValue());
}

bool isWeight(Operation *op) {
  return isa<graph::WeightOp>(op) || (isa<arith::ConstantOp>(op) && !isSplat(op));
}

ArrayRef<int64_t> domainOf(Operation *op) {
  if (auto contract = dyn_cast<ContractOp>(op))
    return contract.getExtents();
  if (isa<ReduceOp, MomentsOp>(op))
    return shapeOf(op->getOperand(0));
  return shapeOf(op->getResult(0));
}

bool Accesses::isSolid(Operation *op) const {
  auto view = dyn_cast<ViewOp>(op);
  return !view || view.getFill() || solidViews_.contains(op);
}

static bool isIdentity(ArrayRef<AffineExpr> index, Extents domain, Extents shape) {
  if (domain != shape)
    return false;
  for (auto [i, expr] : llvm::enumerate(index)) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    if (shape[i] != 1 && (!dim || dim.getPosition() != i))
      return false;
  }
  return true;
}

const Read &Accesses::resolve(Value value) {
  if (auto known = resolved_.find(value); known != resolved_.end())
    return known->second;
  Read read;
  auto *op = value.getDefiningOp();
  if (op && !isSolid(op)) {
    auto view = cast<ViewOp>(op);
    const Read &source = resolve(view.getSource());
    read.root = source.root;
    read.index = simplified(replaceDims(source.index, view.getMap().getResults()), shapeOf(value));
    read.identity = isIdentity(read.index, shapeOf(value), shapeOf(read.root));
  } else {
    read = {value, identityIndex(shapeOf(value), value.getContext()), true};
  }
  return resolved_[value] = std::move(read);
}

ArrayRef<Read> Accesses::reads(Operation *op) {
  if (auto known = reads_.find(op); known != reads_.end())
    return known->second;
  SmallVector<Read> reads;
  auto through = [&](Value operand, AffineMap map) {
    const Read &source = resolve(operand);
    Read read{source.root, simplified(replaceDims(source.index, map.getResults()), domainOf(op))};
    read.identity = isIdentity(read.index, domainOf(op), shapeOf(read.root));
    reads.push_back(std::move(read));
  };
  if (auto contract = dyn_cast<ContractOp>(op)) {
    through(contract.getLhs(), contract.getLhsMap());
    through(contract.getRhs(), contract.getRhsMap());
  } else if (auto gather = dyn_cast<GatherOp>(op)) {
    through(gather.getSource(), gather.getMap());
    through(gather.getIndices(), gather.getIndexMap());
  } else if (isMovement(op)) {
    for (const Piece &piece : getPieces(op))
      through(piece.source, piece.map);
  } else {
    for (Value operand : op->getOperands())
      reads.push_back(resolve(operand));
  }
  return reads_[op] = std::move(reads);
}

} // namespace tgc::cut
