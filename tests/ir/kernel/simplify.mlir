// RUN: tgc-opt %s --pass-pipeline="builtin.module(kernel.func(kernel-simplify))" | FileCheck %s

// Divisions that ranges decide, axes of extent 1, axes that nothing names.
// CHECK-LABEL: kernel.func @maps(%x: memref<4x6xf32>, %y: memref<4x6xf32>) axes(%a = 4, %b = 6) {
// CHECK-NEXT:    %[[V:.*]] = kernel.load %x[%a, %b] : memref<4x6xf32>
// CHECK-NEXT:    kernel.store %[[V]], %y[%a, %b] : memref<4x6xf32>
// CHECK-NEXT:  }
kernel.func @maps(%x: memref<4x6xf32>, %y: memref<4x6xf32>) axes(%a = 4, %one = 1, %b = 6, %unused = 9) {
  %v = kernel.load %x[(%a * 6 + %b) floordiv 6 + %one, (%a * 6 + %b) mod 6] : memref<4x6xf32>
  kernel.store %v, %y[%a, %b + %one] if (%a + 1 >= 0) : memref<4x6xf32>
}

// A piece that never holds goes, one that always holds ends the list, the else value with it.
// CHECK-LABEL: kernel.func @pieces
// CHECK-NEXT:    %[[V:.*]] = kernel.load %w[%a] : memref<8xf32>
// CHECK-NEXT:    kernel.store %[[V]]
kernel.func @pieces(%x: memref<4xf32>, %w: memref<8xf32>, %y: memref<8xf32>) axes(%a = 8) {
  %v = kernel.load %x[%a + 4] : memref<4xf32>, %x[%a] if (%a - 8 >= 0) : memref<4xf32>, %w[%a] : memref<8xf32>,
                   %x[0] : memref<4xf32> else 0.0
  kernel.store %v, %y[%a] : memref<8xf32>
}

// A condition that the buffer's own bounds imply goes; two neighbours of one buffer become one piece.
// CHECK-LABEL: kernel.func @neighbours
// CHECK-NEXT:    %[[V:.*]] = kernel.load %x[%a - 1] : memref<8xf32> else 0.000000e+00
// CHECK-NEXT:    %[[W:.*]] = kernel.load %x[%a] if (-%b >= 0) : memref<8xf32>, %x[%b] : memref<8xf32> else 0.000000e+00
kernel.func @neighbours(%x: memref<8xf32>, %y: memref<8x3xf32>) axes(%a = 8, %b = 3) {
  %v = kernel.load %x[%a - 1] if (%a - 1 >= 0) : memref<8xf32> else 0.0
  %w = kernel.load %x[%a] if (%a - 3 >= 0, 0 - %b >= 0) : memref<8xf32>, %x[%a] if (2 - %a >= 0, 0 - %b >= 0) : memref<8xf32>,
                   %x[%b] : memref<8xf32> else 0.0
  %s = arith.addf %v, %w : f32
  kernel.store %s, %y[%a, %b] : memref<8x3xf32>
}

// What is needed only under a condition is simplified under it; a load without an else value stays inside anyway.
// CHECK-LABEL: kernel.func @needed
// CHECK-NEXT:    %[[V:.*]] = kernel.load %x[%a] : memref<8xf32> else 0.000000e+00
// CHECK-NEXT:    %[[W:.*]] = kernel.load %x[%a mod 8] : memref<8xf32>
// CHECK-NEXT:    %[[S:.*]] = arith.addf %[[V]], %[[W]]
// CHECK-NEXT:    kernel.store %[[S]], %y[%a] if (-%a + 7 >= 0) : memref<16xf32>
kernel.func @needed(%x: memref<8xf32>, %y: memref<16xf32>) axes(%a = 16) {
  %v = kernel.load %x[%a mod 8] if (10 - %a >= 0) : memref<8xf32> else 0.0
  %w = kernel.load %x[%a mod 8] : memref<8xf32>
  %t = kernel.test(9 - %a >= 0) : i1
  %u = arith.select %t, %v, %w : f32
  %s = arith.addf %u, %w : f32
  kernel.store %s, %y[%a] if (7 - %a >= 0) : memref<16xf32>
}

