// RUN: tgc-loop %s --emit=tile --target=h200 | FileCheck %s

// Threads are numbered in the order of the schedule: 32 share a row, the block has 4 rows. All of them get the
// sum. The store that has no column is made by the first thread of a row, behind the reduction.

kernel.func @rows(%x: memref<64x256xf32>, %y: memref<64x256xf32>, %s: memref<64xf32>) axes(%m = 64, %c = 256)
    attributes {schedule = "upcast(c,4) group(c,32) upcast(c,2) local(m,4)"} {
  %v = kernel.load %x[%m, %c] : memref<64x256xf32>
  %sum = kernel.reduce add %v over(%c) : f32 -> f32
  %d = arith.divf %v, %sum : f32
  kernel.store %d, %y[%m, %c] : memref<64x256xf32>
  kernel.store %sum, %s[%m] : memref<64xf32>
}

// CHECK-LABEL: tile.func @rows
// CHECK-SAME: block %block of 16 threads(128)
// CHECK: %[[T:.*]] = tile.thread
// CHECK-DAG: arith.divui %[[T]], %c32
// CHECK-DAG: %[[COLUMN:.*]] = arith.remui %[[T]], %c32
// CHECK-COUNT-2: vector.load {{.*}} : memref<16384xf32>, vector<4xf32>
// CHECK: %[[SUM:.*]] = tile.reduce %{{.*}} over [32] at [1] : (f32) -> f32 {
// CHECK: arith.addf
// CHECK: tile.yield
// CHECK-COUNT-2: vector.store {{.*}} vector<4xf32>
// CHECK: arith.cmpi eq, %[[COLUMN]]
// CHECK: scf.if
// CHECK-NEXT: memref.store %[[SUM]]
