// RUN: tgc-opt %s --kernel-canonical --kernel-dedupe | FileCheck %s
// RUN: tgc-opt %s --kernel-dedupe | FileCheck %s --check-prefix=APART

// @one and @two differ in names and order alone, @three in a constant.
// CHECK:     kernel.func @[[FIRST:contract_m4n8k16_[0-9a-f]+]](
// CHECK:     kernel.func @[[THIRD:contract_m4n8k16_[0-9a-f]+]](
// CHECK-NOT: kernel.func
// Without canonical form the order of buffers keeps the first two apart.
// APART-COUNT-3: kernel.func @contract_m4n8k16_
kernel.func @one(%x: memref<4x16xf32>, %w: memref<8x16xf32>, %y: memref<4x8xf32>) axes(%m = 4, %n = 8, %k = 16) {
  %a = kernel.load %x[%m, %k] : memref<4x16xf32>
  %b = kernel.load %w[%n, %k] : memref<8x16xf32>
  %s = kernel.contract %a, %b over(%k) : f32, f32 -> f32
  %c = arith.constant 0.25 : f32
  %t = arith.mulf %s, %c : f32
  kernel.store %t, %y[%m, %n] : memref<4x8xf32>
}
kernel.func @two(%w: memref<8x16xf32>, %y: memref<4x8xf32>, %x: memref<4x16xf32>) axes(%k = 16, %n = 8, %m = 4) {
  %c = arith.constant 0.25 : f32
  %b = kernel.load %w[%n, %k] : memref<8x16xf32>
  %a = kernel.load %x[%m, %k] : memref<4x16xf32>
  %s = kernel.contract %a, %b over(%k) : f32, f32 -> f32
  %t = arith.mulf %c, %s : f32
  kernel.store %t, %y[%m, %n] : memref<4x8xf32>
}
kernel.func @three(%x: memref<4x16xf32>, %w: memref<8x16xf32>, %y: memref<4x8xf32>) axes(%m = 4, %n = 8, %k = 16) {
  %a = kernel.load %x[%m, %k] : memref<4x16xf32>
  %b = kernel.load %w[%n, %k] : memref<8x16xf32>
  %s = kernel.contract %a, %b over(%k) : f32, f32 -> f32
  %c = arith.constant 0.5 : f32
  %t = arith.mulf %s, %c : f32
  kernel.store %t, %y[%m, %n] : memref<4x8xf32>
}
// CHECK:         %[[X:.*]] = kernel.input "x"
// CHECK:         %[[W:.*]] = kernel.weight "w"
// CHECK:         kernel.launch @[[FIRST]](%[[X]], %[[W]], %{{.*}})
// CHECK-NEXT:    kernel.launch @[[FIRST]](%[[X]], %[[W]], %{{.*}})
// CHECK-NEXT:    kernel.launch @[[THIRD]](%[[X]], %[[W]], %{{.*}})
kernel.program @main {
  %x = kernel.input "x" : memref<4x16xf32>
  %w = kernel.weight "w" : memref<8x16xf32>
  %a = kernel.output "a" : memref<4x8xf32>
  %b = kernel.output "b" : memref<4x8xf32>
  %c = kernel.output "c" : memref<4x8xf32>
  kernel.launch @one(%x, %w, %a) : memref<4x16xf32>, memref<8x16xf32>, memref<4x8xf32>
  kernel.launch @two(%w, %b, %x) : memref<8x16xf32>, memref<4x8xf32>, memref<4x16xf32>
  kernel.launch @three(%x, %w, %c) : memref<4x16xf32>, memref<8x16xf32>, memref<4x8xf32>
}
