// Parsing, printing and building of the kernel dialect's operations with own syntax.
#include "compiler/kernel/Kernel.h"
#include "compiler/kernel/Syntax.h"

using namespace mlir;
using namespace tgc::kernel;

namespace {

/// Resolves the axes an operation names and turns expressions over them into maps of equal dimensions.
struct MapBuilder {
  OpAsmParser &parser;
  AxisUses uses;

  AffineMap map(ArrayRef<AffineExpr> exprs) const {
    return AffineMap::get(uses.operands.size(), 0, exprs, parser.getContext());
  }
  ParseResult resolve(OperationState &state) {
    return parser.resolveOperands(uses.operands, parser.getBuilder().getIndexType(), state.operands);
  }
};

void printIndices(OpAsmPrinter &printer, AffineMap map, ValueRange axes) {
  printer << "[";
  llvm::interleaveComma(map.getResults(), printer, [&](AffineExpr expr) { printIndex(printer, expr, axes); });
  printer << "]";
}

void printCondition(OpAsmPrinter &printer, IntegerSet condition, ValueRange axes) {
  if (isAlwaysTrue(condition))
    return;
  printer << " if ";
  printConstraints(printer, condition, axes);
}

ParseResult parseElse(OpAsmParser &parser, Type type, OperationState &state) {
  Attribute fill;
  if (parser.parseAttribute(fill, type))
    return failure();
  auto typed = dyn_cast<TypedAttr>(fill);
  if (!typed)
    return parser.emitError(parser.getCurrentLocation(), "fill must be a number");
  state.addAttribute("fill", typed);
  return success();
}

} // namespace

// kernel.func

BlockArgument FuncOp::addAxis(StringRef name, int64_t extent) {
  Builder builder(getContext());
  SmallVector<int64_t> extents(getExtents());
  extents.push_back(extent);
  SmallVector<Attribute> names(getAxisNames().begin(), getAxisNames().end());
  names.push_back(builder.getStringAttr(name));
  setExtents(extents);
  setAxisNamesAttr(builder.getArrayAttr(names));
  return getBody().addArgument(builder.getIndexType(), getLoc());
}

BlockArgument FuncOp::addBuffer(StringRef name, MemRefType type, bool free) {
  Builder builder(getContext());
  unsigned position = getNumBuffers();
  SmallVector<Attribute> names(getBufferNames().begin(), getBufferNames().end());
  names.push_back(builder.getStringAttr(name));
  SmallVector<bool> frees(getFree());
  frees.push_back(free);
  setBufferNamesAttr(builder.getArrayAttr(names));
  setFree(frees);
  return getBody().insertArgument(position, type, getLoc());
}

void FuncOp::build(OpBuilder &builder, OperationState &state, StringRef name) {
  state.addAttribute(getSymNameAttrName(state.name), builder.getStringAttr(name));
  state.addAttribute(getExtentsAttrName(state.name), builder.getDenseI64ArrayAttr({}));
  state.addAttribute(getBufferNamesAttrName(state.name), builder.getArrayAttr({}));
  state.addAttribute(getAxisNamesAttrName(state.name), builder.getArrayAttr({}));
  state.addAttribute(getFreeAttrName(state.name), builder.getDenseBoolArrayAttr({}));
  state.addRegion()->emplaceBlock();
}

void FuncOp::getAsmBlockArgumentNames(Region &, OpAsmSetValueNameFn setName) {
  for (auto [buffer, name] : llvm::zip(getBuffers(), getBufferNames()))
    setName(buffer, cast<StringAttr>(name).getValue());
  for (auto [axis, name] : llvm::zip(getAxes(), getAxisNames()))
    setName(axis, cast<StringAttr>(name).getValue());
}

