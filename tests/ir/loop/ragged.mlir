// RUN: tgc-loop %s --emit=tile --schedule='padto(i,16) upcast(i,16)' --target=avx512 --kernel=row | FileCheck %s
// RUN: tgc-loop %s --emit=tile --schedule='padto(i,16) upcast(i,16) tile(i,32)' --target=avx512 --kernel=map | FileCheck %s --check-prefix=MAP

// The last partial vector is peeled off: whole vectors have no mask. What lies beyond the extent is masked where
// it is reduced (with the identity) and where it is stored.

kernel.func @row(%x: memref<3x40xf32>, %y: memref<3x40xf32>) axes(%m = 3, %i = 40) {
  %v = kernel.load %x[%m, %i] : memref<3x40xf32>
  %s = kernel.reduce max %v over(%i) : f32 -> f32
  %d = arith.subf %v, %s : f32
  kernel.store %d, %y[%m, %i] : memref<3x40xf32>
}

// CHECK-LABEL: tile.func @row
// CHECK-DAG: %[[MASK:.*]] = arith.constant dense<[true, true, true, true, true, true, true, true, false, false, false, false, false, false, false, false]>
// CHECK-DAG: %[[LOWEST:.*]] = arith.constant dense<0xFF800000> : vector<16xf32>
// CHECK: scf.for {{.*}} = %c0 to %c2
// CHECK-NOT: maskedload
// CHECK: arith.maximumf
// CHECK: vector.maskedload {{.*}} %[[MASK]]
// CHECK: arith.select %[[MASK]], {{.*}}, %[[LOWEST]]
// CHECK: scf.for {{.*}} = %c0 to %c2
// CHECK-NOT: maskedstore
// CHECK: vector.store
// CHECK: vector.maskedstore {{.*}} %[[MASK]]

// Blocks of 32: the last has one vector of 8 lanes, the others two whole ones.
kernel.func @map(%x: memref<40xf32>, %y: memref<40xf32>) axes(%i = 40) {
  %v = kernel.load %x[%i] : memref<40xf32>
  %d = arith.negf %v : f32
  kernel.store %d, %y[%i] : memref<40xf32>
}

// MAP-LABEL: tile.func @map
// MAP-SAME: block %block of 2
// MAP: %[[LEFT:.*]] = arith.minsi
// MAP: scf.for {{.*}} = %c0 to %[[LEFT]] step %c1 {
// MAP-NOT: masked
// MAP: vector.store
// MAP: %[[LAST:.*]] = arith.cmpi eq
// MAP: scf.if %[[LAST]] {
// MAP: vector.maskedload
// MAP: vector.maskedstore
