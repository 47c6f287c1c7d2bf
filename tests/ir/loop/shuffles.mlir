// RUN: tgc-loop %s --emit=tile --schedule='upcast(r,2) upcast(i,16)' --target=avx512 --kernel=pairs | FileCheck %s --check-prefix=PAIRS
// RUN: tgc-loop %s --emit=tile --schedule='upcast(m,16) upcast(n,16)' --target=avx512 --kernel=transpose | FileCheck %s --check-prefix=TRANS
// RUN: tgc-loop %s --emit=tile --schedule='upcast(m,16) upcast(n,16)' --target=avx512 --kernel=transposed_sum | FileCheck %s --check-prefix=SUM
// RUN: tgc-loop %s --emit=check --schedule='upcast(m,4) upcast(n,4)' --target=generic --kernel=transposed_sum | FileCheck %s --check-prefix=CHECKED
// RUN: tgc-loop %s --emit=check --schedule='upcast(m,4) upcast(n,4)' --target=generic --kernel=joined | FileCheck %s --check-prefix=CHECKED
// CHECKED: agrees

// Pairs in memory, lanes along the pairs: two whole vectors are taken apart, and put together again for the store.
// The partner comes from the same two vectors.
kernel.func @pairs(%x: memref<4x32x2xf32>, %y: memref<4x32x2xf32>) axes(%m = 4, %i = 32, %r = 2) {
  %v = kernel.load %x[%m, %i, %r] : memref<4x32x2xf32>
  %w = kernel.load %x[%m, %i, 1 - %r] : memref<4x32x2xf32>
  %s = arith.subf %v, %w : f32
  kernel.store %s, %y[%m, %i, %r] : memref<4x32x2xf32>
}
// PAIRS-LABEL: tile.func @pairs
// PAIRS: vector.load
// PAIRS: vector.load
// PAIRS: vector.shuffle {{.*}} [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30]
// PAIRS: vector.shuffle {{.*}} [1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31]
// PAIRS-NOT: memref.load
// PAIRS: vector.shuffle {{.*}} [0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23]
// PAIRS: vector.store
// PAIRS: vector.store

// As many registers of the load's contiguous axis as lanes: 16 vectors, transposed in 4 rounds of 16 shuffles.
kernel.func @transpose(%x: memref<32x32xf32>, %y: memref<32x32xf32>) axes(%m = 32, %n = 32) {
  %v = kernel.load %x[%m, %n] : memref<32x32xf32>
  kernel.store %v, %y[%n, %m] : memref<32x32xf32>
}
// TRANS-LABEL: tile.func @transpose
// TRANS-COUNT-16: vector.load
// TRANS-COUNT-64: vector.shuffle
// TRANS-COUNT-16: vector.store
// TRANS-NOT: memref.load

// More loads than stores decide for lanes along the loads: the store is what is transposed, one vector a lane, and its
// rows may lie further apart than the vectors are long.
kernel.func @transposed_sum(%a: memref<32x48xf32>, %b: memref<32x48xf32>, %y: memref<48x32xf32>) axes(%m = 32, %n = 48) {
  %v = kernel.load %a[%m, %n] : memref<32x48xf32>
  %w = kernel.load %b[%m, %n] : memref<32x48xf32>
  %s = arith.addf %v, %w : f32
  kernel.store %s, %y[%n, %m] : memref<48x32xf32>
}
// SUM-LABEL: tile.func @transposed_sum
// SUM-COUNT-32: vector.load
// SUM-COUNT-64: vector.shuffle
// SUM-COUNT-16: vector.store

// Weights side by side, turned.
kernel.func @joined(%a: memref<16x16xf32>, %b: memref<16x16xf32>, %c: memref<16x16xf32>, %y: memref<48x16xf32>) axes(%m = 16, %n = 48) {
  %v = kernel.load %a[%m, %n] : memref<16x16xf32>, %b[%m, %n - 16] : memref<16x16xf32>, %c[%m, %n - 32] : memref<16x16xf32> else 0.0
  kernel.store %v, %y[%n, %m] : memref<48x16xf32>
}
