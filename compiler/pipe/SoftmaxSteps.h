// The softmax of attention over blocks of keys, on scores that groups of threads hold as fragments.
#pragma once
#include "compiler/pipe/Registers.h"

namespace tgc::pipe {

class SoftmaxSteps {
public:
  SoftmaxSteps(Program &program, kernel::SoftmaxOp softmax, kernel::ContractOp scores);

  struct Step {
    mlir::Value weights; ///< f32
    mlir::Value maximum, sum, shrink;
  };
  /// The weights of a block's scores, which stand at the program's present coordinates; maxima and sums so far are null
  /// for the first block, which alone may end inside. `shrink` is what sums and result so far are multiplied with.
  Step next(mlir::Value scores, mlir::Value oldMaximum, mlir::Value oldSum, mlir::Value firstRow);
  mlir::Value scaled(mlir::Value result, mlir::Value shrink);
  /// What the result is multiplied with: one over the sums, which threads have in parts.
  mlir::Value divisorOf(mlir::Value parts);

  tile::FragmentType fragment(llvm::ArrayRef<int64_t> shape, mlir::Type type, llvm::StringRef layout);
  tile::FragmentType scoresType, leftType, resultType, rowsType;

private:
  void findScale();
  mlir::Value masked(mlir::Value scores);
  mlir::Value number(double value);
  mlir::Value at(mlir::Value fragment, mlir::ValueRange coords, bool neighbours = false);
  mlir::Value all(mlir::Value scalar);
  mlir::Value exp2(mlir::Value power);
  mlir::Value rows(llvm::function_ref<mlir::Value(mlir::Value row)> body);
  mlir::Value each(tile::FragmentType type, int64_t lanes,
                   llvm::function_ref<mlir::Value(mlir::ValueRange)> body);

  Program &program;
  const PipePlan &plan;
  mlir::OpBuilder &builder;
  mlir::Location loc;
  kernel::SoftmaxOp softmax;
  kernel::ContractOp scores;
  mlir::Type f32;
  double factor = 1; ///< of scores in exponents
  bool computed = false;
};

} // namespace tgc::pipe
