// RUN: tgc-opt %s --kernel-remove-unused-buffers | FileCheck %s

// CHECK-LABEL: kernel.func @both(%x: memref<4xf32>, %y: memref<4xf32>)
// CHECK-NOT:     math.exp
// CHECK:         kernel.store %{{.*}}, %y
// CHECK-NOT:     kernel.store
kernel.func @both(%x: memref<4xf32>, %idle: memref<4xf32>, %y: memref<4xf32>, %unused: memref<4xf32>) axes(%a = 4) {
  %v = kernel.load %x[%a] : memref<4xf32>
  %e = math.exp %v : f32
  kernel.store %e, %idle[%a] : memref<4xf32>
  kernel.store %v, %y[%a] : memref<4xf32>
}
// Filled and read by a kernel whose own result nothing reads.
// CHECK-NOT: @chain
kernel.func @chain(%x: memref<4xf32>, %y: memref<4xf32>) axes(%a = 4) {
  %v = kernel.load %x[%a] : memref<4xf32>
  kernel.store %v, %y[%a] : memref<4xf32>
}
// CHECK-LABEL: kernel.program @main
// CHECK-NOT:     kernel.buffer
// CHECK:         kernel.launch @both(%{{.*}}, %{{.*}}) at [0, 16] : memref<4xf32>, memref<4xf32>
// CHECK-NOT:     kernel.launch
kernel.program @main {
  %x = kernel.input "x" : memref<4xf32>
  %y = kernel.output "y" : memref<32xf32>
  %yy = memref.reinterpret_cast %y to offset: [0], sizes: [4], strides: [1] : memref<32xf32> to memref<4xf32>
  %a = kernel.buffer : memref<4xf32>
  %b = kernel.buffer : memref<2x2xf32>
  %bb = memref.reinterpret_cast %b to offset: [0], sizes: [4], strides: [1] : memref<2x2xf32> to memref<4xf32>
  %c = kernel.buffer : memref<4xf32>
  kernel.launch @both(%x, %a, %yy, %c) at [0, 0, 16, 0] : memref<4xf32>, memref<4xf32>, memref<4xf32>, memref<4xf32>
  kernel.launch @chain(%a, %bb) : memref<4xf32>, memref<4xf32>
}
