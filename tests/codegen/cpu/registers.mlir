// RUN: tgc-pipe %s --target avx512 --emit asm --schedule 'order(m1,m0) tc(fma) tile(k0,8) tile(k1,3) tile(k2,3) tile(k3,3) tile(m1,3) tile(m2,52) tile(n0,96) copy(x,pack) pack(w,n32k)' | FileCheck %s

// Before a product of 13 × 2 vectors the tile is copied by gathers, whose masks and indices stay the same: they do not keep
// registers from the sums.

// CHECK: vfmadd231ps
// CHECK-NOT: (%rsp)
// CHECK: j{{n?[eb]}}
kernel.func @conv(%x: memref<96x4x30x52xf32>, %w: memref<96x96x3x3x3xf32> {free}, %b: memref<96xf32> {free}, %y: memref<96x4x30x52xf32>)
    axes(%k0 = 96, %k1 = 3, %m0 = 4, %k2 = 3, %m1 = 30, %k3 = 3, %m2 = 52, %n0 = 96) {
  %a = kernel.load %x[%k0, %k1 + %m0 - 2, %k2 + %m1 - 1, %k3 + %m2 - 1] : memref<96x4x30x52xf32> else 0.0
  %v = kernel.load %w[%n0, %k0, %k1, %k2, %k3] : memref<96x96x3x3x3xf32>
  %s = kernel.contract %a, %v over(%k0, %k1, %k2, %k3) : f32, f32 -> f32
  %c = kernel.load %b[%n0] : memref<96xf32>
  %t = arith.addf %s, %c : f32
  kernel.store %t, %y[%n0, %m0, %m1, %m2] : memref<96x4x30x52xf32>
}
