#include "compiler/kernel/Syntax.h"

#include "compiler/kernel/Kernel.h"

using namespace mlir;
using namespace tgc::kernel;

unsigned AxisUses::add(const OpAsmParser::UnresolvedOperand &operand) {
  for (auto [i, known] : llvm::enumerate(operands))
    if (known.name == operand.name && known.number == operand.number)
      return i;
  operands.push_back(operand);
  return operands.size() - 1;
}

ParseResult tgc::kernel::parseIndex(OpAsmParser &parser, AxisUses &uses, AffineExpr &expr) {
  UnresolvedOperands dims, symbols;
  if (parser.parseAffineExprOfSSAIds(dims, symbols, expr))
    return failure();
  if (!symbols.empty())
    return parser.emitError(parser.getCurrentLocation(), "an index names axes only");
  SmallVector<AffineExpr> replacements;
  for (const auto &dim : dims)
    replacements.push_back(getAffineDimExpr(uses.add(dim), parser.getContext()));
  expr = expr.replaceDims(replacements);
  return success();
}

ParseResult tgc::kernel::parseIndices(OpAsmParser &parser, AxisUses &uses, OpAsmParser::Delimiter delimiter,
                                      SmallVectorImpl<AffineExpr> &exprs) {
  return parser.parseCommaSeparatedList(delimiter,
                                        [&] { return parseIndex(parser, uses, exprs.emplace_back()); });
}

void tgc::kernel::printIndex(OpAsmPrinter &printer, AffineExpr expr, ValueRange axes) {
  printer.printAffineExprOfSSAIds(expr, axes, {});
}

IntegerSet Constraints::toSet(MLIRContext *context, unsigned dims) const {
  return exprs.empty() ? alwaysTrue(context, dims) : IntegerSet::get(dims, 0, exprs, equalities);
}

ParseResult tgc::kernel::parseConstraints(OpAsmParser &parser, AxisUses &uses, Constraints &constraints) {
  return parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren, [&]() -> ParseResult {
    if (parseIndex(parser, uses, constraints.exprs.emplace_back()))
      return failure();
    bool equality = succeeded(parser.parseOptionalEqual());
    constraints.equalities.push_back(equality);
    if ((!equality && parser.parseGreater()) || parser.parseEqual())
      return failure();
    int64_t zero = 0;
    if (parser.parseInteger(zero))
      return failure();
    if (zero != 0)
      return parser.emitError(parser.getCurrentLocation(), "a condition compares with 0");
    return success();
  });
}

void tgc::kernel::printConstraints(OpAsmPrinter &printer, IntegerSet set, ValueRange axes) {
  printer << "(";
  llvm::interleaveComma(llvm::zip(set.getConstraints(), set.getEqFlags()), printer, [&](auto constraint) {
    printIndex(printer, std::get<0>(constraint), axes);
    printer << (std::get<1>(constraint) ? " == 0" : " >= 0");
  });
  printer << ")";
}
