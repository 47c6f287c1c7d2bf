// RUN: tgc-pipe %s --target avx512 --emit plan | FileCheck %s

// Why schedules are not legal, one kernel each.

// CHECK-LABEL: tile(k,16)
// CHECK-NEXT: illegal: tc(wgmma): the device has no such atom
kernel.func @atom(%x: memref<8x16xf32>, %w: memref<16x8xf32>, %y: memref<8x8xf32>) axes(%m = 8, %n = 8, %k = 16)
    attributes {schedule = "tc(wgmma) tile(k,16)"} {
  %a = kernel.load %x[%m, %k] : memref<8x16xf32>
  %b = kernel.load %w[%k, %n] : memref<16x8xf32>
  %s = kernel.contract %a, %b over(%k) : f32, f32 -> f32
  kernel.store %s, %y[%m, %n] : memref<8x8xf32>
}

// CHECK-LABEL: tile(k,8) stage(3)
// CHECK-NEXT: illegal: stage: copies of this device are synchronous
kernel.func @ring(%x: memref<8x16xf32>, %w: memref<16x8xf32>, %y: memref<8x8xf32>) axes(%m = 8, %n = 8, %k = 16)
    attributes {schedule = "tc(fma) tile(k,8) stage(3)"} {
  %a = kernel.load %x[%m, %k] : memref<8x16xf32>
  %b = kernel.load %w[%k, %n] : memref<16x8xf32>
  %s = kernel.contract %a, %b over(%k) : f32, f32 -> f32
  kernel.store %s, %y[%m, %n] : memref<8x8xf32>
}

// CHECK-LABEL: tile(b,2)
// CHECK-NEXT: illegal: tile(b,2): both operands have the axis, so a block takes one of it
kernel.func @batch(%x: memref<4x8x16xf32>, %w: memref<4x16x8xf32>, %y: memref<4x8x8xf32>)
    axes(%b = 4, %m = 8, %n = 8, %k = 16) attributes {schedule = "tc(fma) tile(b,2)"} {
  %a = kernel.load %x[%b, %m, %k] : memref<4x8x16xf32>
  %c = kernel.load %w[%b, %k, %n] : memref<4x16x8xf32>
  %s = kernel.contract %a, %c over(%k) : f32, f32 -> f32
  kernel.store %s, %y[%b, %m, %n] : memref<4x8x8xf32>
}

// CHECK-LABEL: tile(n,16)
// CHECK-NEXT: illegal: tile(n,16): the result is reduced or remapped along the axis, so a block needs all 32 of it
kernel.func @incomplete(%x: memref<8x16xf32>, %w: memref<16x32xf32>, %y: memref<8x32xf32>)
    axes(%m = 8, %n = 32, %k = 16) attributes {schedule = "tc(fma) tile(n,16)"} {
  %a = kernel.load %x[%m, %k] : memref<8x16xf32>
  %b = kernel.load %w[%k, %n] : memref<16x32xf32>
  %s = kernel.contract %a, %b over(%k) : f32, f32 -> f32
  %q = kernel.reduce add %s over(%n) : f32 -> f32
  %t = arith.mulf %s, %q : f32
  kernel.store %t, %y[%m, %n] : memref<8x32xf32>
}

// CHECK-LABEL: tile(c,2) tile(r,3)
// CHECK-NEXT: illegal: tile(c,2): sums are walked in pieces of one stride, so axes inside a tiled one are whole
kernel.func @pieces(%in: memref<10x8xf32>, %w: memref<16x3x8xf32>, %y: memref<8x16xf32>)
    axes(%m = 8, %o = 16, %r = 3, %c = 8) attributes {schedule = "tc(fma) tile(c,2) tile(r,3)"} {
  %a = kernel.load %in[%m + %r, %c] : memref<10x8xf32>
  %b = kernel.load %w[%o, %r, %c] : memref<16x3x8xf32>
  %s = kernel.contract %a, %b over(%r, %c) : f32, f32 -> f32
  kernel.store %s, %y[%m, %o] : memref<8x16xf32>
}

