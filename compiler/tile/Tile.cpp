#include "compiler/tile/Tile.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

#include "compiler/tile/TileDialect.cpp.inc"
#include "compiler/tile/TileEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "compiler/tile/TileAttrs.cpp.inc"

using namespace mlir;
using namespace tgc::tile;

// The text of tile.dot's atom, named by the generated assembly format.
static ParseResult parseAtom(OpAsmParser &parser, StringAttr &name, IntegerAttr &m, IntegerAttr &n) {
  StringRef word;
  SmallVector<int64_t> shape;
  SMLoc place = parser.getCurrentLocation();
  if (parser.parseKeyword(&word) || parser.parseLess() ||
      parser.parseDimensionList(shape, /*allowDynamic=*/false, /*withTrailingX=*/false) ||
      parser.parseGreater())
    return failure();
  if (shape.size() != 2)
    return parser.emitError(place, "an atom has rows and columns");
  Builder &builder = parser.getBuilder();
  name = builder.getStringAttr(word);
  m = builder.getI64IntegerAttr(shape[0]);
  n = builder.getI64IntegerAttr(shape[1]);
  return success();
}

static void printAtom(OpAsmPrinter &printer, Operation *, StringAttr name, IntegerAttr m, IntegerAttr n) {
  printer << name.getValue() << "<" << m.getInt() << "x" << n.getInt() << ">";
}

#define GET_OP_CLASSES
#include "compiler/tile/Tile.cpp.inc"

void TileDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "compiler/tile/TileAttrs.cpp.inc"
      >();
  registerTypes();
  addOperations<
#define GET_OP_LIST
#include "compiler/tile/Tile.cpp.inc"
      >();
}

void FuncOp::build(OpBuilder &builder, OperationState &state, StringRef name, TypeRange buffers,
                   ArrayRef<Attribute> bufferNames, int64_t blocks, int64_t threads) {
  state.addAttribute(getSymNameAttrName(state.name), builder.getStringAttr(name));
  state.addAttribute(getBufferNamesAttrName(state.name), builder.getArrayAttr(bufferNames));
  state.addAttribute(getBlocksAttrName(state.name), builder.getI64IntegerAttr(blocks));
  state.addAttribute(getThreadsAttrName(state.name), builder.getI64IntegerAttr(threads));
  Block &body = state.addRegion()->emplaceBlock();
  for (Type buffer : buffers)
    body.addArgument(buffer, state.location);
  body.addArgument(builder.getIndexType(), state.location);
}

void FuncOp::getAsmBlockArgumentNames(Region &, OpAsmSetValueNameFn setName) {
  for (auto [buffer, name] : llvm::zip(getBuffers(), getBufferNames()))
    setName(buffer, cast<StringAttr>(name).getValue());
  setName(getBlockIndex(), "block");
}

ParseResult FuncOp::parse(OpAsmParser &parser, OperationState &state) {
  Builder &builder = parser.getBuilder();
  StringAttr name;
  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<Attribute> names;
  OpAsmParser::Argument block;
  int64_t blocks = 0, threads = 0;
  if (parser.parseSymbolName(name, getSymNameAttrName(state.name), state.attributes) ||
      parser.parseArgumentList(arguments, OpAsmParser::Delimiter::Paren, /*allowType=*/true) ||
      parser.parseKeyword("block") || parser.parseArgument(block) || parser.parseKeyword("of") ||
      parser.parseInteger(blocks) || parser.parseKeyword("threads") || parser.parseLParen() ||
      parser.parseInteger(threads) || parser.parseRParen() ||
      parser.parseOptionalAttrDictWithKeyword(state.attributes))
    return failure();
  for (const OpAsmParser::Argument &argument : arguments)
    names.push_back(builder.getStringAttr(argument.ssaName.name.drop_front()));
  block.type = builder.getIndexType();
  arguments.push_back(block);
  state.addAttribute(getBufferNamesAttrName(state.name), builder.getArrayAttr(names));
  state.addAttribute(getBlocksAttrName(state.name), builder.getI64IntegerAttr(blocks));
  state.addAttribute(getThreadsAttrName(state.name), builder.getI64IntegerAttr(threads));
  return parser.parseRegion(*state.addRegion(), arguments);
}

void FuncOp::print(OpAsmPrinter &printer) {
  printer << " ";
  printer.printSymbolName(getSymName());
  printer << "(";
  llvm::interleaveComma(getBuffers(), printer,
                        [&](BlockArgument buffer) { printer << buffer << ": " << buffer.getType(); });
  printer << ") block " << getBlockIndex() << " of " << getBlocks() << " threads(" << getThreads() << ")";
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(),
                                           {"sym_name", "buffer_names", "blocks", "threads"});
  printer << " ";
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

LogicalResult FuncOp::verify() {
  if (getBufferNames().size() + 1 != getBody().getNumArguments())
    return emitOpError("names and buffers disagree in number");
  if (!getBlockIndex().getType().isIndex())
    return emitOpError("the block's index must be of index type");
  for (BlockArgument buffer : getBuffers())
    if (auto type = dyn_cast<MemRefType>(buffer.getType()); !type || !type.hasStaticShape())
      return emitOpError("buffers must be memrefs of static shape");
  if (getBlocks() < 1 || getThreads() < 1)
    return emitOpError("needs at least one block and one thread");
  return success();
}
