// Weights are transformed and packed one by one: the first's workspace is free again when the second's is filled.
// RUN: %tgc compile %s --from kernel --device cpu:avx512 --emit schedule | FileCheck %s
// RUN: %tgc compile %s --from kernel --device cpu:avx512 -o %t.tgc 2>&1 | FileCheck %s --check-prefix=MEMORY

// CHECK-LABEL: kernel.program @main
// CHECK: kernel.launch prepare @first_weights(%{{.*}}, %[[FIRST:.*]]) :
// CHECK-NEXT: kernel.launch prepare @pack_first_product(%[[FIRST]],
// CHECK: kernel.launch prepare @second_weights(%{{.*}}, %[[SECOND:.*]]) :
// CHECK-NEXT: kernel.launch prepare @pack_first_product(%[[SECOND]],

// Each is 36 elements of 128 × 128, 2.3 MiB. Both at once were 4.5; data and results need 2.8 later.
// MEMORY: as prepared and 2.8 MiB for intermediate values

kernel.func @first(%x: memref<32x32x128xf32>, %w: memref<128x128x3x3xf32> {free}, %y: memref<32x32x128xf32>)
    axes(%r = 3, %h = 32, %s = 3, %v = 32, %c = 128, %o = 128) attributes {schedule = "winograd(4)"} {
  %0 = kernel.load %x[%r + %h - 1, %s + %v - 1, %c] : memref<32x32x128xf32> else 0.000000e+00
  %1 = kernel.load %w[%o, %c, %r, %s] : memref<128x128x3x3xf32>
  %2 = kernel.contract %0, %1 over(%r, %s, %c) : f32, f32 -> f32
  kernel.store %2, %y[%h, %v, %o] : memref<32x32x128xf32>
}

kernel.func @second(%x: memref<32x32x128xf32>, %w: memref<128x128x3x3xf32> {free}, %y: memref<32x32x128xf32>)
    axes(%r = 3, %h = 32, %s = 3, %v = 32, %c = 128, %o = 128) attributes {schedule = "winograd(4)"} {
  %0 = kernel.load %x[%r + %h - 1, %s + %v - 1, %c] : memref<32x32x128xf32> else 0.000000e+00
  %1 = kernel.load %w[%o, %c, %r, %s] : memref<128x128x3x3xf32>
  %2 = kernel.contract %0, %1 over(%r, %s, %c) : f32, f32 -> f32
  kernel.store %2, %y[%h, %v, %o] : memref<32x32x128xf32>
}

kernel.program @main {
  %x = kernel.input "x" : memref<32x32x128xf32>
  %y = kernel.output "y" : memref<32x32x128xf32>
  %v = kernel.weight "v" from(dense<0.5> : tensor<128x128x3x3xf32>) : memref<128x128x3x3xf32>
  %w = kernel.weight "w" from(dense<0.25> : tensor<128x128x3x3xf32>) : memref<128x128x3x3xf32>
  %a = kernel.buffer : memref<32x32x128xf32>
  kernel.launch @first(%x, %v, %a) : memref<32x32x128xf32>, memref<128x128x3x3xf32>, memref<32x32x128xf32>
  kernel.launch @second(%a, %w, %y) : memref<32x32x128xf32>, memref<128x128x3x3xf32>, memref<32x32x128xf32>
}
