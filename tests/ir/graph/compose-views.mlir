// RUN: tgc-opt %s --tgc-compose-views --split-input-file | FileCheck %s

// Transpose there and back vanishes; a slice of a slice is one slice.
// CHECK-LABEL: @compose
// CHECK-NEXT: %[[V:.*]] = graph.view %arg0[#map] : tensor<4x6xf32> -> tensor<2x3xf32>
// CHECK-NEXT: return %arg0, %[[V]]
func.func @compose(%x: tensor<4x6xf32>) -> (tensor<4x6xf32>, tensor<2x3xf32>) {
  %a = graph.view %x[affine_map<(d0, d1) -> (d1, d0)>] : tensor<4x6xf32> -> tensor<6x4xf32>
  %b = graph.view %a[affine_map<(d0, d1) -> (d1, d0)>] : tensor<6x4xf32> -> tensor<4x6xf32>
  %c = graph.view %x[affine_map<(d0, d1) -> (d0 + 1, d1)>] : tensor<4x6xf32> -> tensor<3x6xf32>
  %d = graph.view %c[affine_map<(d0, d1) -> (d0 + 1, d1 * 2)>] : tensor<3x6xf32> -> tensor<2x3xf32>
  return %b, %d : tensor<4x6xf32>, tensor<2x3xf32>
}

// -----

// Padding of a reshape keeps the padding's bounds, which the source's own no longer tell.
// CHECK: #[[SET:.*]] = affine_set<(d0, d1) : (d1 - 1 >= 0, -d1 + 2 >= 0)>
// CHECK-LABEL: @padded
// CHECK: graph.view %arg0[{{.*}}] where #[[SET]] else(0.000000e+00 : f32) : tensor<6xf32> -> tensor<3x4xf32>
func.func @padded(%x: tensor<6xf32>) -> tensor<3x4xf32> {
  %r = graph.view %x[affine_map<(d0, d1) -> (d0 * 2 + d1)>] : tensor<6xf32> -> tensor<3x2xf32>
  %p = graph.view %r[affine_map<(d0, d1) -> (d0, d1 - 1)>] else(0.0 : f32) : tensor<3x2xf32> -> tensor<3x4xf32>
  return %p : tensor<3x4xf32>
}

// -----

// Adjacent slices put together are the tensor; a slice of one part of a concatenation is a slice of its source.
// CHECK-LABEL: @rejoined
// CHECK-NEXT: %[[S:.*]] = graph.view %arg1[{{.*}}] : tensor<4xf32> -> tensor<2xf32>
// CHECK-NEXT: return %arg0, %[[S]]
func.func @rejoined(%x: tensor<8xf32>, %y: tensor<4xf32>) -> (tensor<8xf32>, tensor<2xf32>) {
  %a = graph.view %x[affine_map<(d0) -> (d0)>] : tensor<8xf32> -> tensor<3xf32>
  %b = graph.view %x[affine_map<(d0) -> (d0 + 3)>] : tensor<8xf32> -> tensor<5xf32>
  %c = graph.piece(%a, %b) maps [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0 - 3)>]
         wheres [affine_set<(d0) : (2 - d0 >= 0)>, affine_set<(d0) : (d0 - 3 >= 0)>]
         : (tensor<3xf32>, tensor<5xf32>) -> tensor<8xf32>
  %d = graph.piece(%x, %y) maps [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0 - 8)>]
         wheres [affine_set<(d0) : (7 - d0 >= 0)>, affine_set<(d0) : (d0 - 8 >= 0)>]
         : (tensor<8xf32>, tensor<4xf32>) -> tensor<12xf32>
  %e = graph.view %d[affine_map<(d0) -> (d0 + 9)>] : tensor<12xf32> -> tensor<2xf32>
  return %c, %e : tensor<8xf32>, tensor<2xf32>
}

// -----

