// RUN: tgc-opt %s --tgc-narrow-integers --canonicalize | FileCheck %s

// Through a transpose, and through the padding of a convolution.
// CHECK-LABEL: @both
// CHECK: %[[P:.*]] = graph.view %arg0[{{.*}}] else(0 : i8) : tensor<4x8xi8> -> tensor<6x8xi8>
// CHECK: %[[T:.*]] = graph.view %arg1[{{.*}}] : tensor<5x8xi8> -> tensor<8x5xi8>
// CHECK: graph.contract sum %[[P]], %[[T]] {{.*}} : tensor<6x8xi8>, tensor<8x5xi8> -> tensor<6x5xi32>
func.func @both(%x: tensor<4x8xi8>, %w: tensor<5x8xi8>) -> tensor<6x5xi32> {
  %a = arith.extsi %x : tensor<4x8xi8> to tensor<4x8xi32>
  %p = graph.view %a[affine_map<(d0, d1) -> (d0 - 1, d1)>] else(0 : i32) : tensor<4x8xi32> -> tensor<6x8xi32>
  %b = arith.extsi %w : tensor<5x8xi8> to tensor<5x8xi32>
  %t = graph.view %b[affine_map<(d0, d1) -> (d1, d0)>] : tensor<5x8xi32> -> tensor<8x5xi32>
  %y = graph.contract sum %p, %t extents [6, 5, 8] maps affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>
      : tensor<6x8xi32>, tensor<8x5xi32> -> tensor<6x5xi32>
  return %y : tensor<6x5xi32>
}

// No sign, and a fill that 8 bits do not have.
// CHECK-LABEL: @stay
// CHECK-COUNT-2: graph.contract sum {{.*}} : tensor<6x8xi32>, tensor<8x5xi32>
func.func @stay(%x: tensor<4x8xi8>, %w: tensor<8x5xi8>) -> (tensor<6x5xi32>, tensor<6x5xi32>) {
  %a = arith.extsi %x : tensor<4x8xi8> to tensor<4x8xi32>
  %p = graph.view %a[affine_map<(d0, d1) -> (d0 - 1, d1)>] else(128 : i32) : tensor<4x8xi32> -> tensor<6x8xi32>
  %b = arith.extsi %w : tensor<8x5xi8> to tensor<8x5xi32>
  %y = graph.contract sum %p, %b extents [6, 5, 8] maps affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>
      : tensor<6x8xi32>, tensor<8x5xi32> -> tensor<6x5xi32>
  %c = arith.extui %x : tensor<4x8xi8> to tensor<4x8xi32>
  %q = graph.view %c[affine_map<(d0, d1) -> (d0 - 1, d1)>] else(0 : i32) : tensor<4x8xi32> -> tensor<6x8xi32>
  %z = graph.contract sum %q, %b extents [6, 5, 8] maps affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>
      : tensor<6x8xi32>, tensor<8x5xi32> -> tensor<6x5xi32>
  return %y, %z : tensor<6x5xi32>, tensor<6x5xi32>
}

// Constants that were extended already, where 8 bits hold them.
// CHECK-LABEL: @constants
// CHECK: %[[W:.*]] = arith.constant dense<{{.*}}-128, 127{{.*}}> : tensor<2x2xi8>
// CHECK: graph.contract sum %arg0, %[[W]] {{.*}} : tensor<4x2xi8>, tensor<2x2xi8> -> tensor<4x2xi32>
// CHECK: graph.contract sum {{.*}} : tensor<4x2xi32>, tensor<2x2xi32> -> tensor<4x2xi32>
func.func @constants(%x: tensor<4x2xi8>) -> (tensor<4x2xi32>, tensor<4x2xi32>) {
  %a = arith.extsi %x : tensor<4x2xi8> to tensor<4x2xi32>
  %b = arith.constant dense<[[-128, 127], [3, 4]]> : tensor<2x2xi32>
  %c = arith.constant dense<[[-129, 127], [3, 4]]> : tensor<2x2xi32>
  %y = graph.contract sum %a, %b extents [4, 2, 2] maps affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>
      : tensor<4x2xi32>, tensor<2x2xi32> -> tensor<4x2xi32>
  %z = graph.contract sum %a, %c extents [4, 2, 2] maps affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>
      : tensor<4x2xi32>, tensor<2x2xi32> -> tensor<4x2xi32>
  return %y, %z : tensor<4x2xi32>, tensor<4x2xi32>
}
