// RUN: tgc-opt %s --tgc-split-concats --split-input-file | FileCheck %s

// The scale of a concatenation of two projections becomes two, and the contraction reads both results.
// CHECK-LABEL: @parts
// CHECK: %[[A:.*]] = graph.contract sum %arg0
// CHECK: %[[B:.*]] = graph.contract sum %arg1
// CHECK: %[[T0:.*]] = graph.view %arg2[#{{.*}}] : tensor<6x4xf32> -> tensor<2x4xf32>
// CHECK: %[[X:.*]] = arith.mulf %[[A]], %{{.*}} : tensor<2x4xf32>
// CHECK: %[[Y:.*]] = arith.mulf %[[B]], %{{.*}} : tensor<4x4xf32>
// CHECK: %[[P:.*]] = graph.piece(%[[X]], %[[Y]])
// CHECK: graph.contract sum %[[P]]
func.func @parts(%x: tensor<2x8xf32>, %y: tensor<4x8xf32>, %t: tensor<6x4xf32>, %k: tensor<4x6xf32>)
    -> tensor<6x6xf32> {
  %w = graph.weight "w" : tensor<8x4xf32>
  %a = graph.contract sum %x, %w extents [2, 4, 8] maps affine_map<(m, n, k) -> (m, k)>,
         affine_map<(m, n, k) -> (k, n)> : tensor<2x8xf32>, tensor<8x4xf32> -> tensor<2x4xf32>
  %b = graph.contract sum %y, %w extents [4, 4, 8] maps affine_map<(m, n, k) -> (m, k)>,
         affine_map<(m, n, k) -> (k, n)> : tensor<4x8xf32>, tensor<8x4xf32> -> tensor<4x4xf32>
  %c = graph.piece(%a, %b) maps [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0 - 2, d1)>]
         wheres [affine_set<(d0, d1) : (1 - d0 >= 0)>, affine_set<(d0, d1) : (d0 - 2 >= 0)>]
         : (tensor<2x4xf32>, tensor<4x4xf32>) -> tensor<6x4xf32>
  %s = arith.mulf %c, %t : tensor<6x4xf32>
  %r = graph.contract sum %s, %k extents [6, 6, 4] maps affine_map<(m, n, k) -> (m, k)>,
         affine_map<(m, n, k) -> (k, n)> : tensor<6x4xf32>, tensor<4x6xf32> -> tensor<6x6xf32>
  return %r : tensor<6x6xf32>
}

// -----

// A reduction reads the concatenation itself: it stays.
// CHECK-LABEL: @read_whole
// CHECK: %[[P:.*]] = graph.piece
// CHECK: arith.mulf %[[P]], %arg2 : tensor<6x4xf32>
func.func @read_whole(%x: tensor<2x8xf32>, %y: tensor<4x8xf32>, %t: tensor<6x4xf32>, %k: tensor<4x6xf32>)
    -> (tensor<6x6xf32>, tensor<6xf32>) {
  %a = graph.reduce add %x dims [1] : tensor<2x8xf32> -> tensor<2xf32>
  %b = graph.reduce add %y dims [1] : tensor<4x8xf32> -> tensor<4xf32>
  %av = graph.view %a[affine_map<(d0, d1) -> (d0)>] : tensor<2xf32> -> tensor<2x4xf32>
  %bv = graph.view %b[affine_map<(d0, d1) -> (d0)>] : tensor<4xf32> -> tensor<4x4xf32>
  %c = graph.piece(%av, %bv) maps [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0 - 2, d1)>]
         wheres [affine_set<(d0, d1) : (1 - d0 >= 0)>, affine_set<(d0, d1) : (d0 - 2 >= 0)>]
         : (tensor<2x4xf32>, tensor<4x4xf32>) -> tensor<6x4xf32>
  %n = graph.reduce max %c dims [1] : tensor<6x4xf32> -> tensor<6xf32>
  %s = arith.mulf %c, %t : tensor<6x4xf32>
  %r = graph.contract sum %s, %k extents [6, 6, 4] maps affine_map<(m, n, k) -> (m, k)>,
         affine_map<(m, n, k) -> (k, n)> : tensor<6x4xf32>, tensor<4x6xf32> -> tensor<6x6xf32>
  return %r, %n : tensor<6x6xf32>, tensor<6xf32>
}
