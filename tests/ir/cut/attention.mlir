// RUN: tgc-opt %s --tgc-cut | FileCheck %s

// Logits, scale and mask are computed inside the kernel of the softmax; values are loaded, scaled queries are not
// stored again. The result goes to the next projection through its view.
// CHECK-LABEL: kernel.func @attend_0
// CHECK: %[[S:.*]] = kernel.contract %{{.*}}, %{{.*}} over
// CHECK: %[[T:.*]] = arith.mulf %[[S]]
// CHECK: %[[M:.*]] = kernel.load %{{.*}} : memref<6x6xf32>
// CHECK: %[[U:.*]] = arith.addf %[[T]], %[[M]]
// CHECK: kernel.softmax %[[U]], %{{.*}} over
// CHECK-LABEL: kernel.func @contract_0
// CHECK: kernel.load %{{.*}}[%{{.*}} floordiv 4, %{{.*}}, %{{.*}} mod 4] : memref<2x6x4xf32>
// CHECK-LABEL: kernel.program
// CHECK-COUNT-2: kernel.launch
// CHECK-NOT: kernel.launch
func.func @main(%q: tensor<2x6x4xf32>, %k: tensor<2x6x4xf32>, %v: tensor<2x6x4xf32>, %mask: tensor<6x6xf32>)
    -> tensor<6x8xf32> {
  %s = graph.contract sum %q, %k extents [2, 6, 6, 4] maps affine_map<(h, m, n, d) -> (h, m, d)>,
         affine_map<(h, m, n, d) -> (h, n, d)> : tensor<2x6x4xf32>, tensor<2x6x4xf32> -> tensor<2x6x6xf32>
  %c = arith.constant dense<0.5> : tensor<2x6x6xf32>
  %t = arith.mulf %s, %c : tensor<2x6x6xf32>
  %mb = graph.view %mask[affine_map<(d0, d1, d2) -> (d1, d2)>] : tensor<6x6xf32> -> tensor<2x6x6xf32>
  %u = arith.addf %t, %mb : tensor<2x6x6xf32>
  %o = graph.contract softmax %u, %v extents [2, 6, 4, 6] maps affine_map<(h, m, e, n) -> (h, m, n)>,
         affine_map<(h, m, e, n) -> (h, n, e)> : tensor<2x6x6xf32>, tensor<2x6x4xf32> -> tensor<2x6x4xf32>
  %r = graph.view %o[affine_map<(d0, d1) -> (d1 floordiv 4, d0, d1 mod 4)>] : tensor<2x6x4xf32> -> tensor<6x8xf32>
  %w = graph.weight "w" : tensor<8x8xf32>
  %y = graph.contract sum %r, %w extents [6, 8, 8] maps affine_map<(m, n, k) -> (m, k)>,
         affine_map<(m, n, k) -> (k, n)> : tensor<6x8xf32>, tensor<8x8xf32> -> tensor<6x8xf32>
  return %y : tensor<6x8xf32>
}
