// RUN: tgc-opt %s --tgc-cut | FileCheck %s


// Outputs that are inputs, views of inputs, constants, or given twice are copied; names and unsigned types stay;
// an input that
// nothing reads is still there. Outputs are written by every run, constants too.
// CHECK-LABEL: kernel.program @main
// CHECK: %[[X:.*]] = kernel.input "x" : memref<2x3xf32>
// CHECK: kernel.input "unused" as "u8" : memref<4xi8>
// CHECK: %[[S:.*]] = kernel.output "same" : memref<2x3xf32>
// CHECK: %[[T:.*]] = kernel.output "turned" : memref<3x2xf32>
// CHECK: %[[C:.*]] = kernel.output "constant" : memref<2xf32>
// CHECK: %[[A:.*]] = kernel.output "once" : memref<2x3xf32>
// CHECK: %[[B:.*]] = kernel.output "twice" : memref<2x3xf32>
// CHECK: kernel.launch @map_0(%[[X]], %[[T]])
// CHECK: kernel.launch @map_1(%[[X]], %[[S]], %[[A]])
// CHECK: kernel.launch @map_2(%[[C]])
// CHECK: kernel.launch @map_3(%[[A]], %[[B]])
func.func @main(%x: tensor<2x3xf32> {graph.name = "x"}, %u: tensor<4xi8> {graph.name = "unused", graph.dtype = "u8"})
    -> (tensor<2x3xf32> {graph.name = "same"}, tensor<3x2xf32> {graph.name = "turned"},
        tensor<2xf32> {graph.name = "constant"}, tensor<2x3xf32> {graph.name = "once"},
        tensor<2x3xf32> {graph.name = "twice"}) {
  %t = graph.view %x[affine_map<(d0, d1) -> (d1, d0)>] : tensor<2x3xf32> -> tensor<3x2xf32>
  %c = arith.constant dense<1.5> : tensor<2xf32>
  %n = arith.negf %x : tensor<2x3xf32>
  return %x, %t, %c, %n, %n
      : tensor<2x3xf32>, tensor<3x2xf32>, tensor<2xf32>, tensor<2x3xf32>, tensor<2x3xf32>
}