// Work moves above what enlarges: eight roots, not thirty-two.
// CHECK-LABEL: @enlarged
// CHECK: %[[R:.*]] = math.sqrt %arg0 : tensor<8xf32>
// CHECK: graph.view %[[R]][{{.*}}] : tensor<8xf32> -> tensor<4x8xf32>
func.func @enlarged(%x: tensor<8xf32>) -> tensor<4x8xf32> {
  %v = graph.view %x[affine_map<(d0, d1) -> (d1)>] : tensor<8xf32> -> tensor<4x8xf32>
  %r = math.sqrt %v : tensor<4x8xf32>
  return %r : tensor<4x8xf32>
}

// -----

// Views fold into contractions; padding does not, because maps stay inside.
// CHECK-LABEL: @contraction
// CHECK: %[[P:.*]] = graph.view %arg1
// CHECK: graph.contract sum %arg0, %[[P]] extents [4, 8, 16] maps #map{{.*}}, #map{{.*}} : tensor<16x4xf32>, tensor<16x8xf32>
func.func @contraction(%x: tensor<16x4xf32>, %y: tensor<16x7xf32>) -> tensor<4x8xf32> {
  %t = graph.view %x[affine_map<(d0, d1) -> (d1, d0)>] : tensor<16x4xf32> -> tensor<4x16xf32>
  %p = graph.view %y[affine_map<(d0, d1) -> (d0, d1 - 1)>] else(0.0 : f32) : tensor<16x7xf32> -> tensor<16x8xf32>
  %c = graph.contract sum %t, %p extents [4, 8, 16] maps affine_map<(m, n, k) -> (m, k)>,
         affine_map<(m, n, k) -> (k, n)> : tensor<4x16xf32>, tensor<16x8xf32> -> tensor<4x8xf32>
  return %c : tensor<4x8xf32>
}

// -----

// Narrow weights are joined narrow.
// CHECK-LABEL: @widened
// CHECK: %[[P:.*]] = graph.piece(%arg0, %arg1) {{.*}} -> tensor<6xbf16>
// CHECK: arith.extf %[[P]] : tensor<6xbf16> to tensor<6xf32>
func.func @widened(%x: tensor<2xbf16>, %y: tensor<4xbf16>) -> tensor<6xf32> {
  %a = arith.extf %x : tensor<2xbf16> to tensor<2xf32>
  %b = arith.extf %y : tensor<4xbf16> to tensor<4xf32>
  %c = graph.piece(%a, %b) maps [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0 - 2)>]
         wheres [affine_set<(d0) : (1 - d0 >= 0)>, affine_set<(d0) : (d0 - 2 >= 0)>]
         : (tensor<2xf32>, tensor<4xf32>) -> tensor<6xf32>
  return %c : tensor<6xf32>
}

// -----

// Halves exchanged, and even and odd elements put back: one view each, the second the tensor itself.
// CHECK: #[[HALVES:.*]] = affine_map<(d0) -> (d0 mod 4 - (d0 floordiv 4) * 4 + 4)>
// CHECK-LABEL: @digits
// CHECK-NEXT: %[[V:.*]] = graph.view %arg0[#[[HALVES]]] : tensor<8xf32> -> tensor<8xf32>
// CHECK-NEXT: return %[[V]], %arg0
func.func @digits(%x: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
  %a = graph.view %x[affine_map<(d0) -> (d0)>] : tensor<8xf32> -> tensor<4xf32>
  %b = graph.view %x[affine_map<(d0) -> (d0 + 4)>] : tensor<8xf32> -> tensor<4xf32>
  %c = graph.piece(%b, %a) maps [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0 - 4)>]
         wheres [affine_set<(d0) : (3 - d0 >= 0)>, affine_set<(d0) : (d0 - 4 >= 0)>]
         : (tensor<4xf32>, tensor<4xf32>) -> tensor<8xf32>
  %e = graph.view %x[affine_map<(d0) -> (d0 * 2)>] : tensor<8xf32> -> tensor<4xf32>
  %o = graph.view %x[affine_map<(d0) -> (d0 * 2 + 1)>] : tensor<8xf32> -> tensor<4xf32>
  %d = graph.piece(%e, %o) maps [affine_map<(d0) -> (d0 floordiv 2)>, affine_map<(d0) -> (d0 floordiv 2)>]
         wheres [affine_set<(d0) : (d0 mod 2 == 0)>, affine_set<(d0) : (d0 mod 2 - 1 == 0)>]
         : (tensor<4xf32>, tensor<4xf32>) -> tensor<8xf32>
  return %c, %d : tensor<8xf32>, tensor<8xf32>
}

