// RUN: tgc-opt %s --tgc-shrink-buffers | FileCheck %s

// Only columns 4 to 9 are loaded, conditions included.
// CHECK-LABEL: kernel.func @store(
// CHECK: kernel.store %{{.*}}, %y[%m, %n - 4] if (%n - 4 >= 0, -%n + 9 >= 0) : memref<3x6xf32>
// CHECK-LABEL: kernel.func @load(
// CHECK: kernel.load %x[%m, %n] : memref<3x6xf32>
// CHECK: kernel.load %x[%m, %n + 3] if (-%n + 2 >= 0) : memref<3x6xf32> else 0.000000e+00
// CHECK-LABEL: kernel.program
// CHECK: kernel.buffer : memref<3x6xf32>
kernel.func @store(%x: memref<3x16xf32>, %y: memref<3x16xf32>) axes(%m = 3, %n = 16) {
  %v = kernel.load %x[%m, %n] : memref<3x16xf32>
  kernel.store %v, %y[%m, %n] : memref<3x16xf32>
}
kernel.func @load(%x: memref<3x16xf32>, %y: memref<3x4xf32>) axes(%m = 3, %n = 4) {
  %v = kernel.load %x[%m, %n + 4] : memref<3x16xf32>
  %u = kernel.load %x[%m, %n + 7] if (2 - %n >= 0) : memref<3x16xf32> else 0.0
  %s = arith.addf %u, %v : f32
  kernel.store %s, %y[%m, %n] : memref<3x4xf32>
}
kernel.program @main {
  %x = kernel.input "x" : memref<3x16xf32>
  %y = kernel.output "y" : memref<3x4xf32>
  %t = kernel.buffer : memref<3x16xf32>
  kernel.launch @store(%x, %t) : memref<3x16xf32>, memref<3x16xf32>
  kernel.launch @load(%t, %y) : memref<3x16xf32>, memref<3x4xf32>
}
