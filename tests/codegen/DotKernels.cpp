#include "tests/codegen/DotKernels.h"

using namespace mlir;

namespace tgc::test {

Type elementType(MLIRContext &context, const std::string &name) {
  Builder builder(&context);
  return name == "f64"    ? Type(builder.getF64Type())
         : name == "bf16" ? Type(builder.getBF16Type())
         : name == "f16"  ? Type(builder.getF16Type())
                          : Type(builder.getF32Type());
}

OwningOpRef<ModuleOp> buildDot(MLIRContext &context, const cpu::CpuTarget &target, const cpu::MicroTile &tile,
                               const DotShape &shape) {
  OpBuilder builder(&context);
  Location loc = builder.getUnknownLoc();
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  builder.setInsertionPointToEnd(module->getBody());
  int64_t panels = (shape.m + tile.rows - 1) / tile.rows;
  auto left = shape.panels ? MemRefType::get({panels, shape.k, tile.rows}, elementType(context, shape.left))
                           : MemRefType::get({shape.m, shape.k}, elementType(context, shape.left));
  auto right =
      MemRefType::get({shape.n / tile.columns(), shape.k, tile.columns()}, elementType(context, shape.right));
  auto sums = MemRefType::get({shape.m, shape.n}, elementType(context, shape.sums));
  auto count = MemRefType::get({1}, builder.getI64Type());
  auto panel = MemRefType::get({shape.k * tile.columns()}, elementType(context, shape.sums));
  Type index = builder.getIndexType();
  auto function = builder.create<func::FuncOp>(
      loc, "dot", builder.getFunctionType({left, right, sums, count, panel, index, index}, {}));
  function->setAttr("tgc.kernel", builder.getUnitAttr());
  function->setAttr("tgc.scratch_bytes", builder.getI64IntegerAttr(0));
  Block *body = function.addEntryBlock();
  builder.setInsertionPointToStart(body);
  Value one = builder.create<arith::ConstantIndexOp>(loc, 1);
  auto blocks = builder.create<scf::ForOp>(loc, body->getArgument(5), body->getArgument(6), one);
  builder.create<func::ReturnOp>(loc);
  builder.setInsertionPointToStart(blocks.getBody());

  cpu::DotProblem problem;
  problem.left.memref = body->getArgument(0);
  problem.left.rowStride = shape.panels ? 1 : shape.k;
  problem.left.kStride = shape.panels ? tile.rows : 1;
  problem.left.panelRows = shape.panels ? tile.rows : 0;
  problem.left.panelStride = shape.k * tile.rows;
  problem.right.memref = body->getArgument(1);
  problem.right.panelStride = shape.k * tile.columns();
  if (shape.widen)
    problem.right.widened = body->getArgument(4);
  problem.sums.memref = body->getArgument(2);
  problem.sums.rowStride = shape.n;
  problem.rows = shape.m;
  problem.columns = shape.n;
  problem.depth = shape.k;
  problem.startFromZero = shape.startFromZero;
  if (shape.dynamicRows) {
    Value zero = builder.create<arith::ConstantIndexOp>(loc, 0);
    Value rows = builder.create<memref::LoadOp>(loc, body->getArgument(3), zero);
    problem.dynamicRows = builder.create<arith::IndexCastOp>(loc, index, rows);
  }
  cpu::emitDot(builder, loc, target, tile, problem);
  return module;
}

} // namespace tgc::test
