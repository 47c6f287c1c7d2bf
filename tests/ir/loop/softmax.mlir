// RUN: tgc-loop %s --emit=tile --schedule='upcast(e,16) unroll(n,4)' --target=avx512 | FileCheck %s

// One running maximum and sum a row (scalars: lanes lie along the values' columns), rescaled once a step of four
// keys; the scores of a step are contracted inside it.

kernel.func @attend(%q: memref<8x8xf32>, %k: memref<12x8xf32>, %v: memref<12x16xf32>, %o: memref<8x16xf32>)
    axes(%m = 8, %n = 12, %d = 8, %e = 16) {
  %a = kernel.load %q[%m, %d] : memref<8x8xf32>
  %b = kernel.load %k[%n, %d] : memref<12x8xf32>
  %s = kernel.contract %a, %b over(%d) : f32, f32 -> f32
  %vv = kernel.load %v[%n, %e] : memref<12x16xf32>
  %r = kernel.softmax %s, %vv over(%n) : f32, f32 -> f32
  kernel.store %r, %o[%m, %e] : memref<8x16xf32>
}

// CHECK-LABEL: tile.func @attend
// CHECK: %[[STATE:.*]]:3 = scf.for {{.*}} = %c0 to %c3 step %c1 iter_args({{.*}}) -> (f32, f32, vector<16xf32>) {
// CHECK: scf.for {{.*}} -> (f32, f32, f32, f32) {
// CHECK-COUNT-4: arith.maxnumf {{.*}} : f32
// CHECK-NOT: maxnumf
// CHECK-COUNT-5: math.exp {{.*}} : f32
// CHECK-NOT: math.exp
// CHECK: }
// CHECK: %[[SUM:.*]] = vector.broadcast %[[STATE]]#1
// CHECK: arith.divf %[[STATE]]#2, %[[SUM]]
