// RUN: tgc-opt %s --tgc-cut | FileCheck %s

// What is rounded to 8 bits is stored in 8 bits: the product takes it as it lies.
// CHECK-LABEL: kernel.func @map_0
// CHECK: arith.truncf
// CHECK: kernel.store {{.*}} : memref<{{.*}}xf8E4M3FN>
// CHECK-LABEL: kernel.func @contract_0
// CHECK-NOT: truncf
// CHECK: kernel.contract {{.*}} : f8E4M3FN, f8E4M3FN -> f32
// CHECK-LABEL: kernel.program @main
func.func @main(%x: tensor<64x128xf32> {graph.name = "x"}) -> (tensor<64x96xf32> {graph.name = "y"}) {
  %w = graph.weight "w" : tensor<96x128xf8E4M3FN>
  %low = arith.constant dense<-4.48e+02> : tensor<64x128xf32>
  %high = arith.constant dense<4.48e+02> : tensor<64x128xf32>
  %a = arith.maximumf %x, %low : tensor<64x128xf32>
  %b = arith.minimumf %a, %high : tensor<64x128xf32>
  %q = arith.truncf %b : tensor<64x128xf32> to tensor<64x128xf8E4M3FN>
  %y = graph.contract sum %q, %w extents [64, 96, 128] maps affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>
      : tensor<64x128xf8E4M3FN>, tensor<96x128xf8E4M3FN> -> tensor<64x96xf32>
  return %y : tensor<64x96xf32>
}
