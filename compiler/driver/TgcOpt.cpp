// tgc-opt: parses, transforms and prints any stage's text; the tool of the IR tests.
#include "compiler/cut/Passes.h"
#include "compiler/graph/Graph.h"
#include "compiler/graph/transforms/Passes.h"
#include "compiler/kernel/Kernel.h"
#include "compiler/kernel/Passes.h"
#include "compiler/tile/Tile.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"

int main(int argc, char **argv) {
  mlir::registerTransformsPasses();
  tgc::graph::registerGraphPasses();
  tgc::cut::registerCutPasses();
  tgc::kernel::registerKernelPasses();
  mlir::DialectRegistry registry;
  registry.insert<mlir::arith::ArithDialect, mlir::math::MathDialect, mlir::func::FuncDialect,
                  mlir::memref::MemRefDialect, mlir::scf::SCFDialect, mlir::vector::VectorDialect,
                  mlir::affine::AffineDialect, tgc::graph::GraphDialect, tgc::kernel::KernelDialect,
                  tgc::tile::TileDialect>();
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "tgc stage transformer\n", registry));
}