// Decided tests and coordinates are constants; equal values are one.
// CHECK-LABEL: kernel.func @fold
// CHECK-NEXT:    %[[V:.*]] = kernel.load %x[%a] : memref<8xf32>
// CHECK-NEXT:    %[[S:.*]] = arith.addf %[[V]], %[[V]] : f32
// CHECK-NEXT:    kernel.store %[[S]], %y[%a] : memref<8xf32>
kernel.func @fold(%x: memref<8xf32>, %y: memref<8xf32>) axes(%a = 8) {
  %v = kernel.load %x[%a] : memref<8xf32>
  %w = kernel.load %x[%a] : memref<8xf32>
  %c = kernel.coord(%a floordiv 8) : i32
  %zero = arith.constant 0 : i32
  %never = kernel.test(%a - 8 >= 0) : i1
  %is = arith.cmpi eq, %c, %zero : i32
  %e = math.exp %v : f32
  %u = arith.select %never, %e, %v : f32
  %z = arith.select %is, %w, %e : f32
  %s = arith.addf %u, %z : f32
  kernel.store %s, %y[%a] : memref<8xf32>
}

// Remaps of what depends on loads alone go into the loads; those of sums stay.
// CHECK-LABEL: kernel.func @remap
// CHECK:         kernel.load %x[%a, -%r + 1] : memref<4x2xf32>
// CHECK-NOT:     kernel.remap
// CHECK:         %[[S:.*]] = kernel.contract
// CHECK:         kernel.remap %[[S]][%r -> -%r + 1] : f32
kernel.func @remap(%x: memref<4x2xf32>, %w: memref<2x3xf32>, %y: memref<4x2xf32>) axes(%a = 4, %r = 2, %k = 3) {
  %v = kernel.load %x[%a, %r] : memref<4x2xf32>
  %n = arith.negf %v : f32
  %o = kernel.remap %n[%r -> 1 - %r] : f32
  %b = kernel.load %w[%r, %k] : memref<2x3xf32>
  %s = kernel.contract %o, %b over(%k) : f32, f32 -> f32
  %t = kernel.remap %s[%r -> 1 - %r] : f32
  kernel.store %t, %y[%a, %r] : memref<4x2xf32>
}

// Reductions of one term, and along an axis that the operand does not have.
// CHECK-LABEL: kernel.func @reduce
// CHECK-NEXT:    %[[V:.*]] = kernel.load %x[%a] : memref<4xbf16>
// CHECK-NEXT:    %[[E:.*]] = arith.extf %[[V]] : bf16 to f32
// CHECK-NEXT:    %[[P:.*]] = arith.mulf %[[E]], %[[E]] : f32
// CHECK-NEXT:    kernel.store %[[P]], %y[%a] : memref<4xf32>
// CHECK-NEXT:    kernel.store %[[V]], %z[%a] : memref<4xbf16>
kernel.func @reduce(%x: memref<4xbf16>, %y: memref<4xf32>, %z: memref<4xbf16>) axes(%a = 4, %k = 1, %n = 7) {
  %v = kernel.load %x[%a] : memref<4xbf16>
  %s = kernel.contract %v, %v over(%k) : bf16, bf16 -> f32
  %m = kernel.reduce max %v over(%n) : bf16 -> bf16
  kernel.store %s, %y[%a] : memref<4xf32>
  kernel.store %m, %z[%a] : memref<4xbf16>
}

// A store that never happens goes with all that only it needs.
// CHECK-LABEL: kernel.func @never
// CHECK-NOT:     math.exp
// CHECK:         kernel.store
// CHECK-NOT:     kernel.store
kernel.func @never(%x: memref<4xf32>, %y: memref<4xf32>, %z: memref<4xf32>) axes(%a = 4) {
  %v = kernel.load %x[%a] : memref<4xf32>
  %e = math.exp %v : f32
  kernel.store %v, %y[%a] : memref<4xf32>
  kernel.store %e, %z[%a] if (%a - 4 >= 0) : memref<4xf32>
}
