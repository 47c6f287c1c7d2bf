// RUN: tgc-opt %s --tgc-cut --tgc-shrink-buffers | FileCheck %s

// One projection whose columns go different ways: a stored part, and a part with an activation. What only its own
// epilogue reads is not stored; the kernel stores each part under its condition.
// CHECK-LABEL: kernel.func @contract_0
// CHECK: kernel.contract
// CHECK: kernel.store %{{.*}}, %{{.*}} if ({{.*}}%p1 + 3 >= 0) : memref<4x4xf32>
// CHECK: math.tanh
// CHECK: kernel.store %{{.*}}, %{{.*}}[%p0, %p1 - 4] if (%p1 - 4 >= 0) : memref<4x8xf32>
// CHECK-LABEL: kernel.func @contract_1
// CHECK-LABEL: kernel.program
// CHECK-COUNT-2: kernel.launch
// CHECK-NOT: kernel.launch
func.func @main(%x: tensor<4x16xf32>) -> (tensor<4x8xf32>, tensor<4x4xf32>) {
  %w = graph.weight "w" : tensor<16x12xf32>
  %v = graph.weight "v" : tensor<4x4xf32>
  %c = graph.contract sum %x, %w extents [4, 12, 16] maps affine_map<(m, n, k) -> (m, k)>,
         affine_map<(m, n, k) -> (k, n)> : tensor<4x16xf32>, tensor<16x12xf32> -> tensor<4x12xf32>
  %a = graph.view %c[affine_map<(d0, d1) -> (d0, d1)>] : tensor<4x12xf32> -> tensor<4x4xf32>
  %b = graph.view %c[affine_map<(d0, d1) -> (d0, d1 + 4)>] : tensor<4x12xf32> -> tensor<4x8xf32>
  %t = math.tanh %b : tensor<4x8xf32>
  %y = graph.contract sum %a, %v extents [4, 4, 4] maps affine_map<(m, n, k) -> (m, k)>,
         affine_map<(m, n, k) -> (k, n)> : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
  return %t, %y : tensor<4x8xf32>, tensor<4x4xf32>
}
