// RUN: tgc-pipe %s --target avx512 --emit tile | FileCheck %s
// RUN: tgc-pipe %s --target avx512 --emit thread | FileCheck %s --check-prefix=THREAD

// Rows are pixels, two image rows of them a block; the depth walks taps and blocks of channels.
// CHECK-LABEL: tile.func @conv(
// CHECK:   tile.walk (%y) in (2) at %block {
// CHECK:     %[[A:.*]] = tile.scratch : memref<12x32xf32, strided<[32, 1]>>
// CHECK:     scf.for %[[R:.*]] = %c0 to %c3
// CHECK:       scf.for %[[S:.*]] = %c0 to %c3
// CHECK:         tile.copy pack (%[[Y:.*]], %x, %c) to (2, 6, 32) lanes(16) -> %[[A]][%x + %[[Y]] * 6, %c]
// CHECK:           %[[IN:.*]] = scf.if %{{.*}} -> (vector<16xf32>) {
// CHECK:             vector.load %in
// CHECK:         tile.view %w[%c0, %{{.*}}, %c0] : memref<1x288x32xf32> to memref<32x32xf32, #tile.layout<[32:32], [32:1, 1:9216]>>
// CHECK:         tile.dot
// CHECK:     tile.map (%{{.*}}, %{{.*}}, %o) to (2, 6, 32) lanes(16) {

// A row of channels is copied or filled: the branch stands around the loop over them, the test before it.
// THREAD-LABEL: func.func @conv(
// THREAD:      affine_map<(d0, d1) -> (-d0 - d1 + 6)>
// THREAD:      %[[INSIDE:.*]] = arith.andi
// THREAD-NEXT: scf.if %[[INSIDE]] {
// THREAD-NEXT:   scf.for
// THREAD-NOT:      scf.if
// THREAD:          vector.load %arg0
// THREAD:          vector.store
// THREAD:      } else {
// THREAD-NEXT:   scf.for
// THREAD-NOT:      vector.load
// THREAD:          vector.store
kernel.func @conv(%in: memref<4x6x32xf32>, %w: memref<32x3x3x32xf32> {free}, %out: memref<4x6x32xf32>)
    axes(%y = 4, %x = 6, %o = 32, %r = 3, %s = 3, %c = 32)
    attributes {schedule = "tc(fma) tile(c,32) tile(o,32) tile(x,6) tile(y,2) copy(in,pack) pack(w,n32k)"} {
  %a = kernel.load %in[%y + %r - 1, %x + %s - 1, %c] : memref<4x6x32xf32> else 0.0
  %f = kernel.load %w[%o, %r, %s, %c] : memref<32x3x3x32xf32>
  %t = kernel.contract %a, %f over(%r, %s, %c) : f32, f32 -> f32
  kernel.store %t, %out[%y, %x, %o] : memref<4x6x32xf32>
}
