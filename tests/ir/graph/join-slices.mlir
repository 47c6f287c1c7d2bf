// RUN: tgc-opt %s --tgc-join-slices --split-input-file | FileCheck %s

// CHECK-LABEL: @equal
// CHECK: %[[X:.*]] = arith.negf %arg0
// CHECK: %[[T:.*]] = math.tanh %[[X]] : tensor<2x6xf32>
// CHECK-DAG: graph.view %[[T]][{{.*}}] : tensor<2x6xf32> -> tensor<2x4xf32>
// CHECK-DAG: graph.view %[[T]][{{.*}}] : tensor<2x6xf32> -> tensor<2x2xf32>
func.func @equal(%i: tensor<2x6xf32>) -> (tensor<2x4xf32>, tensor<2x2xf32>) {
  %x = arith.negf %i : tensor<2x6xf32>
  %a = graph.view %x[affine_map<(d0, d1) -> (d0, d1)>] : tensor<2x6xf32> -> tensor<2x4xf32>
  %b = graph.view %x[affine_map<(d0, d1) -> (d0, d1 + 4)>] : tensor<2x6xf32> -> tensor<2x2xf32>
  %s = math.tanh %a : tensor<2x4xf32>
  %t = math.tanh %b : tensor<2x2xf32>
  return %s, %t : tensor<2x4xf32>, tensor<2x2xf32>
}

// -----

// Different work, a gap between the slices, a value that is not known to be a weight: nothing to join.
// CHECK-LABEL: @unequal
// CHECK: math.tanh {{.*}} : tensor<2x4xf32>
// CHECK: math.exp {{.*}} : tensor<2x2xf32>
// CHECK: arith.addf {{.*}} : tensor<2x3xf32>
// CHECK: arith.addf {{.*}} : tensor<2x3xf32>
func.func @unequal(%i: tensor<2x6xf32>, %j: tensor<2x6xf32>, %z: tensor<2x3xf32>)
    -> (tensor<2x4xf32>, tensor<2x2xf32>, tensor<2x3xf32>, tensor<2x3xf32>) {
  %x = arith.negf %i : tensor<2x6xf32>
  %y = arith.negf %j : tensor<2x6xf32>
  %a = graph.view %x[affine_map<(d0, d1) -> (d0, d1)>] : tensor<2x6xf32> -> tensor<2x4xf32>
  %b = graph.view %x[affine_map<(d0, d1) -> (d0, d1 + 4)>] : tensor<2x6xf32> -> tensor<2x2xf32>
  %s = math.tanh %a : tensor<2x4xf32>
  %t = math.exp %b : tensor<2x2xf32>
  %c = graph.view %y[affine_map<(d0, d1) -> (d0, d1)>] : tensor<2x6xf32> -> tensor<2x3xf32>
  %d = graph.view %y[affine_map<(d0, d1) -> (d0, d1 + 3)>] : tensor<2x6xf32> -> tensor<2x3xf32>
  %u = arith.addf %c, %z : tensor<2x3xf32>
  %v = arith.addf %d, %z : tensor<2x3xf32>
  return %s, %t, %u, %v : tensor<2x4xf32>, tensor<2x2xf32>, tensor<2x3xf32>, tensor<2x3xf32>
}
