// RUN: tgc-loop %s --emit=tile --schedule='upcast(c,32)' --target=avx512 | FileCheck %s

// Moments take two passes over the row, each with a state a register; the second sums differences from the
// first mean. What only depends on the row stands before the loop that stores; both stores share a block.

kernel.func @norm(%x: memref<4x64xf32>, %g: memref<64xf32>, %y: memref<4x64xf32>, %r: memref<4xf32>) axes(%m = 4, %c = 64) {
  %eps = arith.constant 1.0e-6 : f32
  %v = kernel.load %x[%m, %c] : memref<4x64xf32>
  %mu, %var = kernel.moments %v over(%c) : f32 -> f32, f32
  %ve = arith.addf %var, %eps : f32
  %rs = math.rsqrt %ve : f32
  %d = arith.subf %v, %mu : f32
  %n = arith.mulf %d, %rs : f32
  %gg = kernel.load %g[%c] : memref<64xf32>
  %o = arith.mulf %n, %gg : f32
  kernel.store %o, %y[%m, %c] : memref<4x64xf32>
  kernel.store %rs, %r[%m] : memref<4xf32>
}

// CHECK-LABEL: tile.func @norm
// CHECK-SAME: block %block of 4
// CHECK: %[[SUM:.*]]:2 = scf.for {{.*}} -> (vector<16xf32>, vector<16xf32>)
// CHECK: arith.addf %[[SUM]]#0, %[[SUM]]#1
// CHECK: vector.extract_strided_slice {{.*}} sizes = [8]
// CHECK: vector.extract_strided_slice {{.*}} sizes = [1]
// CHECK: arith.divf {{.*}} : f32
// CHECK: scf.for {{.*}} -> (vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>)
// CHECK: arith.subf {{.*}} : vector<16xf32>
// CHECK: arith.maximumf {{.*}} : f32
// CHECK: math.rsqrt {{.*}} : f32
// CHECK: memref.store {{.*}} %r[%block]
// CHECK: scf.for
// CHECK-NOT: rsqrt
// CHECK: vector.load %g
// CHECK: vector.store
// CHECK-NOT: rsqrt