// -----

// The rotation of pairs: the partner with the sign of its place, from one view.
// CHECK-DAG: #[[PARTNER:.*]] = affine_map<(d0, d1) -> (d0, (d1 floordiv 2) * 2 - d1 mod 2 + 1)>
// CHECK-DAG: #[[PLACE:.*]] = affine_map<(d0, d1) -> (d1 mod 2)>
// CHECK-LABEL: @rotated
// CHECK-DAG: %[[V:.*]] = graph.view %arg0[#[[PARTNER]]] : tensor<3x8xf32> -> tensor<3x8xf32>
// CHECK-DAG: %[[N:.*]] = arith.negf %arg0
// CHECK-DAG: %[[W:.*]] = graph.view %[[N]][#[[PARTNER]]]
// CHECK-DAG: %[[C:.*]] = graph.coord #[[PLACE]] : tensor<3x8xi32>
// CHECK: %[[T:.*]] = arith.cmpi eq, %[[C]]
// CHECK: arith.select %[[T]], %[[W]], %[[V]]
func.func @rotated(%x: tensor<3x8xf32>) -> tensor<3x8xf32> {
  %e = graph.view %x[affine_map<(d0, d1) -> (d0, d1 * 2)>] : tensor<3x8xf32> -> tensor<3x4xf32>
  %o = graph.view %x[affine_map<(d0, d1) -> (d0, d1 * 2 + 1)>] : tensor<3x8xf32> -> tensor<3x4xf32>
  %n = arith.negf %o : tensor<3x4xf32>
  %r = graph.piece(%n, %e) maps [affine_map<(d0, d1) -> (d0, d1 floordiv 2)>, affine_map<(d0, d1) -> (d0, d1 floordiv 2)>]
         wheres [affine_set<(d0, d1) : (d1 mod 2 == 0)>, affine_set<(d0, d1) : (d1 mod 2 - 1 == 0)>]
         : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x8xf32>
  return %r : tensor<3x8xf32>
}

// -----

// Odd, then even elements written into zeros: two pieces told apart by parity, and no zeros.
// CHECK-DAG: #[[HALF:.*]] = affine_map<(d0) -> (d0 floordiv 2)>
// CHECK-DAG: #[[EVEN:.*]] = affine_set<(d0) : (d0 mod 2 == 0)>
// CHECK-DAG: #[[ODD:.*]] = affine_set<(d0) : (d0 mod 2 - 1 == 0)>
// CHECK-LABEL: @scattered
// CHECK-NEXT: %[[P:.*]] = graph.piece(%arg1, %arg0) maps [#[[HALF]], #[[HALF]]] wheres [#[[EVEN]], #[[ODD]]] : (tensor<4xf32>, tensor<4xf32>) -> tensor<8xf32>
// CHECK-NEXT: return %[[P]]
func.func @scattered(%odd: tensor<4xf32>, %even: tensor<4xf32>) -> tensor<8xf32> {
  %zero = arith.constant dense<0.0> : tensor<8xf32>
  %a = graph.piece(%odd, %zero) maps [affine_map<(d0) -> ((d0 + 1) floordiv 2 - 1)>, affine_map<(d0) -> (d0)>]
         wheres [affine_set<(d0) : ((d0 + 1) mod 2 == 0, d0 - 1 >= 0)>, affine_set<(d0) : (0 == 0)>]
         : (tensor<4xf32>, tensor<8xf32>) -> tensor<8xf32>
  %b = graph.piece(%even, %a) maps [affine_map<(d0) -> (d0 floordiv 2)>, affine_map<(d0) -> (d0)>]
         wheres [affine_set<(d0) : (d0 mod 2 == 0)>, affine_set<(d0) : (0 == 0)>]
         : (tensor<4xf32>, tensor<8xf32>) -> tensor<8xf32>
  return %b : tensor<8xf32>
}