ParseResult FuncOp::parse(OpAsmParser &parser, OperationState &state) {
  Builder &builder = parser.getBuilder();
  StringAttr name;
  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<Attribute> bufferNames, axisNames;
  SmallVector<bool> free;
  SmallVector<int64_t> extents;
  auto argumentName = [&](const OpAsmParser::Argument &argument) {
    return builder.getStringAttr(argument.ssaName.name.drop_front());
  };
  if (parser.parseSymbolName(name, getSymNameAttrName(state.name), state.attributes))
    return failure();
  if (parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren, [&]() -> ParseResult {
        OpAsmParser::Argument &argument = arguments.emplace_back();
        if (parser.parseArgument(argument) || parser.parseColonType(argument.type))
          return failure();
        free.push_back(false);
        if (succeeded(parser.parseOptionalLBrace())) {
          free.back() = true;
          if (parser.parseKeyword("free") || parser.parseRBrace())
            return failure();
        }
        bufferNames.push_back(argumentName(argument));
        return success();
      }))
    return failure();
  if (parser.parseKeyword("axes") ||
      parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren, [&]() -> ParseResult {
        OpAsmParser::Argument &argument = arguments.emplace_back();
        argument.type = builder.getIndexType();
        int64_t extent = 0;
        if (parser.parseArgument(argument) || parser.parseEqual() || parser.parseInteger(extent))
          return failure();
        extents.push_back(extent);
        axisNames.push_back(argumentName(argument));
        return success();
      }))
    return failure();
  state.addAttribute(getExtentsAttrName(state.name), builder.getDenseI64ArrayAttr(extents));
  state.addAttribute(getBufferNamesAttrName(state.name), builder.getArrayAttr(bufferNames));
  state.addAttribute(getAxisNamesAttrName(state.name), builder.getArrayAttr(axisNames));
  state.addAttribute(getFreeAttrName(state.name), builder.getDenseBoolArrayAttr(free));
  Region *body = state.addRegion();
  if (parser.parseOptionalAttrDictWithKeyword(state.attributes) || parser.parseRegion(*body, arguments))
    return failure();
  if (body->empty()) {
    Block &block = body->emplaceBlock();
    for (auto &argument : arguments)
      block.addArgument(argument.type, parser.getEncodedSourceLoc(parser.getNameLoc()));
  }
  return success();
}

void FuncOp::print(OpAsmPrinter &printer) {
  printer << " ";
  printer.printSymbolName(getSymName());
  printer << "(";
  llvm::interleaveComma(llvm::enumerate(getBuffers()), printer, [&](auto item) {
    printer << item.value() << ": " << item.value().getType();
    if (getFree()[item.index()])
      printer << " {free}";
  });
  printer << ") axes(";
  llvm::interleaveComma(llvm::zip(getAxes(), getExtents()), printer,
                        [&](auto item) { printer << std::get<0>(item) << " = " << std::get<1>(item); });
  printer << ")";
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(),
                                           {"sym_name", "extents", "buffer_names", "axis_names", "free"});
  printer << " ";
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

// kernel.load

void LoadOp::build(OpBuilder &builder, OperationState &state, Value buffer, ValueRange axes, AffineMap map) {
  build(builder, state, ValueRange(buffer), axes, map, alwaysTrue(builder.getContext(), axes.size()),
        TypedAttr());
}

void LoadOp::build(OpBuilder &builder, OperationState &state, ValueRange buffers, ValueRange axes,
                   ArrayRef<AffineMap> maps, ArrayRef<IntegerSet> conditions, TypedAttr fill) {
  auto sets =
      llvm::map_to_vector(conditions, [](IntegerSet set) -> Attribute { return IntegerSetAttr::get(set); });
  build(builder, state, cast<MemRefType>(buffers.front().getType()).getElementType(), buffers, axes,
        builder.getAffineMapArrayAttr(maps), builder.getArrayAttr(sets), fill);
}

