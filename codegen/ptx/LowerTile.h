// Lowers the tile stage to the thread stage of a GPU.
#pragma once
#include "search/DeviceInfo.h"
#include "mlir/IR/BuiltinOps.h"

namespace tgc::ptx {

/// Replaces every tile.func of the module by
///   func.func @k(buffers…) attributes {tgc.kernel, tgc.threads, tgc.shared_bytes}
/// whose body finds block and thread by the gpu dialect and has its shared memory in
/// gpu.dynamic_shared_memory. Throws tgc::Error (Internal).
void lowerTileModule(mlir::ModuleOp module, const DeviceInfo &device);

} // namespace tgc::ptx
