// Booleans in memory.
#pragma once
#include "mlir/Pass/Pass.h"
#include <memory>

namespace tgc {

/// Memory holds i1 as bytes 0 and 1.
std::unique_ptr<mlir::Pass> createByteBooleansPass();

} // namespace tgc
