// RUN: tgc-opt %s --kernel-merge-axes | FileCheck %s

// Rows of two dimensions everywhere: one axis, and two dimensions of each buffer become one.
// CHECK-LABEL: kernel.func @rows(%x: memref<24x5xf32>, %y: memref<24x5xf32>) axes(%a = 24, %c = 5) {
// CHECK-NEXT:    kernel.load %x[%a, %c] : memref<24x5xf32>
// CHECK-NEXT:    kernel.reduce add %{{.*}} over(%c)
// CHECK:         kernel.store %{{.*}}, %y[%a, %c] : memref<24x5xf32>
kernel.func @rows(%x: memref<4x6x5xf32>, %y: memref<4x1x6x5xf32>) axes(%a = 4, %b = 6, %c = 5) {
  %v = kernel.load %x[%a, %b, %c] : memref<4x6x5xf32>
  %s = kernel.reduce add %v over(%c) : f32 -> f32
  %d = arith.subf %v, %s : f32
  kernel.store %d, %y[%a, 0, %b, %c] : memref<4x1x6x5xf32>
}

// Everything is one axis; a buffer with gaps keeps its dimensions, and then so do the axes.
// CHECK-LABEL: kernel.func @all(%x: memref<24xf32>, %y: memref<24xf32>) axes(%a = 24)
kernel.func @all(%x: memref<4x6xf32>, %y: memref<24xf32>) axes(%a = 4, %b = 6) {
  %v = kernel.load %x[%a, %b] : memref<4x6xf32>
  kernel.store %v, %y[%a * 6 + %b] : memref<24xf32>
}
// CHECK-LABEL: kernel.func @gaps(%x: memref<4x6xf32, strided<[8, 1]>>, %y: memref<4x6xf32>) axes(%a = 4, %b = 6)
kernel.func @gaps(%x: memref<4x6xf32, strided<[8, 1]>>, %y: memref<4x6xf32>) axes(%a = 4, %b = 6) {
  %v = kernel.load %x[%a, %b] : memref<4x6xf32, strided<[8, 1]>>
  kernel.store %v, %y[%a, %b] : memref<4x6xf32>
}

// One of the two alone in a map, a condition or a reduction keeps them apart.
// CHECK-LABEL: kernel.func @map
// CHECK-SAME:    axes(%a = 4, %b = 6)
kernel.func @map(%x: memref<4x6xf32>, %w: memref<6xf32>, %y: memref<4x6xf32>) axes(%a = 4, %b = 6) {
  %v = kernel.load %x[%a, %b] : memref<4x6xf32>
  %u = kernel.load %w[%b] : memref<6xf32>
  %s = arith.addf %v, %u : f32
  kernel.store %s, %y[%a, %b] : memref<4x6xf32>
}
// CHECK-LABEL: kernel.func @condition
// CHECK-SAME:    axes(%a = 4, %b = 6)
kernel.func @condition(%x: memref<4x6xf32>, %y: memref<4x6xf32>) axes(%a = 4, %b = 6) {
  %v = kernel.load %x[%a, %b] if (%b - 1 >= 0) : memref<4x6xf32> else 0.0
  kernel.store %v, %y[%a, %b] : memref<4x6xf32>
}
// CHECK-LABEL: kernel.func @moved
// CHECK-SAME:    axes(%a = 4, %b = 6)
kernel.func @moved(%x: memref<4x6xf32>, %y: memref<4x6xf32>) axes(%a = 4, %b = 6) {
  %v = kernel.load %x[%a, 5 - %b] : memref<4x6xf32>
  kernel.store %v, %y[%a, %b] : memref<4x6xf32>
}

// Padding along the outer one of the two does not matter; the else value stays.
// CHECK-LABEL: kernel.func @pad
// CHECK-SAME:    (%x: memref<24xf32>, %y: memref<30xf32>) axes(%a = 30)
// CHECK-NEXT:    kernel.load %x[%a - 6] : memref<24xf32> else 0.000000e+00
kernel.func @pad(%x: memref<4x6xf32>, %y: memref<5x6xf32>) axes(%a = 5, %b = 6) {
  %v = kernel.load %x[%a - 1, %b] : memref<4x6xf32> else 0.0
  kernel.store %v, %y[%a, %b] : memref<5x6xf32>
}

// CHECK-LABEL: kernel.program @main
// CHECK:         %[[X:.*]] = kernel.input "x"
// CHECK:         %[[Y:.*]] = kernel.output "y"
// CHECK:         %[[P:.*]] = memref.reinterpret_cast %[[X]] to offset: [0], sizes: [24, 5], strides: [5, 1]
// CHECK:         %[[Q:.*]] = memref.reinterpret_cast %[[Y]] to offset: [0], sizes: [24, 5], strides: [5, 1]
// CHECK-NEXT:    kernel.launch @rows(%[[P]], %[[Q]]) : memref<24x5xf32>, memref<24x5xf32>
kernel.program @main {
  %x = kernel.input "x" : memref<4x6x5xf32>
  %y = kernel.output "y" : memref<4x1x6x5xf32>
  kernel.launch @rows(%x, %y) : memref<4x6x5xf32>, memref<4x1x6x5xf32>
}

// Attention of an image with itself: queries and keys are rows and columns of the same buffer, each pair its own axis.
// CHECK-LABEL: kernel.func @itself
// CHECK-SAME: %x: memref<48x16xf32>
// CHECK-SAME: axes(%m = 48, %r = 48, %c = 16)
// CHECK: kernel.load %x[%m, %c]
// CHECK: kernel.load %x[%r, %c]
kernel.func @itself(%x: memref<6x8x16xf32>, %y: memref<48x48xf32>) axes(%m = 6, %n = 8, %r = 6, %s = 8, %c = 16) {
  %0 = kernel.load %x[%m, %n, %c] : memref<6x8x16xf32>
  %1 = kernel.load %x[%r, %s, %c] : memref<6x8x16xf32>
  %2 = kernel.contract %0, %1 over(%c) : f32, f32 -> f32
  kernel.store %2, %y[%m * 8 + %n, %r * 8 + %s] : memref<48x48xf32>
}
