// RUN: tgc-opt %s --tgc-find-attention --canonicalize --split-input-file | FileCheck %s
// RUN: tgc-opt %s --tgc-find-attention=most-columns=2 --split-input-file | FileCheck %s --check-prefix=WIDE
// RUN: tgc-opt %s --tgc-find-attention=most-columns=3 --canonicalize --split-input-file | FileCheck %s

// Softmax between casts and transposes, then a product with the values.
// CHECK-LABEL: @attend
// WIDE-LABEL: @attend
// WIDE-NOT: softmax
// WIDE: graph.contract sum
// CHECK: graph.contract softmax %arg0, %arg1 extents [2, 4, 3, 5] maps #[[A:.*]], #[[B:.*]] : tensor<2x4x5xf32>, tensor<2x5x3xbf16> -> tensor<2x4x3xf32>
// CHECK-NOT: math.exp
func.func @attend(%t: tensor<2x4x5xf32>, %v: tensor<2x5x3xbf16>) -> tensor<2x4x3xf32> {
  %m = graph.reduce max %t dims [2] : tensor<2x4x5xf32> -> tensor<2x4xf32>
  %mb = graph.view %m[affine_map<(d0, d1, d2) -> (d0, d1)>] : tensor<2x4xf32> -> tensor<2x4x5xf32>
  %d = arith.subf %t, %mb : tensor<2x4x5xf32>
  %e = math.exp %d : tensor<2x4x5xf32>
  %s = graph.reduce add %e dims [2] : tensor<2x4x5xf32> -> tensor<2x4xf32>
  %sb = graph.view %s[affine_map<(d0, d1, d2) -> (d0, d1)>] : tensor<2x4xf32> -> tensor<2x4x5xf32>
  %p = arith.divf %e, %sb : tensor<2x4x5xf32>
  %h = arith.truncf %p : tensor<2x4x5xf32> to tensor<2x4x5xbf16>
  %o = graph.contract sum %h, %v extents [2, 4, 3, 5] maps affine_map<(b, m, e, n) -> (b, m, n)>,
         affine_map<(b, m, e, n) -> (b, n, e)> : tensor<2x4x5xbf16>, tensor<2x5x3xbf16> -> tensor<2x4x3xf32>
  return %o : tensor<2x4x3xf32>
}

// -----

// The other operand, by a product with the inverse sum.
// CHECK-LABEL: @right
// CHECK: graph.contract softmax %arg0, %arg1
func.func @right(%t: tensor<4x5xf32>, %v: tensor<5x3xf32>) -> tensor<3x4xf32> {
  %one = arith.constant dense<1.0> : tensor<4xf32>
  %m = graph.reduce max %t dims [1] : tensor<4x5xf32> -> tensor<4xf32>
  %mb = graph.view %m[affine_map<(d0, d1) -> (d0)>] : tensor<4xf32> -> tensor<4x5xf32>
  %d = arith.subf %t, %mb : tensor<4x5xf32>
  %e = math.exp %d : tensor<4x5xf32>
  %s = graph.reduce add %e dims [1] : tensor<4x5xf32> -> tensor<4xf32>
  %i = arith.divf %one, %s : tensor<4xf32>
  %ib = graph.view %i[affine_map<(d0, d1) -> (d0)>] : tensor<4xf32> -> tensor<4x5xf32>
  %p = arith.mulf %e, %ib : tensor<4x5xf32>
  %o = graph.contract sum %v, %p extents [3, 4, 5] maps affine_map<(e, m, n) -> (n, e)>,
         affine_map<(e, m, n) -> (m, n)> : tensor<5x3xf32>, tensor<4x5xf32> -> tensor<3x4xf32>
  return %o : tensor<3x4xf32>
}

// -----

// The softmax is over the other dimension than the sum.
// CHECK-LABEL: @across
// CHECK: graph.contract sum
func.func @across(%t: tensor<5x5xf32>, %v: tensor<5x3xf32>) -> tensor<5x3xf32> {
  %m = graph.reduce max %t dims [0] : tensor<5x5xf32> -> tensor<5xf32>
  %mb = graph.view %m[affine_map<(d0, d1) -> (d1)>] : tensor<5xf32> -> tensor<5x5xf32>
  %d = arith.subf %t, %mb : tensor<5x5xf32>
  %e = math.exp %d : tensor<5x5xf32>
  %s = graph.reduce add %e dims [0] : tensor<5x5xf32> -> tensor<5xf32>
  %sb = graph.view %s[affine_map<(d0, d1) -> (d1)>] : tensor<5xf32> -> tensor<5x5xf32>
  %p = arith.divf %e, %sb : tensor<5x5xf32>
  %o = graph.contract sum %p, %v extents [5, 3, 5] maps affine_map<(m, e, n) -> (m, n)>,
         affine_map<(m, e, n) -> (n, e)> : tensor<5x5xf32>, tensor<5x3xf32> -> tensor<5x3xf32>
  return %o : tensor<5x3xf32>
}
