// RUN: tgc-opt %s --tgc-find-moments --canonicalize --split-input-file | FileCheck %s

// CHECK-LABEL: @by_products
// CHECK: %[[M:.*]], %[[V:.*]] = graph.moments %arg0 dims [1]
// CHECK: return %[[M]], %[[V]]
func.func @by_products(%x: tensor<3x8xf32>) -> (tensor<3xf32>, tensor<3xf32>) {
  %n = arith.constant dense<0.125> : tensor<3xf32>
  %s = graph.reduce add %x dims [1] : tensor<3x8xf32> -> tensor<3xf32>
  %m = arith.mulf %s, %n : tensor<3xf32>
  %b = graph.view %m[affine_map<(d0, d1) -> (d0)>] : tensor<3xf32> -> tensor<3x8xf32>
  %d = arith.subf %x, %b : tensor<3x8xf32>
  %q = arith.mulf %d, %d : tensor<3x8xf32>
  %t = graph.reduce add %q dims [1] : tensor<3x8xf32> -> tensor<3xf32>
  %v = arith.mulf %t, %n : tensor<3xf32>
  return %m, %v : tensor<3xf32>, tensor<3xf32>
}

// -----

// CHECK-LABEL: @by_quotients
// CHECK: graph.moments %arg0 dims [0, 2]
func.func @by_quotients(%x: tensor<2x3x4xf32>) -> tensor<3xf32> {
  %n = arith.constant dense<8.0> : tensor<3xf32>
  %two = arith.constant dense<2.0> : tensor<2x3x4xf32>
  %s = graph.reduce add %x dims [0, 2] : tensor<2x3x4xf32> -> tensor<3xf32>
  %m = arith.divf %s, %n : tensor<3xf32>
  %b = graph.view %m[affine_map<(d0, d1, d2) -> (d1)>] : tensor<3xf32> -> tensor<2x3x4xf32>
  %d = arith.subf %x, %b : tensor<2x3x4xf32>
  %q = math.powf %d, %two : tensor<2x3x4xf32>
  %t = graph.reduce add %q dims [0, 2] : tensor<2x3x4xf32> -> tensor<3xf32>
  %v = arith.divf %t, %n : tensor<3xf32>
  return %v : tensor<3xf32>
}

// -----

// The sample variance divides by n - 1; the mean of squares has no mean taken off.
// CHECK-LABEL: @others
// CHECK-NOT: graph.moments
func.func @others(%x: tensor<3x8xf32>) -> (tensor<3xf32>, tensor<3xf32>) {
  %n = arith.constant dense<8.0> : tensor<3xf32>
  %k = arith.constant dense<7.0> : tensor<3xf32>
  %s = graph.reduce add %x dims [1] : tensor<3x8xf32> -> tensor<3xf32>
  %m = arith.divf %s, %n : tensor<3xf32>
  %b = graph.view %m[affine_map<(d0, d1) -> (d0)>] : tensor<3xf32> -> tensor<3x8xf32>
  %d = arith.subf %x, %b : tensor<3x8xf32>
  %q = arith.mulf %d, %d : tensor<3x8xf32>
  %t = graph.reduce add %q dims [1] : tensor<3x8xf32> -> tensor<3xf32>
  %v = arith.divf %t, %k : tensor<3xf32>
  %y = arith.mulf %x, %x : tensor<3x8xf32>
  %u = graph.reduce add %y dims [1] : tensor<3x8xf32> -> tensor<3xf32>
  %w = arith.divf %u, %n : tensor<3xf32>
  return %v, %w : tensor<3xf32>, tensor<3xf32>
}
