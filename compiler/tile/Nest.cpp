// tile.map and tile.copy: loops over a box of tile coordinates, with lanes along the last one.
#include "compiler/tile/Tile.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;
using namespace tgc::tile;

namespace {

/// Attributes and regions that both operations have.
void buildNest(OpBuilder &builder, OperationState &state, ArrayRef<int64_t> staticBounds,
               ArrayRef<StringRef> names, int64_t lanes, bool tail) {
  state.addAttribute("static_bounds", builder.getDenseI64ArrayAttr(staticBounds));
  state.addAttribute("names", builder.getStrArrayAttr(names));
  state.addAttribute("lanes", builder.getI64IntegerAttr(lanes));
  for (bool filled : {true, tail}) {
    Region *region = state.addRegion();
    if (!filled)
      continue;
    Block &block = region->emplaceBlock();
    for (size_t i = 0; i < names.size(); ++i)
      block.addArgument(builder.getIndexType(), state.location);
  }
}

struct NestHead {
  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<OpAsmParser::UnresolvedOperand> bounds;
};

/// `(%m, %n) to (%rows, 320) lanes(16)`.
ParseResult parseHead(OpAsmParser &parser, OperationState &state, NestHead &head) {
  Builder &builder = parser.getBuilder();
  SmallVector<int64_t> staticBounds;
  SmallVector<Attribute> names;
  int64_t lanes = 1;
  auto parseBound = [&]() -> ParseResult {
    OpAsmParser::UnresolvedOperand operand;
    OptionalParseResult dynamic = parser.parseOptionalOperand(operand);
    if (dynamic.has_value()) {
      head.bounds.push_back(operand);
      staticBounds.push_back(ShapedType::kDynamic);
      return *dynamic;
    }
    return parser.parseInteger(staticBounds.emplace_back());
  };
  if (parser.parseArgumentList(head.arguments, OpAsmParser::Delimiter::Paren) || parser.parseKeyword("to") ||
      parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren, parseBound))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("lanes")) &&
      (parser.parseLParen() || parser.parseInteger(lanes) || parser.parseRParen()))
    return failure();
  for (OpAsmParser::Argument &argument : head.arguments) {
    argument.type = builder.getIndexType();
    names.push_back(builder.getStringAttr(argument.ssaName.name.drop_front()));
  }
  state.addAttribute("static_bounds", builder.getDenseI64ArrayAttr(staticBounds));
  state.addAttribute("names", builder.getArrayAttr(names));
  state.addAttribute("lanes", builder.getI64IntegerAttr(lanes));
  return success();
}

ParseResult parseRegions(OpAsmParser &parser, OperationState &state, NestHead &head) {
  Region *body = state.addRegion(), *tail = state.addRegion();
  if (parser.parseOptionalAttrDictWithKeyword(state.attributes) || parser.parseRegion(*body, head.arguments))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("tail")))
    return parser.parseRegion(*tail, head.arguments);
  return success();
}

template <typename Nest>
void printHead(OpAsmPrinter &printer, Nest nest) {
  printer << "(";
  llvm::interleaveComma(nest.getBody().getArguments(), printer);
  printer << ") to (";
  auto dynamic = nest.getBounds().begin();
  llvm::interleaveComma(nest.getStaticBounds(), printer, [&](int64_t bound) {
    if (ShapedType::isDynamic(bound))
      printer << *dynamic++;
    else
      printer << bound;
  });
  printer << ")";
  if (nest.getLanes() != 1)
    printer << " lanes(" << nest.getLanes() << ")";
}

template <typename Nest>
void printRegions(OpAsmPrinter &printer, Nest nest) {
  printer.printOptionalAttrDictWithKeyword(nest->getAttrs(),
                                           {"kind", "map", "static_bounds", "names", "lanes"});
  printer << " ";
  printer.printRegion(nest.getBody(), /*printEntryBlockArgs=*/false);
  if (nest.getTail().empty())
    return;
  printer << " tail ";
  printer.printRegion(nest.getTail(), /*printEntryBlockArgs=*/false);
}

/// `values`: types a yield must have for a number of lanes, or null where nothing is yielded.
template <typename Nest>
LogicalResult verifyNest(Nest nest, Type element) {
  unsigned coords = nest.getNumCoords();
  if (coords == 0)
    return nest.emitOpError("has no coordinates");
  if (nest.getNames().size() != coords ||
      llvm::count_if(nest.getStaticBounds(), ShapedType::isDynamic) != int64_t(nest.getBounds().size()))
    return nest.emitOpError("names, bounds and coordinates disagree in number");
  int64_t lanes = nest.getLanes(), last = nest.getStaticBounds().back();
  if (lanes < 1)
    return nest.emitOpError("lanes must be positive");
  if (nest.getTail().empty() && (ShapedType::isDynamic(last) || last % lanes != 0) && lanes != 1)
    return nest.emitOpError("needs a tail where lanes do not divide the last bound");
  for (Region *region : {&nest.getBody(), &nest.getTail()}) {
    if (region->empty())
      continue;
    if (!region->hasOneBlock() || region->getNumArguments() != coords)
      return nest.emitOpError("regions take the coordinates and have one block");
    auto yield = dyn_cast_or_null<YieldOp>(region->front().empty() ? nullptr : &region->front().back());
    if (!yield)
      return nest.emitOpError("regions end with tile.yield");
    int64_t width = region == &nest.getBody() ? lanes : 1;
    Type wanted = width == 1 || !element ? element : Type(VectorType::get({width}, element));
    if (element ? yield.getValues().getTypes() != ArrayRef<Type>(wanted) : !yield.getValues().empty())
      return nest.emitOpError("yields ") << yield.getValues().getTypes() << ", not what its tile takes";
  }
  return success();
}

} // namespace

