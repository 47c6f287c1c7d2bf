// RUN: tgc-opt %s --tgc-cut | FileCheck %s

// LayerNorm and modulation are one kernel over rows; a projection takes its activation, a view to heads and back,
// and the residual into its own kernel, whose axes are split where the view needs it.
// CHECK-LABEL: kernel.func @row_0
// CHECK-SAME: axes(%p0 = 4, %p1 = 16)
// CHECK: %[[X:.*]] = kernel.load %x0[0, %p0, %p1]
// CHECK: kernel.moments %[[X]] over(%p1)
// CHECK: kernel.load %{{.*}}[0, %p1 + 16] : memref<1x32xf32>
// CHECK: kernel.store %{{.*}}, %y{{.*}}[0, %p0, %p1]
// CHECK-LABEL: kernel.func @contract_0
// CHECK-SAME: memref<16x16xf32> {free}
// CHECK-SAME: axes(%p0 = 4, %p1 = 2, %p2 = 8, %r3 = 16)
// CHECK: kernel.contract
// CHECK: math.tanh
// CHECK: kernel.store %{{.*}}, %y{{.*}}[0, %p0, %p1 * 8 + %p2]
// CHECK-LABEL: kernel.program @main
// CHECK: %[[IN:.*]] = kernel.input "x"
// CHECK: %[[OUT:.*]] = kernel.output "y"
// CHECK: %[[T:.*]] = kernel.buffer : memref<1x4x16xf32>
// CHECK: kernel.launch @row_0(%[[IN]], %{{.*}}, %[[T]])
// CHECK: kernel.launch @contract_0({{.*}}%[[OUT]])
// CHECK-NOT: kernel.launch
func.func @main(%x: tensor<1x4x16xf32> {graph.name = "x"}, %m: tensor<1x32xf32> {graph.name = "m"})
    -> (tensor<1x4x16xf32> {graph.name = "y"}) {
  %w = graph.weight "w" : tensor<16x16xf32>
  %b = graph.weight "b" : tensor<16xf32>
  %mean, %var = graph.moments %x dims [2] : tensor<1x4x16xf32> -> tensor<1x4xf32>, tensor<1x4xf32>
  %eps = arith.constant dense<1.0e-6> : tensor<1x4xf32>
  %ve = arith.addf %var, %eps : tensor<1x4xf32>
  %rs = math.rsqrt %ve : tensor<1x4xf32>
  %mb = graph.view %mean[affine_map<(d0, d1, d2) -> (d0, d1)>] : tensor<1x4xf32> -> tensor<1x4x16xf32>
  %rb = graph.view %rs[affine_map<(d0, d1, d2) -> (d0, d1)>] : tensor<1x4xf32> -> tensor<1x4x16xf32>
  %c = arith.subf %x, %mb : tensor<1x4x16xf32>
  %n = arith.mulf %c, %rb : tensor<1x4x16xf32>
  %shift = graph.view %m[affine_map<(d0, d1, d2) -> (d0, d2)>] : tensor<1x32xf32> -> tensor<1x4x16xf32>
  %scale = graph.view %m[affine_map<(d0, d1, d2) -> (d0, d2 + 16)>] : tensor<1x32xf32> -> tensor<1x4x16xf32>
  %one = arith.constant dense<1.0> : tensor<1x4x16xf32>
  %s1 = arith.addf %scale, %one : tensor<1x4x16xf32>
  %n1 = arith.mulf %n, %s1 : tensor<1x4x16xf32>
  %n2 = arith.addf %n1, %shift : tensor<1x4x16xf32>
  %t = graph.contract sum %n2, %w extents [1, 4, 16, 16] maps affine_map<(b, m, n, k) -> (b, m, k)>,
         affine_map<(b, m, n, k) -> (k, n)> : tensor<1x4x16xf32>, tensor<16x16xf32> -> tensor<1x4x16xf32>
  %bb = graph.view %b[affine_map<(d0, d1, d2) -> (d2)>] : tensor<16xf32> -> tensor<1x4x16xf32>
  %tb = arith.addf %t, %bb : tensor<1x4x16xf32>
  %th = math.tanh %tb : tensor<1x4x16xf32>
  %h = graph.view %th[affine_map<(d0, d1, d2, d3) -> (d0, d2, d1 * 8 + d3)>]
         : tensor<1x4x16xf32> -> tensor<1x2x4x8xf32>
  %two = arith.constant dense<2.0> : tensor<1x2x4x8xf32>
  %h2 = arith.mulf %h, %two : tensor<1x2x4x8xf32>
  %back = graph.view %h2[affine_map<(d0, d1, d2) -> (d0, d2 floordiv 8, d1, d2 mod 8)>]
         : tensor<1x2x4x8xf32> -> tensor<1x4x16xf32>
  %y = arith.addf %x, %back : tensor<1x4x16xf32>
  return %y : tensor<1x4x16xf32>
}
