// RUN: tgc-opt %s --split-input-file --verify-diagnostics | tgc-opt --split-input-file | FileCheck %s

// CHECK-LABEL: tile.func @sum
tile.func @sum(%x: memref<64xf32>, %y: memref<1xf32>) block %block of 1 threads(64) {
  // CHECK: %[[T:.*]] = tile.thread
  %t = tile.thread
  %v = memref.load %x[%t] : memref<64xf32>
  // CHECK: tile.reduce %{{.*}} over [32, 2] at [1, 32] : (f32) -> f32 {
  %s = tile.reduce %v over [32, 2] at [1, 32] : (f32) -> f32 {
  ^bb0(%a: f32, %b: f32):
    %c = arith.addf %a, %b : f32
    // CHECK: tile.yield %{{.*}} : f32
    tile.yield %c : f32
  }
  memref.store %s, %y[%block] : memref<1xf32>
}

// -----

tile.func @strides(%x: memref<64xf32>) block %block of 1 threads(64) {
  %t = tile.thread
  %v = memref.load %x[%t] : memref<64xf32>
  // expected-error @below {{needs a stride for every count}}
  %s = tile.reduce %v over [32, 2] at [1] : (f32) -> f32 {
  ^bb0(%a: f32, %b: f32):
    tile.yield %a : f32
  }
}

// -----

tile.func @sides(%x: memref<64xf32>) block %block of 1 threads(64) {
  %t = tile.thread
  %v = memref.load %x[%t] : memref<64xf32>
  // expected-error @below {{the body combines two sets of the values}}
  %s = tile.reduce %v over [64] at [1] : (f32) -> f32 {
  ^bb0(%a: f32):
    tile.yield %a : f32
  }
}

// -----

tile.func @yields(%x: memref<64xf32>) block %block of 1 threads(64) {
  %t = tile.thread
  %v = memref.load %x[%t] : memref<64xf32>
  // expected-error @below {{the body must yield the values' types}}
  %s = tile.reduce %v over [64] at [1] : (f32) -> f32 {
  ^bb0(%a: f32, %b: f32):
    tile.yield %t : index
  }
}