void MapOp::build(OpBuilder &builder, OperationState &state, ArrayRef<OpFoldResult> bounds,
                  ArrayRef<StringRef> names, int64_t lanes, bool tail) {
  SmallVector<int64_t> staticBounds;
  SmallVector<Value> dynamic;
  dispatchIndexOpFoldResults(bounds, dynamic, staticBounds);
  state.addOperands(dynamic);
  buildNest(builder, state, staticBounds, names, lanes, tail);
}

SmallVector<OpFoldResult> MapOp::getMixedBounds() {
  Builder builder(getContext());
  return getMixedValues(getStaticBounds(), getBounds(), builder);
}

void MapOp::getAsmBlockArgumentNames(Region &region, OpAsmSetValueNameFn setName) {
  for (auto [argument, name] : llvm::zip(region.getArguments(), getNames()))
    setName(argument, cast<StringAttr>(name).getValue());
}

ParseResult MapOp::parse(OpAsmParser &parser, OperationState &state) {
  NestHead head;
  return failure(parseHead(parser, state, head) ||
                 parser.resolveOperands(head.bounds, parser.getBuilder().getIndexType(), state.operands) ||
                 parseRegions(parser, state, head));
}

void MapOp::print(OpAsmPrinter &printer) {
  printer << " ";
  printHead(printer, *this);
  printRegions(printer, *this);
}

LogicalResult MapOp::verify() { return verifyNest(*this, Type()); }

void CopyOp::build(OpBuilder &builder, OperationState &state, Value target, AffineMap map,
                   ArrayRef<OpFoldResult> bounds, ArrayRef<StringRef> names, int64_t lanes, bool tail) {
  SmallVector<int64_t> staticBounds;
  SmallVector<Value> dynamic;
  dispatchIndexOpFoldResults(bounds, dynamic, staticBounds);
  state.addOperands(target);
  state.addOperands(dynamic);
  state.addAttribute("kind", CopyKindAttr::get(builder.getContext(), CopyKind::Pack));
  state.addAttribute("map", AffineMapAttr::get(map));
  buildNest(builder, state, staticBounds, names, lanes, tail);
}

SmallVector<OpFoldResult> CopyOp::getMixedBounds() {
  Builder builder(getContext());
  return getMixedValues(getStaticBounds(), getBounds(), builder);
}

void CopyOp::getAsmBlockArgumentNames(Region &region, OpAsmSetValueNameFn setName) {
  for (auto [argument, name] : llvm::zip(region.getArguments(), getNames()))
    setName(argument, cast<StringAttr>(name).getValue());
}

ParseResult CopyOp::parse(OpAsmParser &parser, OperationState &state) {
  NestHead head;
  StringRef kind;
  OpAsmParser::UnresolvedOperand target;
  SmallVector<AffineExpr> exprs;
  Type type;
  MLIRContext *context = parser.getContext();
  SMLoc place = parser.getCurrentLocation();
  if (parser.parseKeyword(&kind))
    return failure();
  std::optional<CopyKind> known = symbolizeCopyKind(kind);
  if (!known)
    return parser.emitError(place, "unknown kind of copy");
  state.addAttribute("kind", CopyKindAttr::get(context, *known));
  auto parseIndex = [&]() -> ParseResult {
    SmallVector<OpAsmParser::UnresolvedOperand> dims, symbols;
    AffineExpr expr;
    SMLoc at = parser.getCurrentLocation();
    if (parser.parseAffineExprOfSSAIds(dims, symbols, expr))
      return failure();
    SmallVector<AffineExpr> coords;
    for (const auto &dim : dims) {
      const auto *known = llvm::find_if(head.arguments, [&](const OpAsmParser::Argument &argument) {
        return argument.ssaName.name == dim.name && argument.ssaName.number == dim.number;
      });
      if (known == head.arguments.end())
        return parser.emitError(at, "a place in the tile names the copy's coordinates only");
      coords.push_back(getAffineDimExpr(known - head.arguments.begin(), context));
    }
    exprs.push_back(expr.replaceDims(coords));
    return success();
  };
  if (parseHead(parser, state, head) || parser.parseArrow() || parser.parseOperand(target) ||
      parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Square, parseIndex) ||
      parser.parseColonType(type) || parser.resolveOperand(target, type, state.operands) ||
      parser.resolveOperands(head.bounds, parser.getBuilder().getIndexType(), state.operands))
    return failure();
  state.addAttribute("map", AffineMapAttr::get(AffineMap::get(head.arguments.size(), 0, exprs, context)));
  return parseRegions(parser, state, head);
}

void CopyOp::print(OpAsmPrinter &printer) {
  printer << " " << stringifyCopyKind(getKind()) << " ";
  printHead(printer, *this);
  printer << " -> " << getTarget() << "[";
  llvm::interleaveComma(getMap().getResults(), printer, [&](AffineExpr expr) {
    printer.printAffineExprOfSSAIds(expr, getBody().getArguments(), {});
  });
  printer << "] : " << getTarget().getType();
  printRegions(printer, *this);
}

LogicalResult CopyOp::verify() {
  MemRefType type = getTarget().getType();
  if (getMap().getNumDims() != getNumCoords() || int64_t(getMap().getNumResults()) != type.getRank())
    return emitOpError("the place is over the copy's coordinates and has one index a coordinate of the tile");
  if (!layoutOf(type))
    return emitOpError("layouts must be strided or #tile.layout");
  return verifyNest(*this, type.getElementType());
}
