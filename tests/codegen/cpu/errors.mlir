// RUN: split-file %s %t
// RUN: not tgc-cpu-run %t/dynamic.mlir 2>&1 | FileCheck %s --check-prefix=DYNAMIC
// RUN: not tgc-cpu-run %t/returns.mlir 2>&1 | FileCheck %s --check-prefix=RETURNS
// RUN: not tgc-cpu-run %t/none.mlir 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not tgc-cpu-run %t/dynamic.mlir --target=z80 2>&1 | FileCheck %s --check-prefix=TARGET

// DYNAMIC: a kernel's buffer must be a memref of static shape and layout, not 'memref<?xf32>'
// RETURNS: a kernel takes buffers, then two indices, and returns nothing
// NONE: the module has no function with the attribute tgc.kernel
// TARGET: no CPU target 'z80'

//--- dynamic.mlir
func.func @k(%a: memref<?xf32>, %begin: index, %end: index) attributes {tgc.kernel} {
  return
}

//--- returns.mlir
func.func @k(%a: memref<4xf32>, %begin: index, %end: index) -> index attributes {tgc.kernel} {
  return %begin : index
}

//--- none.mlir
func.func @k(%a: memref<4xf32>, %begin: index, %end: index) {
  return
}
