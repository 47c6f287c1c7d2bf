// RUN: tgc-opt %s --pass-pipeline='builtin.module(func.func(tgc-avoid-double))' | FileCheck %s

// Angles as exporters write them: positions and frequencies of the model in f64, sine and cosine back in f32.
// CHECK-LABEL: func.func @angles
// CHECK: %[[W:.*]] = graph.weight "frequencies" from(dense<[1.000000e+00, 1.000000e-01]> : tensor<2xf32>) : tensor<2xf32>
// CHECK: %[[P:.*]] = graph.view %arg0[{{.*}}] : tensor<3x1xf32> -> tensor<3x2xf32>
// CHECK: %[[F:.*]] = graph.view %[[W]][{{.*}}] : tensor<2xf32> -> tensor<3x2xf32>
// CHECK: %[[A:.*]] = arith.mulf %[[P]], %[[F]] : tensor<3x2xf32>
// CHECK: %[[C:.*]] = math.cos %[[A]] : tensor<3x2xf32>
// CHECK: %[[S:.*]] = math.sin %[[A]] : tensor<3x2xf32>
// CHECK: %[[H:.*]] = arith.truncf %[[S]] : tensor<3x2xf32> to tensor<3x2xbf16>
// CHECK: return %[[C]], %[[H]]
func.func @angles(%position: tensor<3x1xf32>) -> (tensor<3x2xf32>, tensor<3x2xbf16>) {
  %w = graph.weight "frequencies" from(dense<[1.0, 0.1]> : tensor<2xf64>) : tensor<2xf64>
  %wide = arith.extf %position : tensor<3x1xf32> to tensor<3x1xf64>
  %p = graph.view %wide[affine_map<(d0, d1) -> (d0, 0)>] : tensor<3x1xf64> -> tensor<3x2xf64>
  %f = graph.view %w[affine_map<(d0, d1) -> (d1)>] : tensor<2xf64> -> tensor<3x2xf64>
  %a = arith.mulf %p, %f : tensor<3x2xf64>
  %c = math.cos %a : tensor<3x2xf64>
  %c32 = arith.truncf %c : tensor<3x2xf64> to tensor<3x2xf32>
  %s = math.sin %a : tensor<3x2xf64>
  %s16 = arith.truncf %s : tensor<3x2xf64> to tensor<3x2xbf16>
  return %c32, %s16 : tensor<3x2xf32>, tensor<3x2xbf16>
}

// Fills and constants have the narrow type too; a result that is not f64 stays what it is.
// CHECK-LABEL: func.func @others
// CHECK: %[[K:.*]] = arith.constant dense<5.000000e-01> : tensor<4xf32>
// CHECK: %[[X:.*]] = arith.extf %arg0 : tensor<3xf16> to tensor<3xf32>
// CHECK: %[[V:.*]] = graph.view %[[X]][{{.*}}] else(2.000000e+00 : f32) : tensor<3xf32> -> tensor<4xf32>
// CHECK: %[[L:.*]] = arith.cmpf olt, %[[V]], %[[K]] : tensor<4xf32>
// CHECK: return %[[L]]
// CHECK-NOT: f64
// CHECK: }
func.func @others(%x: tensor<3xf16>) -> tensor<4xi1> {
  %half = arith.constant dense<0.5> : tensor<4xf64>
  %wide = arith.extf %x : tensor<3xf16> to tensor<3xf64>
  %v = graph.view %wide[affine_map<(d0) -> (d0)>] else(2.0 : f64) : tensor<3xf64> -> tensor<4xf64>
  %less = arith.cmpf olt, %v, %half : tensor<4xf64>
  return %less : tensor<4xi1>
}

// What the user hands over and gets stays in f64, and so do weights that he binds.
// CHECK-LABEL: func.func @of_the_user
// CHECK-SAME: %[[X:.*]]: tensor<3xf64>) -> (tensor<3xf64>, tensor<3xf64>)
// CHECK: %[[N:.*]] = arith.truncf %[[X]] : tensor<3xf64> to tensor<3xf32>
// CHECK: %[[W:.*]] = graph.weight "bound" : tensor<3xf64>
// CHECK: %[[M:.*]] = arith.truncf %[[W]] : tensor<3xf64> to tensor<3xf32>
// CHECK: %[[S:.*]] = arith.addf %[[N]], %[[M]] : tensor<3xf32>
// CHECK: %[[R:.*]] = arith.extf %[[S]] : tensor<3xf32> to tensor<3xf64>
// CHECK: return %[[R]], %[[X]]
func.func @of_the_user(%x: tensor<3xf64>) -> (tensor<3xf64>, tensor<3xf64>) {
  %w = graph.weight "bound" : tensor<3xf64>
  %s = arith.addf %x, %w : tensor<3xf64>
  return %s, %x : tensor<3xf64>, tensor<3xf64>
}
