// RUN: tgc-opt %s --tgc-cut | FileCheck %s

// A concatenation of two computed tensors: both kernels store into parts of one buffer, and the reader loads from
// one tensor. Weights of a merged contraction are copied side by side by prepare launches, which come first.
// CHECK-LABEL: kernel.program
// CHECK: %[[W:.*]] = kernel.buffer : memref<12x6xf32>
// CHECK: %[[W0:.*]] = memref.reinterpret_cast %[[W]] to offset: [0], sizes: [12, 4], strides: [6, 1]
// CHECK: kernel.launch prepare @map_{{.*}}(%{{.*}}, %[[W0]])
// CHECK: %[[W1:.*]] = memref.reinterpret_cast %[[W]] to offset: [4], sizes: [12, 2], strides: [6, 1]
// CHECK: kernel.launch prepare @map_{{.*}}(%{{.*}}, %[[W1]])
// CHECK: %[[B:.*]] = kernel.buffer : memref<4x12xf32>
// CHECK: %[[B0:.*]] = memref.reinterpret_cast %[[B]] to offset: [0], sizes: [4, 4], strides: [12, 1]
// CHECK: kernel.launch @contract_0({{.*}}%[[B0]])
// CHECK: %[[B1:.*]] = memref.reinterpret_cast %[[B]] to offset: [4], sizes: [4, 8], strides: [12, 1]
// CHECK: kernel.launch @contract_1({{.*}}%[[B1]])
// CHECK: kernel.launch @contract_2(%[[B]], %[[W]],
// CHECK-NOT: kernel.launch
func.func @main(%x: tensor<4x16xf32>, %y: tensor<4x8xf32>) -> tensor<4x6xf32> {
  %a = graph.weight "a" : tensor<16x4xf32>
  %b = graph.weight "b" : tensor<8x8xf32>
  %c = graph.contract sum %x, %a extents [4, 4, 16] maps affine_map<(m, n, k) -> (m, k)>,
         affine_map<(m, n, k) -> (k, n)> : tensor<4x16xf32>, tensor<16x4xf32> -> tensor<4x4xf32>
  %d = graph.contract sum %y, %b extents [4, 8, 8] maps affine_map<(m, n, k) -> (m, k)>,
         affine_map<(m, n, k) -> (k, n)> : tensor<4x8xf32>, tensor<8x8xf32> -> tensor<4x8xf32>
  %e = graph.piece(%c, %d) maps [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1 - 4)>]
         wheres [affine_set<(d0, d1) : (3 - d1 >= 0)>, affine_set<(d0, d1) : (d1 - 4 >= 0)>]
         : (tensor<4x4xf32>, tensor<4x8xf32>) -> tensor<4x12xf32>
  %u = graph.weight "u" : tensor<12x4xf32>
  %v = graph.weight "v" : tensor<12x2xf32>
  %w = graph.piece(%u, %v) maps [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1 - 4)>]
         wheres [affine_set<(d0, d1) : (3 - d1 >= 0)>, affine_set<(d0, d1) : (d1 - 4 >= 0)>]
         : (tensor<12x4xf32>, tensor<12x2xf32>) -> tensor<12x6xf32>
  %r = graph.contract sum %e, %w extents [4, 6, 12] maps affine_map<(m, n, k) -> (m, k)>,
         affine_map<(m, n, k) -> (k, n)> : tensor<4x12xf32>, tensor<12x6xf32> -> tensor<4x6xf32>
  return %r : tensor<4x6xf32>
}
