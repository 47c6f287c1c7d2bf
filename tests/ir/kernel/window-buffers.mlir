// RUN: tgc-opt %s --kernel-window-buffers | FileCheck %s
// RUN: tgc-opt %s --kernel-window-buffers --kernel-canonical --kernel-dedupe | FileCheck %s --check-prefix=ONE

// A slice of a vector: the kernel starts at the slice.
// CHECK-LABEL: kernel.func @first(%v: memref<64xf32>, %y: memref<64xf32>)
// CHECK-NEXT:    kernel.load %v[%n] : memref<64xf32>
// ONE:         kernel.func @map_p64_[[HASH:[0-9a-f]+]](
// ONE-NOT:     @map_p64_[[HASH]]_2
kernel.func @first(%v: memref<256xf32>, %y: memref<64xf32>) axes(%n = 64) {
  %a = kernel.load %v[%n] : memref<256xf32>
  kernel.store %a, %y[%n] : memref<64xf32>
}
// CHECK-LABEL: kernel.func @second(%v: memref<64xf32>, %y: memref<64xf32>)
// CHECK-NEXT:    kernel.load %v[%n] : memref<64xf32>
kernel.func @second(%v: memref<256xf32>, %y: memref<64xf32>) axes(%n = 64) {
  %a = kernel.load %v[%n + 128] : memref<256xf32>
  kernel.store %a, %y[%n] : memref<64xf32>
}
// What is not a multiple of 64 bytes stays in the type.
// CHECK-LABEL: kernel.func @odd(%v: memref<64xf32, strided<[1], offset: 4>>, %y: memref<64xf32>)
// CHECK-NEXT:    kernel.load %v[%n] : memref<64xf32, strided<[1], offset: 4>>
kernel.func @odd(%v: memref<256xf32>, %y: memref<64xf32>) axes(%n = 64) {
  %a = kernel.load %v[%n + 100] : memref<256xf32>
  kernel.store %a, %y[%n] : memref<64xf32>
}
// Rows of a matrix, with an offset of its own; two accesses share one window.
// CHECK-LABEL: kernel.func @rows(%v: memref<5x16xf32, strided<[32, 1]>>, %y: memref<4x16xf32>)
// CHECK-NEXT:    kernel.load %v[%m, %n]
// CHECK-NEXT:    kernel.load %v[%m + 1, -%n + 15]
kernel.func @rows(%v: memref<8x32xf32, strided<[32, 1], offset: 16>>, %y: memref<4x16xf32>) axes(%m = 4, %n = 16) {
  %a = kernel.load %v[%m + 2, %n] : memref<8x32xf32, strided<[32, 1], offset: 16>>
  %b = kernel.load %v[%m + 3, 15 - %n] : memref<8x32xf32, strided<[32, 1], offset: 16>>
  %s = arith.addf %a, %b : f32
  kernel.store %s, %y[%m, %n] : memref<4x16xf32>
}
// The buffer's end decides about the else value, a weight may be packed, an index may be anything: all whole.
// CHECK-LABEL: kernel.func @whole(%v: memref<256xf32>, %w: memref<256xf32> {free}, %t: memref<256xf32>, %i: memref<64xi64>, %y: memref<64xf32>)
kernel.func @whole(%v: memref<256xf32>, %w: memref<256xf32> {free}, %t: memref<256xf32>, %i: memref<64xi64>,
                   %y: memref<64xf32>) axes(%n = 64) {
  %a = kernel.load %v[%n + 224] : memref<256xf32> else 0.0
  %b = kernel.load %w[%n] : memref<256xf32>
  %c = kernel.load %i[%n] : memref<64xi64>
  %d = kernel.gather %t[0] dim 0 at %c : memref<256xf32>, i64 else 0.0
  %e = arith.addf %a, %b : f32
  %f = arith.addf %e, %d : f32
  kernel.store %f, %y[%n] : memref<64xf32>
}
// The store's condition bounds its window.
// CHECK-LABEL: kernel.func @part(%x: memref<32xf32>, %y: memref<16xf32>)
// CHECK:         kernel.store %{{.*}}, %y[%n - 16] if (%n - 16 >= 0) : memref<16xf32>
kernel.func @part(%x: memref<32xf32>, %y: memref<64xf32>) axes(%n = 32) {
  %a = kernel.load %x[%n] : memref<32xf32>
  kernel.store %a, %y[%n + 16] if (%n - 16 >= 0) : memref<64xf32>
}

// CHECK-LABEL: kernel.program @main
// CHECK:         %[[A:.*]] = memref.reinterpret_cast %[[V:.*]] to offset: [0], sizes: [64], strides: [1]
// CHECK-NEXT:    kernel.launch @first(%[[A]], %{{.*}}) : memref<64xf32>, memref<64xf32>
// CHECK:         kernel.launch @second(%{{.*}}, %{{.*}}) at [128, 0] : memref<64xf32>, memref<64xf32>
// CHECK:         memref.reinterpret_cast %[[V]] to offset: [4], sizes: [64], strides: [1] : memref<256xf32> to memref<64xf32, strided<[1], offset: 4>>
// CHECK-NEXT:    kernel.launch @odd(%{{.*}}, %{{.*}}) at [96, 0]
// CHECK:         kernel.launch @rows(%{{.*}}, %{{.*}}) at [80, 0]
// CHECK:         kernel.launch @part(%{{.*}}, %{{.*}}) at [0, 32]
// ONE:         kernel.launch @map_p64_[[HASH]](
// ONE:         kernel.launch @map_p64_[[HASH]](%{{.*}}, %{{.*}}) at [128, 0]
kernel.program @main {
  %v = kernel.input "v" : memref<256xf32>
  %p = kernel.output "p" : memref<64xf32>
  %q = kernel.output "q" : memref<64xf32>
  %r = kernel.output "r" : memref<64xf32>
  %s = kernel.output "s" : memref<64xf32>
  %t = kernel.output "t" : memref<64xf32>
  kernel.launch @first(%v, %p) : memref<256xf32>, memref<64xf32>
  kernel.launch @second(%v, %q) : memref<256xf32>, memref<64xf32>
  kernel.launch @odd(%v, %r) : memref<256xf32>, memref<64xf32>
  %vv = memref.reinterpret_cast %v to offset: [16], sizes: [8, 32], strides: [32, 1] : memref<256xf32> to memref<8x32xf32, strided<[32, 1], offset: 16>>
  %ss = memref.reinterpret_cast %s to offset: [0], sizes: [4, 16], strides: [16, 1] : memref<64xf32> to memref<4x16xf32>
  kernel.launch @rows(%vv, %ss) : memref<8x32xf32, strided<[32, 1], offset: 16>>, memref<4x16xf32>
  %x = memref.reinterpret_cast %v to offset: [0], sizes: [32], strides: [1] : memref<256xf32> to memref<32xf32>
  kernel.launch @part(%x, %t) : memref<32xf32>, memref<64xf32>
}
