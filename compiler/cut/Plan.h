// The cutter's working state: which operations are computed together, and which values are in memory.
#pragma once
#include "compiler/cut/Access.h"
#include "compiler/cut/Choices.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include <vector>

namespace tgc::cut {

/// One kernel in the making.
struct Cluster {
  unsigned id = 0;
  bool prepare = false; ///< depends on weights alone
  bool dead = false;    ///< taken up by another cluster
  llvm::SmallVector<int64_t> axes;
  /// Values whose elements go along with points of the axes: those that the cluster computes, and those that
  /// it reads in step with a reduction.
  llvm::MapVector<mlir::Value, Placement> placed;
  llvm::SmallVector<mlir::Operation *> members; ///< operations it computes, in order of the graph
  llvm::SmallVector<mlir::Operation *> cores;   ///< those of them that are contractions or reductions
  llvm::SmallVector<unsigned> reads;            ///< clusters whose values it may read
  llvm::SmallVector<mlir::Value> outputs;       ///< values it stores
  unsigned firstOp = 0, lastOp = 0;             ///< positions in the graph

  bool hasContract() const { return llvm::any_of(cores, isContract); }
};

/// Part of another value's buffer: element d of the value is element index(d) of `whole`.
struct Part {
  mlir::Value whole;
  Exprs index;
};

struct Plan {
  explicit Plan(mlir::func::FuncOp function, Choices &choices) : function(function), choices(choices) {}

  mlir::func::FuncOp function;
  Choices &choices;
  Accesses accesses;
  std::vector<Cluster> clusters;
  llvm::DenseMap<mlir::Operation *, unsigned> owner; ///< cluster of an operation; absent: computed where used
  llvm::DenseMap<mlir::Operation *, unsigned> position; ///< in the graph
  llvm::DenseSet<mlir::Value> weightOnly;
  /// Values in memory, with the cluster that stores them.
  llvm::MapVector<mlir::Value, unsigned> stored;
  /// Values in memory that other clusters store as parts.
  llvm::DenseSet<mlir::Value> assembled;
  llvm::DenseMap<mlir::Value, Part> parts;

  mlir::MLIRContext *context() const { return mlir::func::FuncOp(function).getContext(); }
  Cluster &newCluster(mlir::Operation *op);
  bool isWeightOnly(mlir::Operation *op) const {
    return op->getNumResults() > 0 && weightOnly.contains(op->getResult(0));
  }
  const Cluster *ownerOf(mlir::Operation *op) const;
  Cluster *ownerOf(mlir::Operation *op);
  /// Whether the value can be loaded: an argument, a weight, or stored by some cluster.
  bool inMemory(mlir::Value value) const;
  /// Whether cluster `from` reads values of `to`, directly or not.
  bool reaches(unsigned from, unsigned to) const;

private:
  mutable llvm::BitVector visited_;
};

/// Fills `clusters` and `owner`: cores with their element-wise surroundings.
void formClusters(Plan &plan);
/// Decides what is stored and what is computed again; fills `stored`, outputs and clusters of lone values.
void chooseStored(Plan &plan);
/// Values in memory that each cluster loads, by its number.
using LoadedValues = std::vector<llvm::SetVector<mlir::Value>>;
/// Walks from outputs to values in memory: what each cluster loads, and from that Cluster::reads.
void collectReads(Plan &plan, LoadedValues &loads);
/// Unites independent clusters of one shape that read the same values.
void mergeSiblings(Plan &plan);

} // namespace tgc::cut
