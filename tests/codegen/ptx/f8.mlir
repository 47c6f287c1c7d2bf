// RUN: tgc-loop %s --target h200 --emit check | FileCheck %s
// RUN: tgc-loop %s --target h200 --emit check --schedule raw | FileCheck %s

// CHECK: widen {{.*}}: agrees
kernel.func @widen(%x: memref<512xf8E4M3FN>, %y: memref<512xf32>) axes(%i = 512) {
  %v = kernel.load %x[%i] : memref<512xf8E4M3FN>
  %w = arith.extf %v : f8E4M3FN to f32
  kernel.store %w, %y[%i] : memref<512xf32>
}

// CHECK: square {{.*}}: agrees
kernel.func @square(%x: memref<512xf32>, %y: memref<512xf8E4M3FN>) axes(%i = 512) {
  %one = arith.constant 1.0 : f32
  %v = kernel.load %x[%i] : memref<512xf32>
  %q = arith.mulf %v, %v : f32
  %s = arith.addf %q, %one : f32
  %w = arith.truncf %s : f32 to f8E4M3FN
  kernel.store %w, %y[%i] : memref<512xf8E4M3FN>
}