// CHECK-LABEL: copy(in,plain)
// CHECK-NEXT: illegal: copy plain of in: its load has a condition
kernel.func @padded(%in: memref<8x8xf32>, %w: memref<16x3x8xf32>, %y: memref<8x16xf32>)
    axes(%m = 8, %o = 16, %r = 3, %c = 8) attributes {schedule = "tc(fma) copy(in,plain)"} {
  %a = kernel.load %in[%m + %r - 1, %c] : memref<8x8xf32> else 0.0
  %b = kernel.load %w[%o, %r, %c] : memref<16x3x8xf32>
  %s = kernel.contract %a, %b over(%r, %c) : f32, f32 -> f32
  kernel.store %s, %y[%m, %o] : memref<8x16xf32>
}

// CHECK-LABEL: copy(x,plain)
// CHECK-NEXT: illegal: copy plain of x: it is bf16, the atom takes f32
kernel.func @narrow(%x: memref<8x16xbf16>, %w: memref<16x8xbf16>, %y: memref<8x8xf32>) axes(%m = 8, %n = 8, %k = 16)
    attributes {schedule = "tc(fma) copy(x,plain)"} {
  %a = kernel.load %x[%m, %k] : memref<8x16xbf16>
  %b = kernel.load %w[%k, %n] : memref<16x8xbf16>
  %s = kernel.contract %a, %b over(%k) : bf16, bf16 -> f32
  kernel.store %s, %y[%m, %n] : memref<8x8xf32>
}

// CHECK-LABEL: pack(w,kn)
// CHECK-NEXT: illegal: pack(w,kn): the atom takes panels of 1 to 4 vectors of 16, as in n32k
kernel.func @order(%x: memref<8x16xf32>, %w: memref<16x8xf32> {free}, %y: memref<8x8xf32>) axes(%m = 8, %n = 8, %k = 16)
    attributes {schedule = "tc(fma) pack(w,kn)"} {
  %a = kernel.load %x[%m, %k] : memref<8x16xf32>
  %b = kernel.load %w[%k, %n] : memref<16x8xf32>
  %s = kernel.contract %a, %b over(%k) : f32, f32 -> f32
  kernel.store %s, %y[%m, %n] : memref<8x8xf32>
}

// CHECK-LABEL: tile(m,4096) tile(n,4096)
// CHECK-NEXT: illegal: 67125248 bytes of block memory, there are 1048576
kernel.func @large(%x: memref<4096x1xf32>, %w: memref<1x4096xf32>, %y: memref<4096x4096xf32>)
    axes(%m = 4096, %n = 4096, %k = 1)
    attributes {schedule = "tc(fma) tile(m,4096) tile(n,4096) copy(x,plain)"} {
  %a = kernel.load %x[%m, %k] : memref<4096x1xf32>
  %b = kernel.load %w[%k, %n] : memref<1x4096xf32>
  %s = kernel.contract %a, %b over(%k) : f32, f32 -> f32
  kernel.store %s, %y[%m, %n] : memref<4096x4096xf32>
}

// CHECK-LABEL: tc(fma) tile(n,8)
// CHECK-NEXT: illegal: tc(fma): no such atom sums i8 into i32
kernel.func @integers(%x: memref<8x16xi8>, %w: memref<16x8xi8>, %y: memref<8x8xi32>) axes(%m = 8, %n = 8, %k = 16)
    attributes {schedule = "tc(fma) tile(n,8)"} {
  %a = kernel.load %x[%m, %k] : memref<8x16xi8>
  %b = kernel.load %w[%k, %n] : memref<16x8xi8>
  %s = kernel.contract %a, %b over(%k) : i8, i8 -> i32
  kernel.store %s, %y[%m, %n] : memref<8x8xi32>
}
