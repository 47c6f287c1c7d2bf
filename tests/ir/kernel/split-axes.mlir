// RUN: tgc-opt %s --pass-pipeline="builtin.module(kernel.func(kernel-split-axes))" | FileCheck %s

// One axis used as heads of 128 and as a whole.
// CHECK-LABEL: kernel.func @heads(%x: memref<24x4x128xf32>, %y: memref<4x3072xf32>) axes(%m = 4, %no = 24, %ni = 128) {
// CHECK-NEXT:    kernel.load %x[%no, %m, %ni]
// CHECK-NEXT:    kernel.store %{{.*}}, %y[%m, %no * 128 + %ni]
kernel.func @heads(%x: memref<24x4x128xf32>, %y: memref<4x3072xf32>) axes(%m = 4, %n = 3072) {
  %v = kernel.load %x[%n floordiv 128, %m, %n mod 128] : memref<24x4x128xf32>
  kernel.store %v, %y[%m, %n] : memref<4x3072xf32>
}

// Two chained divisors, a condition along one of them, a reduction over the whole axis.
// CHECK-LABEL: kernel.func @chain
// CHECK-SAME:    axes(%m = 4, %[[P:.*]] = 3, %[[I:.*]] = 8, %[[R:.*]] = 2)
// CHECK:         kernel.load %x[%m, %[[P]] * 16 + %[[I]] * 2 + %[[R]]]
// CHECK:         kernel.load %w[%[[P]], %[[I]], %[[R]]] if (-%[[R]] >= 0)
// CHECK:         kernel.reduce add %{{.*}} over(%[[P]], %[[I]], %[[R]])
kernel.func @chain(%x: memref<4x48xf32>, %w: memref<3x8x2xf32>, %y: memref<4xf32>) axes(%m = 4, %n = 48) {
  %v = kernel.load %x[%m, %n] : memref<4x48xf32>
  %u = kernel.load %w[%n floordiv 16, (%n mod 16) floordiv 2, %n mod 2] if (0 - %n mod 2 >= 0) : memref<3x8x2xf32> else 1.0
  %p = arith.mulf %v, %u : f32
  %s = kernel.reduce add %p over(%n) : f32 -> f32
  kernel.store %s, %y[%m] : memref<4xf32>
}

// The pair of an element along the split axis; a remap of one axis becomes one of its part.
// CHECK-LABEL: kernel.func @partner
// CHECK:         %[[S:.*]] = kernel.contract
// CHECK:         %[[O:.*]] = kernel.remap %[[S]][%ni -> -%ni + 1] : f32
// CHECK-NEXT:    kernel.store %[[O]], %y[%m, %no, %ni]
kernel.func @partner(%x: memref<4x5xf32>, %w: memref<16x5xf32>, %y: memref<4x8x2xf32>) axes(%m = 4, %n = 16, %k = 5) {
  %a = kernel.load %x[%m, %k] : memref<4x5xf32>
  %b = kernel.load %w[%n, %k] : memref<16x5xf32>
  %s = kernel.contract %a, %b over(%k) : f32, f32 -> f32
  %o = kernel.remap %s[%n -> (%n floordiv 2) * 2 + 1 - %n mod 2] : f32
  kernel.store %o, %y[%m, %n floordiv 2, %n mod 2] : memref<4x8x2xf32>
}

// A convolution after nearest upsampling: what is left of the division runs over the parity and the tap.
// CHECK-LABEL: kernel.func @upsample
// CHECK-SAME:    axes(%yo = 4, %yi = 2, %r = 3)
// CHECK:         kernel.load %x[%yo + (%yi + %r + 1) floordiv 2 - 1]
kernel.func @upsample(%x: memref<4xf32>, %w: memref<3xf32>, %o: memref<8xf32>) axes(%y = 8, %r = 3) {
  %a = kernel.load %x[(%y + %r - 1) floordiv 2] : memref<4xf32> else 0.0
  %b = kernel.load %w[%r] : memref<3xf32>
  %s = kernel.contract %a, %b over(%r) : f32, f32 -> f32
  kernel.store %s, %o[%y] : memref<8xf32>
}

// 5 does not divide 16, and an argmax counts along its axis: both stay.
// CHECK-LABEL: kernel.func @stays
// CHECK-SAME:    axes(%n = 16, %a = 8)
kernel.func @stays(%x: memref<4x5xf32>, %z: memref<4x2xf32>, %y: memref<16xf32>, %i: memref<i64>) axes(%n = 16, %a = 8) {
  %v = kernel.load %x[%n floordiv 5, %n mod 5] : memref<4x5xf32>
  kernel.store %v, %y[%n] : memref<16xf32>
  %w = kernel.load %z[%a floordiv 2, %a mod 2] : memref<4x2xf32>
  %m = kernel.reduce argmax %w over(%a) : f32 -> i64
  kernel.store %m, %i[] : memref<i64>
}
