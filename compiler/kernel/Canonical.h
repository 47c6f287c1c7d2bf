// Canonical form of kernels: the text that tuning records are kept under, and names made of it.
#pragma once
#include "compiler/kernel/Kernel.h"

#include <string>

namespace tgc::kernel {

/// Canonical order of operations, axes and buffers, and names by role (b m n k p r q, x… y…). `order[i]` is
/// the old position of buffer i; the caller reorders the launches.
void canonicalize(FuncOp func, llvm::SmallVectorImpl<unsigned> &order);

/// The tuning key: the kernel in canonical form, without its symbol, schedule and attributes, with
/// floating-point constants other than 0, 1, -1 and infinities as numbered placeholders. The kernel itself
/// does not change.
std::string canonicalText(FuncOp func);
/// The same with its constants: equal texts are equal kernels, up to the order of their buffers, which
/// `order` says as in canonicalize.
std::string exactText(FuncOp func, llvm::SmallVectorImpl<unsigned> &order);

/// 64 bits of a text; the same on every machine and in every version.
uint64_t stableHash(llvm::StringRef text);

/// What the kernel does and over how much, as "contract_m4096n320k320": its kind, and the extents' product of
/// each role.
std::string shapeClass(FuncOp func);

} // namespace tgc::kernel
