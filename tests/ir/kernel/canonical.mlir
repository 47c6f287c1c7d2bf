// RUN: tgc-opt %s --kernel-canonical | FileCheck %s

// Operations in the order of their use, axes and buffers by first use and named by role.
// CHECK-LABEL: kernel.func @gemm(%x0: memref<4x16xf32>, %x1: memref<8x16xf32> {free}, %x2: memref<8xf32>, %y0: memref<4x8xf32>) axes(%m0 = 4, %k0 = 16, %n0 = 8) {
// CHECK-NEXT:    %[[A:.*]] = kernel.load %x0[%m0, %k0]
// CHECK-NEXT:    %[[B:.*]] = kernel.load %x1[%n0, %k0]
// CHECK-NEXT:    %[[S:.*]] = kernel.contract %[[A]], %[[B]] over(%k0)
// CHECK-NEXT:    %[[C:.*]] = kernel.load %x2[%n0]
// The sum's first operand is the one that depends on the contraction.
// CHECK-NEXT:    %[[T:.*]] = arith.addf %[[S]], %[[C]]
// CHECK-NEXT:    kernel.store %[[T]], %y0[%m0, %n0]
kernel.func @gemm(%out: memref<4x8xf32>, %bias: memref<8xf32>, %right: memref<8x16xf32> {free}, %left: memref<4x16xf32>)
    axes(%z = 16, %col = 8, %row = 4) {
  %c = kernel.load %bias[%col] : memref<8xf32>
  %b = kernel.load %right[%col, %z] : memref<8x16xf32>
  %a = kernel.load %left[%row, %z] : memref<4x16xf32>
  %s = kernel.contract %a, %b over(%z) : f32, f32 -> f32
  %t = arith.addf %c, %s : f32
  kernel.store %t, %out[%row, %col] : memref<4x8xf32>
}

// q: reduced and stored; r: only reduced; p: neither.
// CHECK-LABEL: kernel.func @norm
// CHECK-SAME:    axes(%p0 = 4, %q0 = 8, %r0 = 3)
kernel.func @norm(%x: memref<4x8xf32>, %w: memref<4x3xf32>, %y: memref<4x8xf32>) axes(%c = 8, %j = 3, %m = 4) {
  %a = kernel.load %x[%m, %c] : memref<4x8xf32>
  %s = kernel.reduce add %a over(%c) : f32 -> f32
  %b = kernel.load %w[%m, %j] : memref<4x3xf32>
  %u = kernel.reduce max %b over(%j) : f32 -> f32
  %t = arith.subf %a, %s : f32
  %v = arith.subf %t, %u : f32
  kernel.store %v, %y[%m, %c] : memref<4x8xf32>
}

// b: in both operands. The softmax's axis is r, the contraction's k.
// CHECK-LABEL: kernel.func @attend
// CHECK-SAME:    axes(%m0 = 6, %b0 = 2, %k0 = 4, %r0 = 7, %n0 = 5)
kernel.func @attend(%q: memref<6x2x4xf32>, %k: memref<7x2x4xf32>, %v: memref<7x2x5xf32>, %o: memref<6x2x5xf32>)
    axes(%h = 2, %m = 6, %n = 7, %d = 4, %e = 5) {
  %a = kernel.load %q[%m, %h, %d] : memref<6x2x4xf32>
  %b = kernel.load %k[%n, %h, %d] : memref<7x2x4xf32>
  %s = kernel.contract %a, %b over(%d) : f32, f32 -> f32
  %w = kernel.load %v[%n, %h, %e] : memref<7x2x5xf32>
  %r = kernel.softmax %s, %w over(%n) : f32, f32 -> f32
  kernel.store %r, %o[%m, %h, %e] : memref<6x2x5xf32>
}

// A schedule names axes, so the kernel stays as it is.
// CHECK-LABEL: kernel.func @scheduled(%in: memref<4xf32>, %out: memref<4xf32>) axes(%a = 4) attributes {schedule = "upcast(a,4)"}
kernel.func @scheduled(%in: memref<4xf32>, %out: memref<4xf32>) axes(%a = 4) attributes {schedule = "upcast(a,4)"} {
  %v = kernel.load %in[%a] : memref<4xf32>
  kernel.store %v, %out[%a] : memref<4xf32>
}

// CHECK-LABEL: kernel.program @main
// CHECK:         %[[L:.*]] = kernel.input "left"
// CHECK:         %[[R:.*]] = kernel.weight "right"
// CHECK:         %[[B:.*]] = kernel.weight "bias"
// CHECK:         %[[O:.*]] = kernel.output "out"
// CHECK:         kernel.launch @gemm(%[[L]], %[[R]], %[[B]], %[[O]])
kernel.program @main {
  %left = kernel.input "left" : memref<4x16xf32>
  %right = kernel.weight "right" : memref<8x16xf32>
  %bias = kernel.weight "bias" : memref<8xf32>
  %out = kernel.output "out" : memref<4x8xf32>
  kernel.launch @gemm(%out, %bias, %right, %left) : memref<4x8xf32>, memref<8xf32>, memref<8x16xf32>, memref<4x16xf32>
}
