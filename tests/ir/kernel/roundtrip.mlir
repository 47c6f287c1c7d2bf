// RUN: tgc-opt %s | tgc-opt | FileCheck %s
// RUN: tgc-opt --mlir-print-op-generic %s | tgc-opt | FileCheck %s

// CHECK-LABEL: kernel.func @up(%x: memref<4x16xbf16>, %w: memref<8x16xbf16> {free}, %y: memref<4x8xbf16>) axes(%m = 4, %n = 8, %k = 16) attributes {schedule = "upcast(n,8)"}
kernel.func @up(%x: memref<4x16xbf16>, %w: memref<8x16xbf16> {free}, %y: memref<4x8xbf16>)
    axes(%m = 4, %n = 8, %k = 16) attributes {schedule = "upcast(n,8)"} {
  // CHECK-NEXT: %[[A:.*]] = kernel.load %x[%m, %k] : memref<4x16xbf16>
  %a = kernel.load %x[%m, %k] : memref<4x16xbf16>
  %c = kernel.load %w[%n, %k] : memref<8x16xbf16>
  // CHECK: kernel.contract %[[A]], %{{.*}} over(%k) : bf16, bf16 -> f32
  %s = kernel.contract %a, %c over(%k) : bf16, bf16 -> f32
  %t = arith.truncf %s : f32 to bf16
  // CHECK: kernel.store %{{.*}}, %y[%m, %n] if (%n - 4 >= 0) : memref<4x8xbf16>
  kernel.store %t, %y[%m, %n] if (%n - 4 >= 0) : memref<4x8xbf16>
  // CHECK: kernel.store %{{.*}}, %y[%m, %n] if (-%n + 3 >= 0) : memref<4x8xbf16>
  kernel.store %t, %y[%m, %n] if (3 - %n >= 0) : memref<4x8xbf16>
}

// CHECK-LABEL: kernel.func @everything
kernel.func @everything(%u: memref<6x3xf32>, %v: memref<3xf32>, %ids: memref<8xi64>, %y: memref<8x2xf32>,
                        %z: memref<8xi64>, %s: memref<2x8xf32, strided<[16, 2], offset: 32>>)
    axes(%m = 8, %r = 2, %k = 3) {
  // CHECK-NEXT: kernel.load %u[%m - 1, %k] if (%m - %r >= 0, %k == 0) : memref<6x3xf32>, %v[%k] : memref<3xf32> else 5.000000e-01
  %a = kernel.load %u[%m - 1, %k] if (%m - %r >= 0, %k == 0) : memref<6x3xf32>, %v[%k] : memref<3xf32> else 0.5
  // CHECK-NEXT: kernel.load %u[(%m + %r) floordiv 2, %k mod 2] : memref<6x3xf32>
  %b = kernel.load %u[(%m + %r) floordiv 2, %k mod 2] : memref<6x3xf32>
  // CHECK-NEXT: kernel.load %ids[%m] : memref<8xi64>
  %i = kernel.load %ids[%m] : memref<8xi64>
  // CHECK-NEXT: kernel.gather %u[0, %k] dim 0 at %{{.*}} : memref<6x3xf32>, i64 else -1.000000e+00
  %g = kernel.gather %u[0, %k] dim 0 at %i : memref<6x3xf32>, i64 else -1.0
  // CHECK-NEXT: kernel.coord(%m * 2 + %r) : i32
  %c = kernel.coord(%m * 2 + %r) : i32
  // CHECK-NEXT: kernel.test(%m - 4 >= 0, %r == 0) : i1
  %t = kernel.test(%m - 4 >= 0, %r == 0) : i1
  // CHECK-NEXT: kernel.reduce add %{{.*}} over(%k) : f32 -> f32
  %sum = kernel.reduce add %a over(%k) : f32 -> f32
  // CHECK-NEXT: kernel.reduce argmax %{{.*}} over(%k) : f32 -> i64
  %arg = kernel.reduce argmax %b over(%k) : f32 -> i64
  // CHECK-NEXT: kernel.reduce max %{{.*}} over(%r) unsigned : i32 -> i32
  %max = kernel.reduce max %c over(%r) unsigned : i32 -> i32
  // CHECK-NEXT: %{{.*}}, %{{.*}} = kernel.moments %{{.*}} over(%k, %r) : f32 -> f32, f32
  %mean, %var = kernel.moments %a over(%k, %r) : f32 -> f32, f32
  // CHECK-NEXT: kernel.softmax %{{.*}}, %{{.*}} over(%k) : f32, f32 -> f32
  %soft = kernel.softmax %a, %g over(%k) : f32, f32 -> f32
  // CHECK-NEXT: kernel.remap %{{.*}}[%r -> -%r + 1] : f32
  %o = kernel.remap %soft[%r -> 1 - %r] : f32
  %x = arith.select %t, %o, %sum : f32
  kernel.store %x, %y[%m, %r] : memref<8x2xf32>
  kernel.store %arg, %z[%m] if (%r == 0) : memref<8xi64>
  // CHECK: kernel.store %{{.*}}, %s[%r, %m] : memref<2x8xf32, strided<[16, 2], offset: 32>>
  kernel.store %mean, %s[%r, %m] : memref<2x8xf32, strided<[16, 2], offset: 32>>
}

// A kernel without axes and buffers of rank 0.
// CHECK-LABEL: kernel.func @scalar(%x: memref<f32>, %y: memref<f32>) axes()
kernel.func @scalar(%x: memref<f32>, %y: memref<f32>) axes() {
  // CHECK-NEXT: kernel.load %x[] : memref<f32>
  %a = kernel.load %x[] : memref<f32>
  kernel.store %a, %y[] : memref<f32>
}

// CHECK-LABEL: kernel.program @main
kernel.program @main {
  // CHECK-NEXT: kernel.input "x" : memref<f32>
  %x = kernel.input "x" : memref<f32>
  // CHECK-NEXT: kernel.weight "w" from(#graph.external<"m.weights", 64, 4>) : memref<f32>
  %w = kernel.weight "w" from(#graph.external<"m.weights", 64, 4>) : memref<f32>
  // CHECK-NEXT: kernel.weight "v" : memref<f32>
  %v = kernel.weight "v" : memref<f32>
  // CHECK-NEXT: kernel.buffer : memref<f32>
  %b = kernel.buffer : memref<f32>
  // CHECK-NEXT: kernel.output "y" as "uint8" : memref<64xi8>
  %y = kernel.output "y" as "uint8" : memref<64xi8>
  // CHECK-NEXT: kernel.output "z" : memref<32xf32>
  %z = kernel.output "z" : memref<32xf32>
  // CHECK-NEXT: %[[PART:.*]] = memref.reinterpret_cast %{{.*}} to offset: [0], sizes: [], strides: []
  %part = memref.reinterpret_cast %z to offset: [0], sizes: [], strides: [] : memref<32xf32> to memref<f32>
  // CHECK-NEXT: kernel.launch prepare @scalar(%{{.*}}, %{{.*}}) : memref<f32>, memref<f32>
  kernel.launch prepare @scalar(%w, %b) : memref<f32>, memref<f32>
  // CHECK-NEXT: kernel.launch @scalar(%{{.*}}, %[[PART]]) at [0, 16] : memref<f32>, memref<f32>
  kernel.launch @scalar(%b, %part) at [0, 16] : memref<f32>, memref<f32>
}
