// Types and verifiers of the asynchronous pipeline's operations.
#include "compiler/tile/Tile.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"
#include <numeric>

using namespace mlir;
using namespace tgc::tile;

#define GET_TYPEDEF_CLASSES
#include "compiler/tile/TileTypes.cpp.inc"

void TileDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "compiler/tile/TileTypes.cpp.inc"
      >();
}

static ParseResult parseShape(AsmParser &parser, SmallVector<int64_t> &shape, Type &element) {
  return failure(parser.parseLess() || parser.parseDimensionList(shape, /*allowDynamic=*/false) ||
                 parser.parseType(element) || parser.parseComma());
}

static void printShape(AsmPrinter &printer, ArrayRef<int64_t> shape, Type element) {
  printer << "<";
  for (int64_t extent : shape)
    printer << extent << "x";
  printer << element << ", ";
}

Type FragmentType::parse(AsmParser &parser) {
  SmallVector<int64_t> shape;
  Type element;
  StringRef layout;
  if (parseShape(parser, shape, element) || parser.parseKeyword(&layout) || parser.parseGreater())
    return Type();
  return FragmentType::get(parser.getContext(), shape, element, parser.getBuilder().getStringAttr(layout));
}

void FragmentType::print(AsmPrinter &printer) const {
  printShape(printer, getShape(), getElementType());
  printer << getLayout().getValue() << ">";
}

Type SharedType::parse(AsmParser &parser) {
  SmallVector<int64_t> shape;
  Type element;
  int64_t swizzle = 0;
  if (parseShape(parser, shape, element) || parser.parseInteger(swizzle) || parser.parseGreater())
    return Type();
  return SharedType::get(parser.getContext(), shape, element, swizzle);
}

void SharedType::print(AsmPrinter &printer) const {
  printShape(printer, getShape(), getElementType());
  printer << getSwizzle() << ">";
}

static int64_t bytesOf(Type element) { return std::max(1u, element.getIntOrFloatBitWidth() / 8); }

int64_t SharedType::getRowElements() { return getSwizzle() / bytesOf(getElementType()); }

int64_t SharedType::getBytes() {
  int64_t columns = (getShape()[1] + getRowElements() - 1) / getRowElements() * getRowElements();
  return getShape()[0] * columns * bytesOf(getElementType());
}

int64_t RingType::getFillBytes() {
  int64_t bytes = 0;
  for (SharedType part : getParts())
    bytes += part.getBytes();
  return bytes;
}

LogicalResult BoxOp::verify() {
  size_t rank = getSizes().size();
  if (rank == 0 || getStrides().size() != rank || getBox().size() != rank ||
      (getSteps() && getSteps()->size() != rank))
    return emitOpError("sizes, strides, box and steps have one number a dimension");
  if (getStrides().back() != 1)
    return emitOpError("the last dimension is contiguous");
  for (auto [size, box] : llvm::zip(getSizes(), getBox()))
    if (size < 1 || box < 1)
      return emitOpError("sizes and boxes are positive");
  return success();
}

LogicalResult RingOp::verify() {
  if (getStages() < 1 || getFreedBy() < 1 || getCluster() < 1)
    return emitOpError("needs a stage, a release and a block");
  return success();
}

LogicalResult RingPartOp::verify() {
  if (getPart() >= getRing().getType().getParts().size())
    return emitOpError("the ring has ") << getRing().getType().getParts().size() << " parts";
  SharedType part = getRing().getType().getParts()[getPart()], result = getResult().getType();
  if (result.getElementType() != part.getElementType() || result.getSwizzle() != part.getSwizzle())
    return emitOpError("a part keeps type and swizzle");
  for (auto [whole, here] : llvm::zip(part.getShape(), result.getShape()))
    if (here > whole)
      return emitOpError("the tile is larger than the part");
  return success();
}

void RolesOp::getAsmBlockArgumentNames(Region &region, OpAsmSetValueNameFn setName) {
  if (&region == &getConsumer() && region.getNumArguments() == 1)
    setName(region.getArgument(0), "c");
}

LogicalResult RolesOp::verify() {
  if (getConsumer().getNumArguments() != 1 || !getConsumer().getArgument(0).getType().isIndex())
    return emitOpError("consumers get their number");
  if (getProducer().getNumArguments() != 0)
    return emitOpError("the producer gets no number");
  return success();
}

void GroupsOp::getAsmBlockArgumentNames(Region &region, OpAsmSetValueNameFn setName) {
  if (region.getNumArguments() == 1)
    setName(region.getArgument(0), "c");
}

LogicalResult GroupsOp::verify() {
  if (getBody().getNumArguments() != 1 || !getBody().getArgument(0).getType().isIndex())
    return emitOpError("groups get their number");
  return success();
}

template <typename Dot>
static LogicalResult verifyDot(Dot dot) {
  auto shapeOf = [](Type type) {
    if (auto shared = dyn_cast<SharedType>(type))
      return SmallVector<int64_t>(shared.getShape());
    return SmallVector<int64_t>(cast<FragmentType>(type).getShape());
  };
  SmallVector<int64_t> left = shapeOf(dot.getLeft().getType()), right = shapeOf(dot.getRight().getType());
  if (dot.getTransposeLeft())
    std::swap(left[0], left[1]);
  if (dot.getTransposeRight())
    std::swap(right[0], right[1]);
  ArrayRef<int64_t> sums = dot.getResult().getType().getShape();
  if (left.size() != 2 || right.size() != 2 || sums.size() != 2)
    return dot.emitOpError("has two coordinates");
  if (left[1] != right[1])
    return dot.emitOpError("left has depth ") << left[1] << ", right " << right[1];
  if (left[0] != sums[0] || right[0] < sums[1])
    return dot.emitOpError("sums are ") << left[0] << " by at most " << right[0];
  if (dot.getSums() && dot.getSums().getType() != dot.getResult().getType())
    return dot.emitOpError("sums keep their type");
  return success();
}

LogicalResult DotAsyncOp::verify() { return verifyDot(*this); }
LogicalResult DotGroupOp::verify() { return verifyDot(*this); }

LogicalResult DotWaitOp::verify() {
  if (getSums().getTypes() != getResults().getTypes())
    return emitOpError("gives the sums it takes");
  return success();
}

void EachOp::getAsmBlockArgumentNames(Region &region, OpAsmSetValueNameFn setName) {
  if (region.getNumArguments() == 2) {
    setName(region.getArgument(0), "row");
    setName(region.getArgument(1), "column");
  }
}

LogicalResult EachOp::verify() {
  if (getShape().size() != getOrigin().size() || getShape().empty() || getShape().size() > 2)
    return emitOpError("has one or two coordinates");
  if (getBody().getNumArguments() != getShape().size())
    return emitOpError("the body has an argument a coordinate");
  if (getLanes() < 1 || !llvm::isPowerOf2_64(getLanes()))
    return emitOpError("serves a power of two of neighbours");
  auto yield = dyn_cast<YieldOp>(getBody().front().getTerminator());
  if (!yield || yield.getValues().size() != (getResult() ? 1 : 0))
    return emitOpError("yields one value for its fragment, else none");
  if (getResult() && cast<FragmentType>(getResult().getType()).getShape() != getShape())
    return emitOpError("makes a fragment of the piece's shape");
  return success();
}

LogicalResult SlotsPutOp::verify() {
  if (getFragment().getType().getShape().size() != 2)
    return emitOpError("puts rows and columns");
  return success();
}
