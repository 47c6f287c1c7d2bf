// RUN: tgc-opt %s --tgc-extract-scales --canonicalize | FileCheck %s

// CHECK-DAG: #[[ROW:.*]] = affine_map<(d0, d1) -> (d0)>
// CHECK-DAG: #[[COLUMN:.*]] = affine_map<(d0, d1) -> (d1)>

// Both operands scaled by bf16 0.296875: one factor, the product of the two as doubles.
// CHECK-LABEL: @scaled
// CHECK: %[[F:.*]] = arith.constant dense<0.0881347656> : tensor<4x6xf32>
// CHECK: %[[S:.*]] = graph.contract sum %arg0, %arg1 {{.*}} : tensor<4x8xbf16>, tensor<6x8xbf16> -> tensor<4x6xf32>
// CHECK: arith.mulf %[[S]], %[[F]]
func.func @scaled(%q: tensor<4x8xbf16>, %k: tensor<6x8xbf16>) -> tensor<4x6xf32> {
  %c = arith.constant dense<0.296875> : tensor<4x8xf32>
  %d = arith.constant dense<0.296875> : tensor<8x6xf32>
  %q32 = arith.extf %q : tensor<4x8xbf16> to tensor<4x8xf32>
  %qs = arith.mulf %q32, %c : tensor<4x8xf32>
  %q16 = arith.truncf %qs : tensor<4x8xf32> to tensor<4x8xbf16>
  %kt = graph.view %k[affine_map<(d0, d1) -> (d1, d0)>] : tensor<6x8xbf16> -> tensor<8x6xbf16>
  %k32 = arith.extf %kt : tensor<8x6xbf16> to tensor<8x6xf32>
  %ks = arith.mulf %k32, %d : tensor<8x6xf32>
  %k16 = arith.truncf %ks : tensor<8x6xf32> to tensor<8x6xbf16>
  %t = graph.contract sum %q16, %k16 extents [4, 6, 8] maps affine_map<(m, n, k) -> (m, k)>,
         affine_map<(m, n, k) -> (k, n)> : tensor<4x8xbf16>, tensor<8x6xbf16> -> tensor<4x6xf32>
  return %t : tensor<4x6xf32>
}

// A factor that is no constant stays.
// CHECK-LABEL: @not_constant
// CHECK: arith.mulf %arg0, %arg1
// CHECK: graph.contract
// CHECK-NEXT: return
func.func @not_constant(%x: tensor<4x8xf32>, %s: tensor<4x8xf32>, %w: tensor<8x6xf32>) -> tensor<4x6xf32> {
  %p = arith.mulf %x, %s : tensor<4x8xf32>
  %t = graph.contract sum %p, %w extents [4, 6, 8] maps affine_map<(m, n, k) -> (m, k)>,
         affine_map<(m, n, k) -> (k, n)> : tensor<4x8xf32>, tensor<8x6xf32> -> tensor<4x6xf32>
  return %t : tensor<4x6xf32>
}

// Tensors of 8 bits with a scale for every row and every column: their product, then the scales. The roundings between
// made the operands no more exact.
// CHECK-LABEL: @quantised
// CHECK: %[[S:.*]] = graph.contract sum %arg0, %arg1 {{.*}} : tensor<4x8xf8E4M3FN>, tensor<6x8xf8E4M3FN> -> tensor<4x6xf32>
// CHECK: %[[R:.*]] = graph.view %arg2[#[[ROW]]] : tensor<4xf32> -> tensor<4x6xf32>
// CHECK: %[[T:.*]] = arith.mulf %[[S]], %[[R]]
// CHECK: %[[C:.*]] = graph.view %arg3[#[[COLUMN]]] : tensor<6xf32> -> tensor<4x6xf32>
// CHECK: %[[U:.*]] = arith.mulf %[[T]], %[[C]]
// CHECK: return %[[U]]
func.func @quantised(%x: tensor<4x8xf8E4M3FN>, %w: tensor<6x8xf8E4M3FN>, %rows: tensor<4xf32>, %columns: tensor<6xf32>)
    -> tensor<4x6xf32> {
  %x32 = arith.extf %x : tensor<4x8xf8E4M3FN> to tensor<4x8xf32>
  %r = graph.view %rows[affine_map<(d0, d1) -> (d0)>] : tensor<4xf32> -> tensor<4x8xf32>
  %xs = arith.mulf %x32, %r : tensor<4x8xf32>
  %x16 = arith.truncf %xs : tensor<4x8xf32> to tensor<4x8xbf16>
  %w32 = arith.extf %w : tensor<6x8xf8E4M3FN> to tensor<6x8xf32>
  %c = graph.view %columns[affine_map<(d0, d1) -> (d0)>] : tensor<6xf32> -> tensor<6x8xf32>
  %ws = arith.mulf %w32, %c : tensor<6x8xf32>
  %w16 = arith.truncf %ws : tensor<6x8xf32> to tensor<6x8xbf16>
  %wt = graph.view %w16[affine_map<(d0, d1) -> (d1, d0)>] : tensor<6x8xbf16> -> tensor<8x6xbf16>
  %t = graph.contract sum %x16, %wt extents [4, 6, 8] maps affine_map<(m, n, k) -> (m, k)>,
         affine_map<(m, n, k) -> (k, n)> : tensor<4x8xbf16>, tensor<8x6xbf16> -> tensor<4x6xf32>
  return %t : tensor<4x6xf32>
}

// Scales along what is summed stay.
// CHECK-LABEL: @scaled_along_depth
// CHECK: arith.mulf
// CHECK: graph.contract sum {{.*}} : tensor<4x8xf32>, tensor<8x6xf32>
func.func @scaled_along_depth(%x: tensor<4x8xf8E4M3FN>, %w: tensor<8x6xf8E4M3FN>, %s: tensor<8xf32>) -> tensor<4x6xf32> {
  %x32 = arith.extf %x : tensor<4x8xf8E4M3FN> to tensor<4x8xf32>
  %k = graph.view %s[affine_map<(d0, d1) -> (d1)>] : tensor<8xf32> -> tensor<4x8xf32>
  %xs = arith.mulf %x32, %k : tensor<4x8xf32>
  %w32 = arith.extf %w : tensor<8x6xf8E4M3FN> to tensor<8x6xf32>
  %t = graph.contract sum %xs, %w32 extents [4, 6, 8] maps affine_map<(m, n, k) -> (m, k)>,
         affine_map<(m, n, k) -> (k, n)> : tensor<4x8xf32>, tensor<8x6xf32> -> tensor<4x6xf32>
  return %t : tensor<4x6xf32>
}
