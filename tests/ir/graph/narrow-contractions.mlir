// RUN: tgc-opt %s --pass-pipeline='builtin.module(func.func(graph-narrow-contractions{to=f16}))' | FileCheck %s

// Both contractions read one rounded value; the sums stay wide, and so does the addition.
// CHECK-LABEL: func.func @two
// CHECK: %[[X:.*]] = arith.truncf %{{.*}} : tensor<4x4xf32> to tensor<4x4xf16>
// CHECK: %[[Y:.*]] = graph.contract sum %[[X]], %[[X]] {{.*}} : tensor<4x4xf16>, tensor<4x4xf16> -> tensor<4x4xf32>
// CHECK: %[[Z:.*]] = arith.addf %[[Y]], %{{.*}} : tensor<4x4xf32>
// CHECK: %[[N:.*]] = arith.truncf %[[Z]]
// CHECK: graph.contract sum %[[N]], %[[X]]
func.func @two(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %y = graph.contract sum %x, %x extents [4, 4, 4] maps affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)> : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
  %z = arith.addf %y, %x : tensor<4x4xf32>
  %w = graph.contract sum %z, %x extents [4, 4, 4] maps affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)> : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
  return %w : tensor<4x4xf32>
}
