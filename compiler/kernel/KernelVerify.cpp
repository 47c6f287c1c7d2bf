// What has to hold for kernels and programs.
#include "compiler/affine/Ranges.h"
#include "compiler/kernel/Elements.h"
#include "compiler/kernel/Kernel.h"
#include "compiler/kernel/transforms/Access.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace tgc::kernel {
namespace {

LogicalResult verifyIndex(Operation *op, AffineMap map, Value buffer, size_t axes) {
  if (map.getNumDims() != axes || map.getNumSymbols() != 0)
    return op->emitOpError("index map must be over the operation's axes");
  auto rank = cast<MemRefType>(buffer.getType()).getRank();
  if (map.getNumResults() != rank)
    return op->emitOpError("has ") << map.getNumResults() << " indices, its buffer has rank " << rank;
  return success();
}

LogicalResult verifyOver(Operation *op, OperandRange over) {
  llvm::DenseSet<Value> seen;
  for (Value axis : over)
    if (!seen.insert(axis).second)
      return op->emitOpError("reduces twice over one axis");
  return success();
}

/// Indices that no else value guards, and remaps, must stay where they belong.
LogicalResult verifyRange(FuncOp func, Operation *op) {
  ArrayRef<int64_t> extents = func.getExtents();
  Access access = accessOf(func, op);
  if (auto load = dyn_cast<LoadOp>(op); load && !load.getFill()) {
    if (!affine::alwaysInside(access.maps[0], cast<MemRefType>(load.getBuffers()[0].getType()).getShape(),
                              extents))
      return op->emitOpError("index may leave the buffer; it needs an else value");
  } else if (auto store = dyn_cast<StoreOp>(op)) {
    IntegerSet inside = affine::withBounds(alwaysTrue(func.getContext(), extents.size()), access.maps[0],
                                           cast<MemRefType>(store.getBuffer().getType()).getShape(), extents);
    if (!isAlwaysTrue(affine::simplifyGiven(inside, access.conditions[0], extents)))
      return op->emitOpError("index may leave the buffer");
  } else if (auto remap = dyn_cast<RemapOp>(op)) {
    if (!affine::alwaysInside(access.maps[0], func.extentOf(remap.getAxis()), extents))
      return op->emitOpError("may leave the axis");
  }
  return success();
}

/// Names are told apart in texts and schedules.
bool areDistinct(ArrayAttr names) {
  llvm::StringSet<> seen;
  return llvm::all_of(names,
                      [&](Attribute name) { return seen.insert(cast<StringAttr>(name).getValue()).second; });
}

} // namespace

LogicalResult FuncOp::verify() {
  if (getFree().size() != getNumBuffers() || getBufferNames().size() != getNumBuffers() ||
      getAxisNames().size() != getNumAxes() || getBody().getNumArguments() < getNumAxes())
    return emitOpError("names, extents and arguments disagree in number");
  if (!areDistinct(getAxisNames()) || !areDistinct(getBufferNames()))
    return emitOpError("names of axes and of buffers must differ");
  for (BlockArgument axis : getAxes())
    if (!axis.getType().isIndex())
      return emitOpError("axes must be of index type");
  if (llvm::any_of(getExtents(), [](int64_t extent) { return extent < 1; }))
    return emitOpError("extents must be positive");
  for (BlockArgument buffer : getBuffers()) {
    auto type = dyn_cast<MemRefType>(buffer.getType());
    if (!type || !type.hasStaticShape())
      return emitOpError("buffers must be memrefs of static shape");
    bool stored = llvm::any_of(buffer.getUsers(), [](Operation *user) { return isa<StoreOp>(user); });
    bool loaded = llvm::any_of(buffer.getUsers(), [](Operation *user) { return !isa<StoreOp>(user); });
    if (stored && loaded)
      return emitOpError("buffer is both loaded and stored");
  }
  return success();
}

LogicalResult FuncOp::verifyRegions() {
  for (Operation &op : *getBlock()) {
    StringRef dialect = op.getName().getDialectNamespace();
    if (isa<FuncOp, ProgramOp>(op) || (dialect != "kernel" && dialect != "arith" && dialect != "math"))
      return op.emitOpError("does not belong into a kernel");
    if (hasAccess(&op) && failed(verifyRange(*this, &op)))
      return failure();
  }
  return success();
}

LogicalResult LoadOp::verify() {
  if (getMaps().size() != getNumPieces() || getConditions().size() != getNumPieces() || getNumPieces() == 0)
    return emitOpError("needs one map and one condition for each buffer");
  for (unsigned i = 0; i < getNumPieces(); ++i) {
    if (failed(verifyIndex(*this, getMap(i), getBuffers()[i], getAxes().size())))
      return failure();
    if (getCondition(i).getNumDims() != getAxes().size())
      return emitOpError("condition must be over the operation's axes");
    if (cast<MemRefType>(getBuffers()[i].getType()).getElementType() != getResult().getType())
      return emitOpError("pieces must have one element type");
  }
  if (!getFill() && (getNumPieces() != 1 || !isAlwaysTrue(getCondition(0))))
    return emitOpError("a conditional load needs an else value");
  if (getFill() && getFill()->getType() != getResult().getType())
    return emitOpError("else value must have the element type");
  return success();
}

