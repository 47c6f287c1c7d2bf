// RUN: tgc-opt %s --pass-pipeline='builtin.module(func.func(graph-fold-empty,canonicalize))' --split-input-file | FileCheck %s

// A maximum over nothing is -inf, a sum of products zero.
// CHECK-LABEL: func.func @reductions
// CHECK-DAG: %[[MAX:.*]] = arith.constant dense<0xFF800000> : tensor<2xf32>
// CHECK-DAG: %[[SUM:.*]] = arith.constant dense<0.000000e+00> : tensor<2x3xf32>
// CHECK: return %[[MAX]], %[[SUM]]
func.func @reductions(%x: tensor<2x0xf32>, %w: tensor<0x3xf32>) -> (tensor<2xf32>, tensor<2x3xf32>) {
  %m = graph.reduce max %x dims [1] : tensor<2x0xf32> -> tensor<2xf32>
  %y = graph.contract sum %x, %w extents [2, 3, 0] maps affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)> : tensor<2x0xf32>, tensor<0x3xf32> -> tensor<2x3xf32>
  return %m, %y : tensor<2xf32>, tensor<2x3xf32>
}

// -----

// The other piece is all there is.
// CHECK-LABEL: func.func @pieces
// CHECK-SAME: %[[X:.*]]: tensor<4xf32>, %
// CHECK: return %[[X]]
func.func @pieces(%x: tensor<4xf32>, %e: tensor<0xf32>) -> tensor<4xf32> {
  %y = graph.piece(%e, %x) maps [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>] wheres [affine_set<(d0) : (0 == 0)>, affine_set<(d0) : (0 == 0)>] : (tensor<0xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