ParseResult LoadOp::parse(OpAsmParser &parser, OperationState &state) {
  struct PieceText {
    OpAsmParser::UnresolvedOperand buffer;
    SmallVector<AffineExpr> indices;
    Constraints constraints;
    Type type;
  };
  SmallVector<PieceText> pieces;
  MapBuilder maps{parser, {}};
  do {
    PieceText &piece = pieces.emplace_back();
    if (parser.parseOperand(piece.buffer) ||
        parseIndices(parser, maps.uses, OpAsmParser::Delimiter::Square, piece.indices))
      return failure();
    if (succeeded(parser.parseOptionalKeyword("if")) &&
        parseConstraints(parser, maps.uses, piece.constraints))
      return failure();
    if (parser.parseColonType(piece.type))
      return failure();
  } while (succeeded(parser.parseOptionalComma()));
  auto memref = dyn_cast<MemRefType>(pieces.front().type);
  if (!memref)
    return parser.emitError(parser.getNameLoc(), "a load needs a memref");
  if (succeeded(parser.parseOptionalKeyword("else")) && parseElse(parser, memref.getElementType(), state))
    return failure();
  SmallVector<AffineMap> indexMaps;
  SmallVector<Attribute> sets;
  for (PieceText &piece : pieces) {
    if (parser.resolveOperand(piece.buffer, piece.type, state.operands))
      return failure();
    indexMaps.push_back(maps.map(piece.indices));
    sets.push_back(
        IntegerSetAttr::get(piece.constraints.toSet(parser.getContext(), maps.uses.operands.size())));
  }
  Builder &builder = parser.getBuilder();
  state.addAttribute("maps", builder.getAffineMapArrayAttr(indexMaps));
  state.addAttribute("conditions", builder.getArrayAttr(sets));
  state.getOrAddProperties<Properties>().operandSegmentSizes = {int32_t(pieces.size()),
                                                                int32_t(maps.uses.operands.size())};
  state.addTypes(memref.getElementType());
  return failure(maps.resolve(state) || parser.parseOptionalAttrDict(state.attributes));
}

void LoadOp::print(OpAsmPrinter &printer) {
  printer << " ";
  llvm::interleaveComma(llvm::seq(getNumPieces()), printer, [&](unsigned i) {
    printer << getBuffers()[i];
    printIndices(printer, getMap(i), getAxes());
    printCondition(printer, getCondition(i), getAxes());
    printer << " : " << getBuffers()[i].getType();
  });
  if (getFill()) {
    printer << " else ";
    printer.printAttributeWithoutType(*getFill());
  }
  printer.printOptionalAttrDict((*this)->getAttrs(), {"maps", "conditions", "fill", "operandSegmentSizes"});
}

// kernel.gather

ParseResult GatherOp::parse(OpAsmParser &parser, OperationState &state) {
  OpAsmParser::UnresolvedOperand buffer, index;
  SmallVector<AffineExpr> indices;
  MapBuilder maps{parser, {}};
  int64_t dim = 0;
  Type bufferType, indexType;
  if (parser.parseOperand(buffer) ||
      parseIndices(parser, maps.uses, OpAsmParser::Delimiter::Square, indices) ||
      parser.parseKeyword("dim") || parser.parseInteger(dim) || parser.parseKeyword("at") ||
      parser.parseOperand(index) || parser.parseColonType(bufferType) || parser.parseComma() ||
      parser.parseType(indexType) || parser.parseKeyword("else"))
    return failure();
  auto memref = dyn_cast<MemRefType>(bufferType);
  if (!memref)
    return parser.emitError(parser.getNameLoc(), "a gather needs a memref");
  if (parseElse(parser, memref.getElementType(), state) ||
      parser.resolveOperand(buffer, bufferType, state.operands) || maps.resolve(state) ||
      parser.resolveOperand(index, indexType, state.operands))
    return failure();
  state.addAttribute("map", AffineMapAttr::get(maps.map(indices)));
  state.addAttribute("dim", parser.getBuilder().getI64IntegerAttr(dim));
  state.addTypes(memref.getElementType());
  return parser.parseOptionalAttrDict(state.attributes);
}

void GatherOp::print(OpAsmPrinter &printer) {
  printer << " " << getBuffer();
  printIndices(printer, getMap(), getAxes());
  printer << " dim " << getDim() << " at " << getIndex() << " : " << getBuffer().getType() << ", "
          << getIndex().getType() << " else ";
  printer.printAttributeWithoutType(getFill());
  printer.printOptionalAttrDict((*this)->getAttrs(), {"map", "dim", "fill"});
}

// kernel.store

void StoreOp::build(OpBuilder &builder, OperationState &state, Value value, Value buffer, ValueRange axes,
                    AffineMap map) {
  build(builder, state, value, buffer, axes, map, alwaysTrue(builder.getContext(), axes.size()));
}

