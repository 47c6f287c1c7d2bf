// RUN: tgc-cpu-run %s --fill=iota --print=1 | FileCheck %s

// Functions of f64 that have no expansion come from the C library, through the import slots.
// CHECK-DAG: import pow
// CHECK-DAG: import cbrt
// CHECK: power buffer 1: 0 1 5.65685 15.5885
// CHECK: root buffer 1: 0 1 1.25992 1.44225
func.func @power(%a: memref<4xf64>, %o: memref<4xf64>, %begin: index, %end: index) attributes {tgc.kernel} {
  %c0 = arith.constant 0 : index
  %x = vector.load %a[%c0] : memref<4xf64>, vector<4xf64>
  %e = arith.constant dense<2.5> : vector<4xf64>
  %y = math.powf %x, %e : vector<4xf64>
  vector.store %y, %o[%c0] : memref<4xf64>, vector<4xf64>
  return
}
func.func @root(%a: memref<4xf64>, %o: memref<4xf64>, %begin: index, %end: index) attributes {tgc.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  scf.for %i = %c0 to %c4 step %c1 {
    %x = memref.load %a[%i] : memref<4xf64>
    %y = math.cbrt %x : f64
    memref.store %y, %o[%i] : memref<4xf64>
  }
  return
}
