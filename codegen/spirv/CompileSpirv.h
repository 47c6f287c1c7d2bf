// Compiles thread-stage MLIR into a SPIR-V module for OpenCL.
#pragma once
#include "codegen/spirv/LowerThread.h"
#include "compiler/tile/Tile.h"
#include "mlir/IR/BuiltinOps.h"
#include "search/DeviceInfo.h"
#include <string>
#include <vector>

namespace tgc::spv {

/// A module's one kernel.
struct SpirvKernel {
  std::string name; ///< of the entry
  int64_t threads = 1, sharedBytes = 0;
  int64_t registers = 0; ///< that a thread wants; 0: as many as it has
  std::vector<uint32_t> words;
};

struct SpirvCompileOptions {
  bool verify = false;         ///< the IR after every pass
  std::string *text = nullptr; ///< where to put the SPIR-V dialect's text
};

/// Compiles the one function of `module` that has the attribute `tgc.kernel`. The module is not changed. May run on
/// several threads, each with a module of its own. Throws tgc::Error (Internal).
SpirvKernel compileSpirvModule(mlir::ModuleOp module, const Features &features,
                               const SpirvCompileOptions &options = {});

/// Replaces a block program by the program of one thread. Throws tgc::Error (Internal).
void lowerProgram(tile::FuncOp program, const DeviceInfo &device);

/// The dialects of the thread stage and the ones it is lowered through.
void registerSpirvDialects(mlir::DialectRegistry &registry);

} // namespace tgc::spv