ParseResult StoreOp::parse(OpAsmParser &parser, OperationState &state) {
  OpAsmParser::UnresolvedOperand value, buffer;
  SmallVector<AffineExpr> indices;
  Constraints constraints;
  MapBuilder maps{parser, {}};
  MemRefType type;
  if (parser.parseOperand(value) || parser.parseComma() || parser.parseOperand(buffer) ||
      parseIndices(parser, maps.uses, OpAsmParser::Delimiter::Square, indices))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("if")) && parseConstraints(parser, maps.uses, constraints))
    return failure();
  if (parser.parseColonType(type) || parser.resolveOperand(value, type.getElementType(), state.operands) ||
      parser.resolveOperand(buffer, type, state.operands) || maps.resolve(state))
    return failure();
  state.addAttribute("map", AffineMapAttr::get(maps.map(indices)));
  state.addAttribute("condition",
                     IntegerSetAttr::get(constraints.toSet(parser.getContext(), maps.uses.operands.size())));
  return parser.parseOptionalAttrDict(state.attributes);
}

void StoreOp::print(OpAsmPrinter &printer) {
  printer << " " << getValue() << ", " << getBuffer();
  printIndices(printer, getMap(), getAxes());
  printCondition(printer, getCondition(), getAxes());
  printer << " : " << getBuffer().getType();
  printer.printOptionalAttrDict((*this)->getAttrs(), {"map", "condition"});
}

// kernel.coord, kernel.test, kernel.remap

ParseResult CoordOp::parse(OpAsmParser &parser, OperationState &state) {
  MapBuilder maps{parser, {}};
  AffineExpr expr;
  Type type;
  if (parser.parseLParen() || parseIndex(parser, maps.uses, expr) || parser.parseRParen() ||
      parser.parseOptionalAttrDict(state.attributes) || parser.parseColonType(type) || maps.resolve(state))
    return failure();
  state.addAttribute("map", AffineMapAttr::get(maps.map(expr)));
  state.addTypes(type);
  return success();
}

void CoordOp::print(OpAsmPrinter &printer) {
  printer << "(";
  printIndex(printer, getMap().getResult(0), getAxes());
  printer << ")";
  printer.printOptionalAttrDict((*this)->getAttrs(), {"map"});
  printer << " : " << getResult().getType();
}

ParseResult TestOp::parse(OpAsmParser &parser, OperationState &state) {
  MapBuilder maps{parser, {}};
  Constraints constraints;
  Type type;
  if (parseConstraints(parser, maps.uses, constraints) || parser.parseOptionalAttrDict(state.attributes) ||
      parser.parseColonType(type) || maps.resolve(state))
    return failure();
  state.addAttribute("condition",
                     IntegerSetAttr::get(constraints.toSet(parser.getContext(), maps.uses.operands.size())));
  state.addTypes(type);
  return success();
}

void TestOp::print(OpAsmPrinter &printer) {
  printConstraints(printer, getCondition(), getAxes());
  printer.printOptionalAttrDict((*this)->getAttrs(), {"condition"});
  printer << " : " << getResult().getType();
}

ParseResult RemapOp::parse(OpAsmParser &parser, OperationState &state) {
  OpAsmParser::UnresolvedOperand source, axis;
  MapBuilder maps{parser, {}};
  AffineExpr expr;
  Type type;
  if (parser.parseOperand(source) || parser.parseLSquare() || parser.parseOperand(axis) ||
      parser.parseArrow() || parseIndex(parser, maps.uses, expr) || parser.parseRSquare() ||
      parser.parseOptionalAttrDict(state.attributes) || parser.parseColonType(type) ||
      parser.resolveOperand(source, type, state.operands) ||
      parser.resolveOperand(axis, parser.getBuilder().getIndexType(), state.operands) || maps.resolve(state))
    return failure();
  state.addAttribute("map", AffineMapAttr::get(maps.map(expr)));
  state.addTypes(type);
  return success();
}

void RemapOp::print(OpAsmPrinter &printer) {
  printer << " " << getSource() << "[" << getAxis() << " -> ";
  printIndex(printer, getMap().getResult(0), getAxes());
  printer << "]";
  printer.printOptionalAttrDict((*this)->getAttrs(), {"map"});
  printer << " : " << getType();
}

// kernel.launch

void LaunchOp::build(OpBuilder &builder, OperationState &state, StringRef kernel, ValueRange buffers,
                     bool prepare) {
  build(builder, state, kernel, buffers, prepare, /*offsets=*/DenseI64ArrayAttr());
}
