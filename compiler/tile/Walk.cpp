// tile.walk: text and form.
#include "compiler/tile/Tile.h"

using namespace mlir;
using namespace tgc::tile;

void WalkOp::build(OpBuilder &builder, OperationState &state, Value ordinal, ArrayRef<StringRef> names,
                   ArrayRef<int64_t> counts, DenseI64ArrayAttr raster) {
  state.addOperands(ordinal);
  state.addAttribute(getNamesAttrName(state.name), builder.getStrArrayAttr(names));
  state.addAttribute(getCountsAttrName(state.name), builder.getDenseI64ArrayAttr(counts));
  if (raster)
    state.addAttribute(getRasterAttrName(state.name), raster);
  Block &body = state.addRegion()->emplaceBlock();
  for (size_t i = 0; i < counts.size(); ++i)
    body.addArgument(builder.getIndexType(), state.location);
}

void WalkOp::getAsmBlockArgumentNames(Region &region, OpAsmSetValueNameFn setName) {
  for (auto [argument, name] : llvm::zip(region.getArguments(), getNames()))
    setName(argument, cast<StringAttr>(name).getValue());
}

ParseResult WalkOp::parse(OpAsmParser &parser, OperationState &state) {
  Builder &builder = parser.getBuilder();
  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<Attribute> names;
  SmallVector<int64_t> counts, raster;
  OpAsmParser::UnresolvedOperand ordinal;
  auto parseCount = [&]() { return parser.parseInteger(counts.emplace_back()); };
  auto parseRaster = [&]() { return parser.parseInteger(raster.emplace_back()); };
  if (parser.parseArgumentList(arguments, OpAsmParser::Delimiter::Paren) || parser.parseKeyword("in") ||
      parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren, parseCount))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("raster"))) {
    if (parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren, parseRaster))
      return failure();
    state.addAttribute(getRasterAttrName(state.name), builder.getDenseI64ArrayAttr(raster));
  }
  if (parser.parseKeyword("at") || parser.parseOperand(ordinal) ||
      parser.resolveOperand(ordinal, builder.getIndexType(), state.operands) ||
      parser.parseOptionalAttrDictWithKeyword(state.attributes))
    return failure();
  for (OpAsmParser::Argument &argument : arguments) {
    argument.type = builder.getIndexType();
    names.push_back(builder.getStringAttr(argument.ssaName.name.drop_front()));
  }
  state.addAttribute(getNamesAttrName(state.name), builder.getArrayAttr(names));
  state.addAttribute(getCountsAttrName(state.name), builder.getDenseI64ArrayAttr(counts));
  return parser.parseRegion(*state.addRegion(), arguments);
}

void WalkOp::print(OpAsmPrinter &printer) {
  printer << " (";
  llvm::interleaveComma(getBody().getArguments(), printer);
  printer << ") in (";
  llvm::interleaveComma(getCounts(), printer);
  printer << ")";
  if (getRaster()) {
    printer << " raster(";
    llvm::interleaveComma(*getRaster(), printer);
    printer << ")";
  }
  printer << " at " << getOrdinal();
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(), {"names", "counts", "raster"});
  printer << " ";
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

LogicalResult WalkOp::verify() {
  size_t rank = getCounts().size();
  if (getBody().getNumArguments() != rank || getNames().size() != rank)
    return emitOpError("names, counts and coordinates disagree in number");
  if (llvm::any_of(getCounts(), [](int64_t count) { return count < 1; }))
    return emitOpError("counts must be positive");
  if (auto raster = getRaster(); raster && (raster->size() != 2 || (*raster)[0] < 1 ||
                                            (*raster)[0] >= int64_t(rank) || (*raster)[1] < 1))
    return emitOpError("raster takes a coordinate that is not the first, and a positive number of tiles");
  return success();
}
