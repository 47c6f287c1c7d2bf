// RUN: tgc-opt %s --tgc-choose-layouts | FileCheck %s

// Between two convolutions channels go last, also in a part of a larger buffer; the map between them follows.
// Inputs keep their order.
// CHECK-LABEL: kernel.func @first
// CHECK-SAME: %x: memref<3x8x8xf32>
// CHECK-SAME: %y: memref<8x8x4xf32>
// CHECK: kernel.store %{{.*}}, %y[%p, %q, %o] : memref<8x8x4xf32>
// CHECK-LABEL: kernel.func @between
// CHECK: kernel.load %x[%p, %q, %c] : memref<8x8x4xf32>
// CHECK: kernel.store %{{.*}}, %y[%c, %p, %q] : memref<4x8x8xf32, strided<[1, 64, 8], offset: 4>>
// CHECK-LABEL: kernel.func @second
// CHECK: kernel.load %x[%p + %r - 1, %q, %c] : memref<8x8x8xf32> else
// CHECK-LABEL: kernel.program
// CHECK: kernel.buffer : memref<8x8x4xf32>
// CHECK: %[[B:.*]] = kernel.buffer : memref<8x8x8xf32>
// CHECK: memref.reinterpret_cast %[[B]] to offset: [4], sizes: [4, 8, 8], strides: [1, 64, 8]
kernel.func @first(%x: memref<3x8x8xf32>, %w: memref<4x3xf32>, %y: memref<4x8x8xf32>) axes(%o = 4, %p = 8, %q = 8, %c = 3) {
  %a = kernel.load %x[%c, %p, %q] : memref<3x8x8xf32>
  %b = kernel.load %w[%o, %c] : memref<4x3xf32>
  %s = kernel.contract %a, %b over(%c) : f32, f32 -> f32
  kernel.store %s, %y[%o, %p, %q] : memref<4x8x8xf32>
}
kernel.func @between(%x: memref<4x8x8xf32>, %y: memref<4x8x8xf32, strided<[64, 8, 1], offset: 256>>) axes(%c = 4, %p = 8, %q = 8) {
  %v = kernel.load %x[%c, %p, %q] : memref<4x8x8xf32>
  %t = math.tanh %v : f32
  kernel.store %t, %y[%c, %p, %q] : memref<4x8x8xf32, strided<[64, 8, 1], offset: 256>>
}
kernel.func @second(%x: memref<8x8x8xf32>, %w: memref<5x8x3xf32>, %y: memref<5x8x8xf32>)
    axes(%o = 5, %p = 8, %q = 8, %c = 8, %r = 3) {
  %a = kernel.load %x[%c, %p + %r - 1, %q] : memref<8x8x8xf32> else 0.0
  %b = kernel.load %w[%o, %c, %r] : memref<5x8x3xf32>
  %s = kernel.contract %a, %b over(%c, %r) : f32, f32 -> f32
  kernel.store %s, %y[%o, %p, %q] : memref<5x8x8xf32>
}
kernel.program @main {
  %x = kernel.input "x" : memref<3x8x8xf32>
  %y = kernel.output "y" : memref<5x8x8xf32>
  %w = kernel.weight "w" : memref<4x3xf32>
  %v = kernel.weight "v" : memref<5x8x3xf32>
  %s = kernel.buffer : memref<4x8x8xf32>
  kernel.launch @first(%x, %w, %s) : memref<3x8x8xf32>, memref<4x3xf32>, memref<4x8x8xf32>
  %t = kernel.buffer : memref<8x8x8xf32>
  %p = memref.reinterpret_cast %t to offset: [256], sizes: [4, 8, 8], strides: [64, 8, 1] : memref<8x8x8xf32> to memref<4x8x8xf32, strided<[64, 8, 1], offset: 256>>
  kernel.launch @between(%s, %p) : memref<4x8x8xf32>, memref<4x8x8xf32, strided<[64, 8, 1], offset: 256>>
  kernel.launch @second(%t, %v, %y) : memref<8x8x8xf32>, memref<5x8x3xf32>, memref<5x8x8xf32>
}
