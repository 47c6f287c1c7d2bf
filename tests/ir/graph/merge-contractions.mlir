// RUN: tgc-opt %s --tgc-merge-contractions --tgc-join-slices --canonicalize --split-input-file | FileCheck %s

// Two projections with biases: one contraction, one addition, two slices.
// CHECK-LABEL: @projections
// CHECK-DAG: %[[A:.*]] = graph.weight "a"
// CHECK-DAG: %[[B:.*]] = graph.weight "b"
// CHECK-DAG: %[[W:.*]] = graph.piece(%[[A]], %[[B]]) {{.*}} -> tensor<16x12xf32>
// CHECK: %[[C:.*]] = graph.contract sum %arg0, %[[W]] extents [4, 12, 16] {{.*}} -> tensor<4x12xf32>
// CHECK: %[[BIAS:.*]] = graph.piece({{.*}}) {{.*}} : (tensor<8xf32>, tensor<4xf32>) -> tensor<12xf32>
// CHECK: %[[BB:.*]] = graph.view %[[BIAS]]
// CHECK: %[[S:.*]] = arith.addf %[[C]], %[[BB]] : tensor<4x12xf32>
// CHECK-DAG: graph.view %[[S]][{{.*}}] : tensor<4x12xf32> -> tensor<4x8xf32>
// CHECK-DAG: graph.view %[[S]][{{.*}}] : tensor<4x12xf32> -> tensor<4x4xf32>
func.func @projections(%x: tensor<4x16xf32>) -> (tensor<4x8xf32>, tensor<4x4xf32>) {
  %a = graph.weight "a" : tensor<16x8xf32>
  %b = graph.weight "b" : tensor<16x4xf32>
  %ba = graph.weight "ba" : tensor<8xf32>
  %bb = graph.weight "bb" : tensor<4xf32>
  %p = graph.contract sum %x, %a extents [4, 8, 16] maps affine_map<(m, n, k) -> (m, k)>,
         affine_map<(m, n, k) -> (k, n)> : tensor<4x16xf32>, tensor<16x8xf32> -> tensor<4x8xf32>
  %q = graph.contract sum %x, %b extents [4, 4, 16] maps affine_map<(m, n, k) -> (m, k)>,
         affine_map<(m, n, k) -> (k, n)> : tensor<4x16xf32>, tensor<16x4xf32> -> tensor<4x4xf32>
  %va = graph.view %ba[affine_map<(d0, d1) -> (d1)>] : tensor<8xf32> -> tensor<4x8xf32>
  %vb = graph.view %bb[affine_map<(d0, d1) -> (d1)>] : tensor<4xf32> -> tensor<4x4xf32>
  %y = arith.addf %p, %va : tensor<4x8xf32>
  %z = arith.addf %q, %vb : tensor<4x4xf32>
  return %y, %z : tensor<4x8xf32>, tensor<4x4xf32>
}

// -----

// Weights in another order, and an operand that is no weight: not merged.
// CHECK-LABEL: @apart
// CHECK-COUNT-3: graph.contract
func.func @apart(%x: tensor<4x16xf32>, %k: tensor<16x4xf32>) -> (tensor<4x8xf32>, tensor<4x4xf32>, tensor<4x4xf32>) {
  %a = graph.weight "a" : tensor<16x8xf32>
  %b = graph.weight "b" : tensor<4x16xf32>
  %p = graph.contract sum %x, %a extents [4, 8, 16] maps affine_map<(m, n, k) -> (m, k)>,
         affine_map<(m, n, k) -> (k, n)> : tensor<4x16xf32>, tensor<16x8xf32> -> tensor<4x8xf32>
  %q = graph.contract sum %x, %b extents [4, 4, 16] maps affine_map<(m, n, k) -> (m, k)>,
         affine_map<(m, n, k) -> (n, k)> : tensor<4x16xf32>, tensor<4x16xf32> -> tensor<4x4xf32>
  %r = graph.contract sum %x, %k extents [4, 4, 16] maps affine_map<(m, n, k) -> (m, k)>,
         affine_map<(m, n, k) -> (k, n)> : tensor<4x16xf32>, tensor<16x4xf32> -> tensor<4x4xf32>
  return %p, %q, %r : tensor<4x8xf32>, tensor<4x4xf32>, tensor<4x4xf32>
}
