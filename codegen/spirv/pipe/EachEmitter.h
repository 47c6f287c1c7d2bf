// What emits a tile.each: its body at every element that a thread holds (Elements.cpp), or as the registers of a product's
// operand (OperandElements.cpp).
#pragma once
#include "codegen/common/BodyEmitter.h"
#include "codegen/spirv/pipe/PipeLowering.h"

namespace tgc::spv {

class EachEmitter : public OperandReader, BodyEmitter {
public:
  EachEmitter(PipeLowering &lowering, tile::EachOp each);
  /// Whether it is an operand of a product, whose registers may come one by one, and how many these are.
  bool isOperand() { return each.getLayout() == "left" || each.getLayout() == "right"; }
  int64_t operandRegisters();

  /// Before the first of `get`.
  void start();
  mlir::Value get(int64_t point, int64_t step) override;
  /// All of it.
  void run();

private:
  void sums();
  void rows();
  llvm::SmallVector<mlir::Value> rowsOf(llvm::function_ref<mlir::Value(int64_t)> element);
  void collect(llvm::function_ref<mlir::Value(int64_t)> element);

  tile::FragmentType type() { return mlir::cast<tile::FragmentType>(each.getResult().getType()); }
  int64_t atomDepth() { return atomDepthOf(type()); }
  bool readsRows() { return each.getLayout() == "left" && lanes >= atomDepth(); }
  mlir::Value left(int64_t row, int64_t deep);
  mlir::Value right(int64_t column, int64_t deep);
  /// Steps of the depth that the lanes have a word each of.
  int64_t stepsOfLanes() { return width * 32 / type().getElementType().getIntOrFloatBitWidth(); }
  /// Whether all lanes would compute the same columns of a right operand, which they then share out among them.
  bool isVector();
  /// An integer of `bits` bits that consists of these, the lowest ones first.
  mlir::Value joined(llvm::ArrayRef<mlir::Value> parts, int64_t bits);
  /// `count` integers of `bits` bits that neighbours from this place on are.
  llvm::SmallVector<mlir::Value> words(At at, int64_t count, int64_t bits);
  /// Neighbours of a row from one place on, of which every lane gets two of each atom's depth.
  mlir::Value readRow(mlir::vector::LoadOp load, At at);

  mlir::Value coordinate(bool isColumn, At at) override;
  mlir::Value special(mlir::Operation &op, At at) override;
  /// Operations that may be approximate, and that the machine has so.
  mlir::Value quick(mlir::Operation &op, At at);
  /// How far a coordinate is from the thread's own row or column, or the coordinate if it is the same in all threads.
  int64_t distance(mlir::Value coordinate, bool isColumn, At at, bool own);
  mlir::Value read(tile::ElementOp element, At at);

  PipeLowering &lowering;
  mlir::OpBuilder &builder;
  mlir::Location loc;
  int64_t lanes, width;
  int64_t rowScale = 0, columnScale = 0; ///< how the coordinates depend on the lane's number
  mlir::Value ownRow, ownColumn; ///< what the lane adds to them, where it is no multiple of its number
  bool vector = false;
  llvm::DenseMap<int64_t, mlir::Value> wordOf; ///< of a vector, each lane's, by the first lane's step
  llvm::SmallVector<mlir::Value> made;
};

} // namespace tgc::spv
