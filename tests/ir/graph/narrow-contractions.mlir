// RUN: tgc-opt %s --pass-pipeline='builtin.module(func.func(graph-narrow-contractions{to=f16}))' | FileCheck %s

// Both contractions read one rounded value; the sums stay wide, and so does the addition.
// CHECK-LABEL: func.func @two
// CHECK: %[[X:.*]] = arith.truncf %{{.*}} : tensor<64x64xf32> to tensor<64x64xf16>
// CHECK: %[[Y:.*]] = graph.contract sum %[[X]], %[[X]] {{.*}} : tensor<64x64xf16>, tensor<64x64xf16> -> tensor<64x64xf32>
// CHECK: %[[Z:.*]] = arith.addf %[[Y]], %{{.*}} : tensor<64x64xf32>
// CHECK: %[[N:.*]] = arith.truncf %[[Z]]
// CHECK: graph.contract sum %[[N]], %[[X]]
func.func @two(%x: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %y = graph.contract sum %x, %x extents [64, 64, 64] maps affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)> : tensor<64x64xf32>, tensor<64x64xf32> -> tensor<64x64xf32>
  %z = arith.addf %y, %x : tensor<64x64xf32>
  %w = graph.contract sum %z, %x extents [64, 64, 64] maps affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)> : tensor<64x64xf32>, tensor<64x64xf32> -> tensor<64x64xf32>
  return %w : tensor<64x64xf32>
}

// Four columns are not worth it.
// CHECK-LABEL: func.func @small
// CHECK-NOT: truncf
func.func @small(%x: tensor<64x64xf32>, %w: tensor<64x4xf32>) -> tensor<64x4xf32> {
  %y = graph.contract sum %x, %w extents [64, 4, 64] maps affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)> : tensor<64x64xf32>, tensor<64x4xf32> -> tensor<64x4xf32>
  return %y : tensor<64x4xf32>
}

// A type that no buffer has: the sums say that their operands may be rounded.
// RUN: tgc-opt %s --pass-pipeline='builtin.module(func.func(graph-narrow-contractions{to=tf32}))' | FileCheck %s --check-prefix=TF32
// TF32-LABEL: func.func @two
// TF32-NOT: truncf
// TF32-COUNT-2: graph.contract sum {{.*}} tf32 : tensor<64x64xf32>
// TF32-LABEL: func.func @small
// TF32-NOT: tf32
// TF32: return
