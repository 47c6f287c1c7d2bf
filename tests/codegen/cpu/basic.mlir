// RUN: tgc-cpu-run %s --blocks=4 --fill=iota --print=2 | FileCheck %s
// RUN: tgc-cpu-run %s --blocks=4 --fill=iota --print=2 --target=generic | FileCheck %s

// A block is 16 elements; buffer %b is the right half of rows of 8.
// CHECK: add buffer 2: 4 6 8 10
func.func @add(%a: memref<16x4xf32>, %b: memref<16x4xf32, strided<[8, 1], offset: 4>>, %c: memref<16x4xf32>,
               %begin: index, %end: index) attributes {tgc.kernel, tgc.scratch_bytes = 0 : i64} {
  %c1 = arith.constant 1 : index
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  scf.for %i = %begin to %end step %c1 {
    %r0 = affine.apply affine_map<(d0) -> (d0 * 4)>(%i)
    scf.for %j = %c0 to %c4 step %c1 {
      %r = arith.addi %r0, %j : index
      %x = vector.load %a[%r, %c0] : memref<16x4xf32>, vector<4xf32>
      %y = vector.load %b[%r, %c0] : memref<16x4xf32, strided<[8, 1], offset: 4>>, vector<4xf32>
      %z = arith.addf %x, %y : vector<4xf32>
      vector.store %z, %c[%r, %c0] : memref<16x4xf32>, vector<4xf32>
    }
  }
  return
}