LogicalResult GatherOp::verify() {
  if (getDim() >= uint64_t(cast<MemRefType>(getBuffer().getType()).getRank()))
    return emitOpError("dim out of range");
  if (getFill().getType() != getResult().getType())
    return emitOpError("else value must have the element type");
  return verifyIndex(*this, getMap(), getBuffer(), getAxes().size());
}

LogicalResult StoreOp::verify() {
  if (getCondition().getNumDims() != getAxes().size())
    return emitOpError("condition must be over the operation's axes");
  if (cast<MemRefType>(getBuffer().getType()).getElementType() != getValue().getType())
    return emitOpError("value must have the buffer's element type");
  return verifyIndex(*this, getMap(), getBuffer(), getAxes().size());
}

LogicalResult CoordOp::verify() {
  if (getMap().getNumResults() != 1 || getMap().getNumDims() != getAxes().size())
    return emitOpError("needs one expression of its axes");
  return success();
}

LogicalResult TestOp::verify() {
  if (getCondition().getNumDims() != getAxes().size())
    return emitOpError("condition must be over the operation's axes");
  return success();
}

LogicalResult RemapOp::verify() {
  if (getMap().getNumResults() != 1 || getMap().getNumDims() != getAxes().size())
    return emitOpError("needs one expression of its axes");
  if (getSource().getType() != getResult().getType())
    return emitOpError("must keep the type");
  return success();
}

LogicalResult ContractOp::verify() {
  bool real = isa<FloatType>(getResult().getType());
  if (isa<FloatType>(getLhs().getType()) != real || isa<FloatType>(getRhs().getType()) != real)
    return emitOpError("operands and result must all be real or all be integers");
  if (getTf32() && !(getLhs().getType().isF32() && getRhs().getType().isF32()))
    return emitOpError("only operands of f32 may be rounded to tf32");
  return verifyOver(*this, getOver());
}

LogicalResult ReduceOp::verify() {
  bool index = getKind() == ReduceKind::ArgMax || getKind() == ReduceKind::ArgMin;
  if (index && getOver().size() != 1)
    return emitOpError("argmax and argmin take one axis");
  if (index && !getResult().getType().isInteger(64))
    return emitOpError("argmax and argmin give i64");
  if (!index && isa<FloatType>(getSource().getType()) != isa<FloatType>(getResult().getType()))
    return emitOpError("source and result must both be real or both be integers");
  return verifyOver(*this, getOver());
}

LogicalResult MomentsOp::verify() { return verifyOver(*this, getOver()); }

LogicalResult SoftmaxOp::verify() { return verifyOver(*this, getOver()); }

LogicalResult ProgramOp::verify() {
  // A model may give an output the name of the weight or the input that it is.
  llvm::StringSet<> outputs, others;
  bool running = false;
  for (Operation &op : *getBlock()) {
    if (auto named = op.getAttrOfType<StringAttr>("name"))
      if (!(isa<OutputOp>(op) ? outputs : others).insert(named.getValue()).second)
        return op.emitOpError("has a name that another buffer has");
    if (auto launch = dyn_cast<LaunchOp>(op)) {
      if (launch.getPrepare() && running)
        return op.emitOpError("prepares after a launch that does not");
      running |= !launch.getPrepare();
    }
  }
  return success();
}

LogicalResult LaunchOp::verify() {
  if (!getOffsets())
    return success();
  if (getOffsets()->size() != getBuffers().size())
    return emitOpError("needs one offset for each buffer");
  for (auto [offset, buffer] : llvm::zip(*getOffsets(), getBuffers())) {
    int64_t bytes = offset * elementBytes(cast<MemRefType>(buffer.getType()).getElementType());
    if (offset < 0 || bytes % 64 != 0)
      return emitOpError("offsets must be multiples of 64 bytes");
  }
  return success();
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto func = symbols.lookupNearestSymbolFrom<FuncOp>(*this, getKernelAttr());
  if (!func)
    return success(); // later stages replace kernels by other functions of the same name
  if (func.getNumBuffers() != getBuffers().size())
    return emitOpError("has ") << getBuffers().size() << " buffers, its kernel takes "
                               << func.getNumBuffers();
  for (auto [i, buffer, argument] : llvm::enumerate(getBuffers(), func.getBuffers()))
    if (buffer.getType() != argument.getType())
      return emitOpError("buffer ") << i << " is " << buffer.getType() << ", its kernel takes "
                                    << argument.getType();
  return success();
}

} // namespace tgc::kernel
