// RUN: tgc-pipe %s --target avx512 --emit tile | FileCheck %s
// RUN: tgc-pipe %s --target avx512 --emit plan | FileCheck %s --check-prefix=PLAN

// A weight packed ahead, the left operand read in place; the last tile of rows is not full.
// PLAN-LABEL: tc(fma) tile(k,64) tile(m,48) tile(n,96) copy(x,plain) pack(w,n32k)
// PLAN: pipe fma {{[0-9]+}}x32
// PLAN: operand a: plain, 0 stages
// PLAN: operand b: packed
// PLAN: launch: 3 blocks
// PLAN: pack w n32k [3x64x32]
// CHECK-LABEL: tile.func @in_place(
// CHECK-SAME:  %w: memref<3x64x32xf32>
// CHECK-SAME:  block %block of 3
// CHECK:   tile.walk (%m) in (3) at %block {
// CHECK:     %[[SUMS:.*]] = tile.scratch : memref<48x96xf32>
// CHECK:     %[[M0:.*]] = affine.apply affine_map<(d0) -> (d0 * 48)>(%m)
// CHECK:     %[[A:.*]] = tile.view %x[%[[M0]], %c0] : memref<100x64xf32> to memref<48x64xf32, strided<[64, 1], offset: ?>>
// CHECK:     %[[B:.*]] = tile.view %w[%c0, %c0, %c0] : memref<3x64x32xf32> to memref<64x96xf32, #tile.layout<[64:32], [32:1, 3:2048]>>
// CHECK:     %[[ROWS:.*]] = arith.minsi
// CHECK:     tile.dot fma<{{[0-9]+}}x32> %[[A]], %[[B]] -> %[[SUMS]] rows(%[[ROWS]]) from_zero
// CHECK:     tile.map (%[[I:.*]], %n) to (%[[ROWS]], 96) lanes(16) {
// CHECK:       %[[S:.*]] = vector.load %[[SUMS]][%[[I]], %n] : memref<48x96xf32>, vector<16xf32>
// CHECK:       %[[BIAS:.*]] = vector.load %b[%n]
// CHECK:       %[[T:.*]] = arith.addf %[[S]], %[[BIAS]]
// CHECK:       vector.store %[[T]], %y
kernel.func @in_place(%x: memref<100x64xf32>, %w: memref<96x64xf32> {free}, %b: memref<96xf32>, %y: memref<100x96xf32>)
    axes(%m = 100, %n = 96, %k = 64)
    attributes {schedule = "tc(fma) tile(k,64) tile(m,48) tile(n,96) copy(x,plain) pack(w,n32k)"} {
  %a = kernel.load %x[%m, %k] : memref<100x64xf32>
  %c = kernel.load %w[%n, %k] : memref<96x64xf32>
  %s = kernel.contract %a, %c over(%k) : f32, f32 -> f32
  %bias = kernel.load %b[%n] : memref<96xf32>
  %t = arith.addf %s, %bias : f32
  kernel.store %t, %y[%m, %n] : memref<100x96xf32>
}

// Both operands copied and widened by each block; the depth in two steps, the second not full; columns that need a
// tail in the epilogue. Rows and columns exchanged would be no different but for the names.
// PLAN-LABEL: tc(fma) tile(k,40) tile(m,20) tile(n,24)
// PLAN: operand a: pack, 1 stages of 3840 bytes
// PLAN: operand b: pack
// CHECK-LABEL: tile.func @copied(
// CHECK:   %[[A:.*]] = tile.scratch : memref<20x40xf32, strided<[48, 1]>>
// CHECK:   %[[B:.*]] = tile.scratch : memref<40x32xf32, #tile.layout<[40:32], [32:1, 1:1280]>>
// CHECK:   scf.for %[[STEP:.*]] = %c0 to %c2
// CHECK:     %[[FIRST:.*]] = arith.cmpi eq, %[[STEP]], %c0
// CHECK:     %[[DEPTH:.*]] = arith.minsi
// CHECK:     tile.copy pack (%m, %[[K:.*]]) to (20, %[[DEPTH]]) lanes(16) -> %[[A]][%m, %[[K]]]
// CHECK:       %[[V:.*]] = vector.load %x
// CHECK:       %[[W:.*]] = arith.extf %[[V]] : vector<16xbf16> to vector<16xf32>
// CHECK:       tile.yield %[[W]]
// CHECK:     } tail {
// CHECK:     tile.copy pack (%{{.*}}, %{{.*}}) to (%[[DEPTH]], 24) lanes(16) -> %[[B]]
// CHECK:     tile.dot fma<{{[0-9]+}}x32> %[[A]], %[[B]] -> %{{.*}} depth(%[[DEPTH]]) fresh(%[[FIRST]])
// CHECK:   tile.map (%{{.*}}, %{{.*}}) to (20, 24) lanes(16) {
// CHECK:   } tail {
kernel.func @copied(%x: memref<20x65xbf16>, %w: memref<65x24xbf16>, %y: memref<20x24xf32>) axes(%m = 20, %n = 24, %k = 65)
    attributes {schedule = "tc(fma) tile(k,40) tile(m,20) tile(n,24)"} {
  %a = kernel.load %x[%m, %k] : memref<20x65xbf16>
  %c = kernel.load %w[%k, %n] : memref<65x24xbf16>
  %s = kernel.contract %a, %c over(%k) : bf16, bf16 -> f32
  kernel.store %s, %y[%m, %n] : memref<20x24xf32>
}
