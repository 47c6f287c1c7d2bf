// RUN: tgc-opt %s --pass-pipeline="builtin.module(kernel.func(kernel-drop-roundings))" | FileCheck %s

// CHECK-LABEL: kernel.func @drop
// CHECK-NEXT:    %[[V:.*]] = kernel.load
// CHECK-NEXT:    %[[A:.*]] = arith.addf %[[V]], %[[V]] : f32
// CHECK-NEXT:    %[[M:.*]] = arith.mulf %[[A]], %[[A]] : f32
// CHECK-NEXT:    %[[T:.*]] = arith.truncf %[[M]] : f32 to bf16
// CHECK-NEXT:    kernel.store %[[T]]
kernel.func @drop(%x: memref<4xf32>, %y: memref<4xbf16>) axes(%a = 4) {
  %v = kernel.load %x[%a] : memref<4xf32>
  %s = arith.addf %v, %v : f32
  %t = arith.truncf %s : f32 to bf16
  %e = arith.extf %t : bf16 to f32
  %m = arith.mulf %e, %e : f32
  %u = arith.truncf %m : f32 to bf16
  kernel.store %u, %y[%a] : memref<4xbf16>
}

// The rounding before the sine is the graph's, also through a product.
// CHECK-LABEL: kernel.func @keep
// CHECK:         %[[T:.*]] = arith.truncf %{{.*}} : f32 to bf16
// CHECK-NEXT:    %[[E:.*]] = arith.extf %[[T]] : bf16 to f32
// CHECK-NEXT:    %[[F:.*]] = arith.mulf %[[E]]
// CHECK-NEXT:    math.sin %[[F]]
kernel.func @keep(%x: memref<4xf32>, %f: memref<4xf32>, %y: memref<4xf32>) axes(%a = 4) {
  %v = kernel.load %x[%a] : memref<4xf32>
  %w = kernel.load %f[%a] : memref<4xf32>
  %t = arith.truncf %v : f32 to bf16
  %e = arith.extf %t : bf16 to f32
  %m = arith.mulf %e, %w : f32
  %s = math.sin %m : f32
  kernel.store %s, %y[%a] : memref<4xf32>
}

// A sum is not an element-wise path.
// CHECK-LABEL: kernel.func @sum
// CHECK-NOT:     arith.truncf
// CHECK:         math.floor
kernel.func @sum(%x: memref<4xf32>, %y: memref<f32>) axes(%a = 4) {
  %v = kernel.load %x[%a] : memref<4xf32>
  %t = arith.truncf %v : f32 to bf16
  %e = arith.extf %t : bf16 to f32
  %m = kernel.reduce add %e over(%a) : f32 -> f32
  %s = math.floor %m : f32
  kernel.store %s, %y[] : memref<f32>
}

// Exact operations between the two are done in the wider type.
// CHECK-LABEL: kernel.func @through
// CHECK-NEXT:    %[[V:.*]] = kernel.load
// CHECK-NEXT:    %[[W:.*]] = kernel.load
// CHECK-NEXT:    %[[T:.*]] = kernel.test
// CHECK-DAG:     %[[N:.*]] = arith.negf %[[V]] : f32
// CHECK-DAG:     %[[X:.*]] = arith.extf %[[W]] : bf16 to f32
// CHECK-NEXT:    %[[S:.*]] = arith.select %[[T]], %[[N]], %[[X]] : f32
// CHECK-NEXT:    kernel.store %[[S]]
kernel.func @through(%x: memref<4xf32>, %b: memref<4xbf16>, %y: memref<4xf32>) axes(%a = 4) {
  %v = kernel.load %x[%a] : memref<4xf32>
  %w = kernel.load %b[%a] : memref<4xbf16>
  %c = kernel.test(%a - 2 >= 0) : i1
  %t = arith.truncf %v : f32 to bf16
  %n = arith.negf %t : bf16
  %s = arith.select %c, %n, %w : bf16
  %e = arith.extf %s : bf16 to f32
  kernel.store %e, %y[%a] : memref<4xf32>
}
