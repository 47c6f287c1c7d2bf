// RUN: tgc-loop %s --emit=tile --schedule='upcast(c,16)' --target=avx512 --kernel=concat | FileCheck %s --check-prefix=CONCAT
// RUN: tgc-loop %s --emit=tile --schedule='upcast(c,16)' --target=avx512 --kernel=pad | FileCheck %s --check-prefix=PAD
// RUN: tgc-loop %s --emit=tile --schedule='upcast(c,16)' --target=avx512 --kernel=parts | FileCheck %s --check-prefix=PARTS

// The seam is at a multiple of the vector: a branch. Registers on one side of it need none.
kernel.func @concat(%u: memref<6x32xf32>, %k: memref<6x16xf32>, %y: memref<6x48xf32>) axes(%m = 6, %c = 48) {
  %v = kernel.load %u[%m, %c] if (31 - %c >= 0) : memref<6x32xf32>, %k[%m, %c - 32] if (%c - 32 >= 0) : memref<6x16xf32> else 0.0
  kernel.store %v, %y[%m, %c] : memref<6x48xf32>
}
// CONCAT-LABEL: tile.func @concat
// CONCAT: scf.if {{.*}} -> (vector<16xf32>) {
// CONCAT-NEXT: vector.load
// CONCAT-NEXT: scf.yield
// CONCAT-NEXT: } else {
// CONCAT: vector.load
// CONCAT-NOT: mask

// The border along c is inside a vector: a mask; the one along m is a branch.
kernel.func @pad(%x: memref<5x19xf32>, %y: memref<8x32xf32>) axes(%m = 8, %c = 32) {
  %v = kernel.load %x[%m - 1, %c - 3] : memref<5x19xf32> else 7.0
  kernel.store %v, %y[%m, %c] : memref<8x32xf32>
}
// PAD-LABEL: tile.func @pad
// PAD-DAG: arith.constant dense<7.000000e+00> : vector<16xf32>
// PAD: arith.cmpi {{.*}} : vector<16xi32>
// PAD: scf.if
// PAD: vector.maskedload
// PAD: else

// What only one of the conditional stores needs is computed in its branch; the reduction they share is not.
kernel.func @parts(%x: memref<2x16xf32>, %a: memref<16xf32>, %b: memref<16xf32>) axes(%p = 2, %c = 16) {
  %v = kernel.load %x[%p, %c] : memref<2x16xf32>
  %e = math.exp %v : f32
  %t = math.tanh %v : f32
  kernel.store %e, %a[%c] if (%p == 0) : memref<16xf32>
  kernel.store %t, %b[%c] if (%p - 1 == 0) : memref<16xf32>
}
// PARTS-LABEL: tile.func @parts
// PARTS: scf.if
// PARTS: math.exp
// PARTS: vector.store
// PARTS: scf.if
// PARTS: math.tanh
// PARTS: vector.store
