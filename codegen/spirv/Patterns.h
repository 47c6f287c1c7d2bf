// The patterns of the conversion to SPIR-V, by what they convert.
#pragma once
#include "codegen/spirv/LowerThread.h"
#include "mlir/Dialect/SPIRV/Transforms/SPIRVConversion.h"

namespace tgc::spv {

/// Loads, stores and views: a memref is a pointer to its first element, wherever its type says that it starts.
void populateMemoryPatterns(const mlir::SPIRVTypeConverter &types, mlir::RewritePatternSet &patterns);
/// Numbers of blocks and threads, barriers, shuffles. `subgroup` is the subgroups' size if threads' numbers are to be
/// made of theirs, else 0.
void populateThreadPatterns(const mlir::SPIRVTypeConverter &types, int64_t subgroup,
                            mlir::RewritePatternSet &patterns);
/// What MLIR's own patterns for arith, math and vector lack or get wrong.
void populateValuePatterns(const mlir::SPIRVTypeConverter &types, const Features &features,
                           mlir::RewritePatternSet &patterns);

/// The storage class of a memref.
mlir::spirv::StorageClass storageOf(mlir::MemRefType type);
/// The variable that holds the kernel's shared memory; the dialect's symbol.
inline constexpr llvm::StringLiteral kSharedSymbol = "tgc_shared";

} // namespace tgc::spv
