// The passes of the graph stage, and their one order.
#pragma once
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

namespace tgc::graph {

/// Reads of tensors without elements become what they give.
std::unique_ptr<mlir::Pass> createFoldEmptyPass();
/// Views and pieces compose, cancel and fold into contractions; constants and coordinates move through them;
/// views that enlarge or permute move below element-wise operations.
std::unique_ptr<mlir::Pass> createComposeViewsPass();
/// Means and variances written with sums become graph.moments.
std::unique_ptr<mlir::Pass> createFindMomentsPass();
/// Softmax followed by a contraction over its dimension becomes graph.contract softmax, if a row of the result has at most
/// `mostColumns` (0: any number).
std::unique_ptr<mlir::Pass> createFindAttentionPass(int64_t mostColumns);
void registerFindAttentionPass();
/// Constant factors of a contraction's operands become one factor of its result.
std::unique_ptr<mlir::Pass> createExtractScalesPass();
/// Contractions of integers that were extended from 8 bits multiply those of 8 bits.
std::unique_ptr<mlir::Pass> createNarrowIntegersPass();
/// Contractions of one left operand with weights become one, with the weights side by side.
std::unique_ptr<mlir::Pass> createMergeContractionsPass();
/// Equal element-wise operations on all slices of a tensor become one on the tensor.
std::unique_ptr<mlir::Pass> createJoinSlicesPass();
/// Element-wise work on a concatenation of computed tensors is done on its parts.
std::unique_ptr<mlir::Pass> createSplitConcatsPass();

/// Operands of contractions in f32 are rounded to "f16" or "bf16", or may be rounded to "tf32": what --precision does
/// to a model in f32.
std::unique_ptr<mlir::Pass> createNarrowContractionsPass(llvm::StringRef to);
void registerNarrowContractionsPass();

/// What a model computes in f64 on the way is computed in f32, for a device without f64; arguments, results and weights
/// that the user binds stay. `changed` gets where the operations come from; null where nobody asks.
std::unique_ptr<mlir::Pass> createAvoidDoublePass(llvm::SmallVectorImpl<mlir::Location> *changed = nullptr);
void registerAvoidDoublePass();

/// All of them but the last two, in order, on func.func. Attention has at most `attendColumns` columns (0: any number).
void addGraphPasses(mlir::OpPassManager &manager, int64_t attendColumns = 0);
/// Each pass by its name, and the pipeline `tgc-graph`.
void registerGraphPasses();

} // namespace tgc::graph
