// RUN: tgc-loop %s --emit=tile --schedule='upcast(n,16) upcast(m,2) tile(m,4) tile(n,32)' --target=avx512 | FileCheck %s
// RUN: tgc-loop %s --emit=tile --schedule=raw --target=avx512 | FileCheck %s --check-prefix=RAW

// Lanes along n, two rows in registers; the block walks its tile row by row, and the loop over k has one
// accumulator a row. A value of x serves all lanes, a vector of w serves both rows.

kernel.func @matmul(%x: memref<8x12xf32>, %w: memref<12x64xf32>, %b: memref<64xf32>, %y: memref<8x64xf32>)
    axes(%m = 8, %n = 64, %k = 12) {
  %a = kernel.load %x[%m, %k] : memref<8x12xf32>
  %v = kernel.load %w[%k, %n] : memref<12x64xf32>
  %s = kernel.contract %a, %v over(%k) : f32, f32 -> f32
  %c = kernel.load %b[%n] : memref<64xf32>
  %t = arith.addf %s, %c : f32
  kernel.store %t, %y[%m, %n] : memref<8x64xf32>
}

// CHECK-LABEL: tile.func @matmul
// CHECK-SAME: block %block of 4 threads(1)
// CHECK-DAG: arith.remui %block
// CHECK-DAG: arith.divui %block
// CHECK: scf.for %[[M:.*]] = %c0 to %c2 step %c1 {
// CHECK: scf.for %[[N:.*]] = %c0 to %c2 step %c1 {
// CHECK: scf.for {{.*}} to %c12 step %c1 iter_args({{.*}}) -> (vector<16xf32>, vector<16xf32>) {
// CHECK: memref.load
// CHECK: vector.broadcast
// CHECK: vector.load {{.*}} : memref<768xf32>, vector<16xf32>
// CHECK: arith.mulf {{.*}} fastmath<contract>
// CHECK: arith.addf {{.*}} fastmath<contract>
// CHECK: memref.load
// CHECK-NOT: vector.load
// CHECK: scf.yield
// CHECK: vector.load %b
// CHECK: vector.store
// CHECK: vector.store

// RAW-LABEL: tile.func @matmul
// RAW-SAME: block %block of 512 threads(1)
// RAW-NOT: vector
// RAW: scf.for {{.*}} to %c12 step %c1 iter_args
// RAW-NOT: scf.for
// RAW: memref.store
