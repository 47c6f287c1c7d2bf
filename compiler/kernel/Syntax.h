// Shared pieces of the kernel dialect's text: indices and conditions written in the axes' names.
#pragma once
#include "mlir/IR/OpImplementation.h"

namespace tgc::kernel {

using UnresolvedOperands = llvm::SmallVector<mlir::OpAsmParser::UnresolvedOperand>;

/// The axes that one operation's indices and conditions name, each once, in order of first use.
struct AxisUses {
  UnresolvedOperands operands;

  /// Position of `operand`, added if new.
  unsigned add(const mlir::OpAsmParser::UnresolvedOperand &operand);
};

/// Parses `expr, expr, …` in the given delimiters. Expressions name axes directly; the dimensions of the
/// result are positions in `uses`.
mlir::ParseResult parseIndices(mlir::OpAsmParser &parser, AxisUses &uses,
                               mlir::OpAsmParser::Delimiter delimiter,
                               llvm::SmallVectorImpl<mlir::AffineExpr> &exprs);
mlir::ParseResult parseIndex(mlir::OpAsmParser &parser, AxisUses &uses, mlir::AffineExpr &expr);
void printIndex(mlir::OpAsmPrinter &printer, mlir::AffineExpr expr, mlir::ValueRange axes);

/// `(%c - 640 >= 0, %p == 0)`.
struct Constraints {
  llvm::SmallVector<mlir::AffineExpr> exprs;
  llvm::SmallVector<bool> equalities;
  mlir::IntegerSet toSet(mlir::MLIRContext *context, unsigned dims) const;
};
mlir::ParseResult parseConstraints(mlir::OpAsmParser &parser, AxisUses &uses, Constraints &constraints);
void printConstraints(mlir::OpAsmPrinter &printer, mlir::IntegerSet set, mlir::ValueRange axes);

} // namespace tgc::kernel
