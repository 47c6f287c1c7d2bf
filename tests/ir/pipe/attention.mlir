// RUN: tgc-pipe %s --target avx512 --emit tile | FileCheck %s
// RUN: tgc-pipe %s --target avx512 --emit check | FileCheck %s --check-prefix=CHECKED

// CHECKED: attend [tc(fma) flip tile(m,64) tile(n,32) copy(k,plain) copy(v,plain)]: agrees
// CHECK-LABEL: tile.func @attend(
// CHECK:   tile.walk (%m, %h) in (2, 2) at %block {
// CHECK:     %[[Q:.*]] = tile.scratch : memref<16x64xf32, #tile.layout<[16:32], [32:1, 2:512]>>
// CHECK:     %[[S:.*]] = tile.scratch : memref<32x32xf32>
// CHECK:     %[[O:.*]] = tile.scratch : memref<48x32xf32>
// CHECK:     tile.copy pack (%{{.*}}, %{{.*}}) to (16, %{{.*}}) lanes(16) -> %[[Q]]
// CHECK:     scf.for %[[BLOCK:.*]] = %c0 to %c3
// Keys and values in place: rows of keys, and columns of values as rows.
// CHECK:       %[[K:.*]] = tile.view %k[%{{.*}}] : memref<70x2x16xf32> to memref<32x16xf32, strided<[32, 1], offset: ?>>
// CHECK:       %[[V:.*]] = tile.view %v[%{{.*}}] : memref<70x2x24xf32> to memref<24x32xf32, strided<[1, 48], offset: ?>>
// CHECK:       scf.for %[[PANEL:.*]] = %c0 to %c2
// CHECK:         %[[QP:.*]] = tile.view %[[Q]]
// CHECK:         tile.dot fma<{{.*}}x32> %[[K]], %[[QP]] -> %[[S]] rows(%[[KEYS:.*]]) from_zero
// CHECK:         tile.map (%{{.*}}) to (32) lanes(32) {
// CHECK:           scf.for {{.*}} -> (vector<32xf32>)
// CHECK:             arith.cmpf ogt
// CHECK:           scf.for {{.*}} -> (vector<32xf32>)
// CHECK:             math.fma
// CHECK:         scf.if
// CHECK:           tile.map (%{{.*}}, %{{.*}}) to (24, 32) lanes(32) {
// CHECK:         tile.dot fma<{{.*}}x32> %[[V]], %[[S]] -> %{{.*}} depth(%[[KEYS]]) fresh(%{{.*}})
// CHECK:     tile.map (%{{.*}}, %e) to (%{{.*}}, 24) lanes(16) {
// CHECK:       arith.divf
kernel.func @attend(%q: memref<100x2x16xf32>, %k: memref<70x2x16xf32>, %v: memref<70x2x24xf32>, %out: memref<100x2x24xf32>)
    axes(%h = 2, %m = 100, %n = 70, %d = 16, %e = 24)
    attributes {schedule = "tc(fma) flip tile(m,64) tile(n,32) copy(k,plain) copy(v,plain)"} {
  %a = kernel.load %q[%m, %h, %d] : memref<100x2x16xf32>
  %c = kernel.load %k[%n, %h, %d] : memref<70x2x16xf32>
  %s = kernel.contract %a, %c over(%d) : f32, f32 -> f32
  %f = arith.constant 0.25 : f32
  %t = arith.mulf %s, %f : f32
  %w = kernel.load %v[%n, %h, %e] : memref<70x2x24xf32>
  %r = kernel.softmax %t, %w over(%n) : f32, f32 -> f32
  kernel.store %r, %out[%m, %h, %e] : memref<100x2x24xf32>
}

// The last block's values are 4 columns of a tile of 12: no more rows are multiplied, for behind the last there is no
// memory.
// CHECKED: columns [tc(fma) flip tile(e,12) tile(m,23) tile(n,29) copy(k,plain) copy(v,plain)]: agrees
// CHECK-LABEL: tile.func @columns(
// CHECK:         %[[LEFT:.*]] = arith.minsi
// CHECK:         tile.dot fma<12x32> %{{.*}}, %{{.*}} -> %{{.*}} rows(%{{.*}}) from_zero
kernel.func @columns(%q: memref<23x8xf32>, %k: memref<29x8xf32>, %v: memref<29x16xf32>, %out: memref<23x16xf32>)
    axes(%m = 23, %n = 29, %d = 8, %e = 16)
    attributes {schedule = "tc(fma) flip tile(e,12) tile(m,23) tile(n,29) copy(k,plain) copy(v,plain)"} {
  %a = kernel.load %q[%m, %d] : memref<23x8xf32>
  %c = kernel.load %k[%n, %d] : memref<29x8xf32>
  %s = kernel.contract %a, %c over(%d) : f32, f32 -> f32
  %w = kernel.load %v[%n, %e] : memref<29x16xf32>
  %r = kernel.softmax %s, %w over(%n) : f32, f32 -> f32
  kernel.store %r, %out[%m, %e] : memref<23x16xf32>
}
