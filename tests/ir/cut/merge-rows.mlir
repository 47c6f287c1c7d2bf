// RUN: tgc-opt %s --tgc-cut | FileCheck %s

// Two norms of slices of one tensor are one kernel with two stores; the norm of another shape is its own.
// CHECK-LABEL: kernel.func @row_0
// CHECK: kernel.reduce add
// CHECK: kernel.store
// CHECK: kernel.reduce add
// CHECK: kernel.store
// CHECK-LABEL: kernel.func @row_1
// CHECK-LABEL: kernel.program
// CHECK-COUNT-2: kernel.launch
// CHECK-NOT: kernel.launch
func.func @main(%x: tensor<4x16xf32>, %z: tensor<3x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>, tensor<3x8xf32>) {
  %a = graph.view %x[affine_map<(d0, d1) -> (d0, d1)>] : tensor<4x16xf32> -> tensor<4x8xf32>
  %b = graph.view %x[affine_map<(d0, d1) -> (d0, d1 + 8)>] : tensor<4x16xf32> -> tensor<4x8xf32>
  %aa = arith.mulf %a, %a : tensor<4x8xf32>
  %as = graph.reduce add %aa dims [1] : tensor<4x8xf32> -> tensor<4xf32>
  %av = graph.view %as[affine_map<(d0, d1) -> (d0)>] : tensor<4xf32> -> tensor<4x8xf32>
  %an = arith.divf %a, %av : tensor<4x8xf32>
  %bb = arith.mulf %b, %b : tensor<4x8xf32>
  %bs = graph.reduce add %bb dims [1] : tensor<4x8xf32> -> tensor<4xf32>
  %bv = graph.view %bs[affine_map<(d0, d1) -> (d0)>] : tensor<4xf32> -> tensor<4x8xf32>
  %bn = arith.divf %b, %bv : tensor<4x8xf32>
  %zz = arith.mulf %z, %z : tensor<3x8xf32>
  %zs = graph.reduce add %zz dims [1] : tensor<3x8xf32> -> tensor<3xf32>
  %zv = graph.view %zs[affine_map<(d0, d1) -> (d0)>] : tensor<3xf32> -> tensor<3x8xf32>
  %zn = arith.divf %z, %zv : tensor<3x8xf32>
  return %an, %bn, %zn : tensor<4x8xf32>, tensor<4x8xf32>, tensor<3x8xf32>
}
