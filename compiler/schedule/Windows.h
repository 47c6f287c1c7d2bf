// Where a load moves over a window: taps that move it as much as a place of the result does.
#pragma once
#include "mlir/IR/AffineMap.h"
#include "search/KernelInfo.h"

namespace tgc {

/// The windows of a load with that map, whose dimension i is axis i of the kernel; `indices` are its linear parts.
std::vector<WindowInfo> windowsOf(mlir::AffineMap map, llvm::ArrayRef<LinearIndex> indices,
                                  llvm::ArrayRef<AxisInfo> axes);

} // namespace tgc
