// RUN: tgc-opt %s -split-input-file -verify-diagnostics

// expected-error @+1 {{'kernel.func' op extents must be positive}}
kernel.func @f(%y: memref<4xf32>) axes(%a = 0) {
}

// -----

// expected-error @+1 {{'kernel.func' op buffers must be memrefs of static shape}}
kernel.func @f(%y: memref<?xf32>) axes(%a = 4) {
}

// -----

// expected-error @+1 {{'kernel.func' op names, extents and arguments disagree in number}}
"kernel.func"() <{sym_name = "f", extents = array<i64: 4>, buffer_names = ["x"], axis_names = ["a"], free = array<i1>}> ({
^bb0(%x: memref<4xf32>, %a: index):
}) : () -> ()

// -----

// expected-error @+1 {{'kernel.func' op names of axes and of buffers must differ}}
"kernel.func"() <{sym_name = "f", extents = array<i64: 4, 4>, buffer_names = [], axis_names = ["a", "a"], free = array<i1>}> ({
^bb0(%a: index, %b: index):
}) : () -> ()

// -----

// expected-error @+1 {{'kernel.func' op axes must be of index type}}
"kernel.func"() <{sym_name = "f", extents = array<i64: 4>, buffer_names = [], axis_names = ["a"], free = array<i1>}> ({
^bb0(%a: i32):
}) : () -> ()

// -----

// expected-error @+1 {{'kernel.func' op buffer is both loaded and stored}}
kernel.func @f(%y: memref<4xf32>) axes(%a = 4) {
  %v = kernel.load %y[%a] : memref<4xf32>
  kernel.store %v, %y[%a] : memref<4xf32>
}

// -----

kernel.func @f(%y: memref<4xindex>) axes(%a = 4) {
  // expected-error @+1 {{'memref.alloc' op does not belong into a kernel}}
  %m = memref.alloc() : memref<4xf32>
}

// -----

kernel.func @f(%x: memref<4xf32>, %y: memref<4xf32>) axes(%a = 4) {
  // expected-error @+1 {{'kernel.load' op index may leave the buffer; it needs an else value}}
  %v = kernel.load %x[%a + 1] : memref<4xf32>
  kernel.store %v, %y[%a] : memref<4xf32>
}

// -----

kernel.func @f(%x: memref<4xf32>, %y: memref<4xf32>) axes(%a = 4) {
  // expected-error @+1 {{'kernel.load' op a conditional load needs an else value}}
  %v = kernel.load %x[%a] if (%a - 1 >= 0) : memref<4xf32>
  kernel.store %v, %y[%a] : memref<4xf32>
}

// -----

kernel.func @f(%x: memref<4xf32>, %w: memref<4xf32>, %y: memref<4xf32>) axes(%a = 4) {
  // expected-error @+1 {{'kernel.load' op a conditional load needs an else value}}
  %v = kernel.load %x[%a] : memref<4xf32>, %w[%a] : memref<4xf32>
  kernel.store %v, %y[%a] : memref<4xf32>
}

// -----

kernel.func @f(%x: memref<4xf32>, %w: memref<4xf16>, %y: memref<4xf32>) axes(%a = 4) {
  // expected-error @+1 {{'kernel.load' op pieces must have one element type}}
  %v = kernel.load %x[%a] : memref<4xf32>, %w[%a] : memref<4xf16> else 0.0
  kernel.store %v, %y[%a] : memref<4xf32>
}

// -----

kernel.func @f(%x: memref<4x4xf32>, %y: memref<4xf32>) axes(%a = 4) {
  // expected-error @+1 {{'kernel.load' op has 1 indices, its buffer has rank 2}}
  %v = kernel.load %x[%a] : memref<4x4xf32>
  kernel.store %v, %y[%a] : memref<4xf32>
}

// -----

kernel.func @f(%x: memref<4xf32>, %y: memref<4xf32>) axes(%a = 4) {
  // expected-error @+1 {{a condition compares with 0}}
  %v = kernel.load %x[%a] if (%a >= 1) : memref<4xf32> else 0.0
}

// -----

kernel.func @f(%x: memref<4xf32>, %y: memref<4xf32>) axes(%a = 4) {
  // expected-error @+1 {{'kernel.load' op condition must be over the operation's axes}}
  %v = "kernel.load"(%x, %a) <{maps = [affine_map<(d0) -> (d0)>], conditions = [affine_set<(d0, d1) : (d0 - 1 >= 0)>], fill = 0.0 : f32, operandSegmentSizes = array<i32: 1, 1>}> : (memref<4xf32>, index) -> f32
}

// -----

kernel.func @f(%x: memref<4xf32>, %y: memref<4xf32>) axes(%a = 4) {
  // expected-error @+1 {{'kernel.load' op index map must be over the operation's axes}}
  %v = "kernel.load"(%x, %a) <{maps = [affine_map<(d0, d1) -> (d0)>], conditions = [affine_set<(d0) : (0 == 0)>], operandSegmentSizes = array<i32: 1, 1>}> : (memref<4xf32>, index) -> f32
}

// -----

kernel.func @f(%x: memref<4xf32>, %y: memref<4xf32>) axes(%a = 4) {
  // expected-error @+1 {{'kernel.load' op needs one map and one condition for each buffer}}
  %v = "kernel.load"(%x, %a) <{maps = [], conditions = [], operandSegmentSizes = array<i32: 1, 1>}> : (memref<4xf32>, index) -> f32
}

// -----

kernel.func @f(%x: memref<4xf32>, %y: memref<4xf32>) axes(%a = 4) {
  // expected-error @+1 {{'kernel.load' op else value must have the element type}}
  %v = "kernel.load"(%x, %a) <{maps = [affine_map<(d0) -> (d0)>], conditions = [affine_set<(d0) : (0 == 0)>], fill = 0.0 : f16, operandSegmentSizes = array<i32: 1, 1>}> : (memref<4xf32>, index) -> f32
}

// -----

kernel.func @f(%t: memref<4x4xf32>, %ids: memref<4xi64>, %y: memref<4xf32>) axes(%a = 4) {
  %i = kernel.load %ids[%a] : memref<4xi64>
  // expected-error @+1 {{'kernel.gather' op dim out of range}}
  %v = kernel.gather %t[0, %a] dim 2 at %i : memref<4x4xf32>, i64 else 0.0
}

// -----

kernel.func @f(%t: memref<4x4xf32>, %ids: memref<4xi64>, %y: memref<4xf32>) axes(%a = 4) {
  %i = kernel.load %ids[%a] : memref<4xi64>
  // expected-error @+1 {{'kernel.gather' op has 1 indices, its buffer has rank 2}}
  %v = kernel.gather %t[%a] dim 0 at %i : memref<4x4xf32>, i64 else 0.0
}

// -----

kernel.func @f(%t: memref<4x4xf32>, %ids: memref<4xi64>) axes(%a = 4) {
  %i = kernel.load %ids[%a] : memref<4xi64>
  // expected-error @+1 {{'kernel.gather' op else value must have the element type}}
  %v = "kernel.gather"(%t, %a, %i) <{map = affine_map<(d0) -> (0, d0)>, dim = 0 : i64, fill = 0.0 : f16}> : (memref<4x4xf32>, index, i64) -> f32
}

// -----

kernel.func @f(%x: memref<4xf32>, %y: memref<4xf32>) axes(%a = 4) {
  %v = kernel.load %x[%a] : memref<4xf32>
  // expected-error @+1 {{'kernel.store' op index may leave the buffer}}
  kernel.store %v, %y[%a + 1] : memref<4xf32>
}

// -----

// The condition keeps it inside.
kernel.func @f(%x: memref<4xf32>, %y: memref<4xf32>) axes(%a = 4) {
  %v = kernel.load %x[%a] : memref<4xf32>
  kernel.store %v, %y[%a + 1] if (2 - %a >= 0) : memref<4xf32>
}

// -----

kernel.func @f(%x: memref<4xf32>, %y: memref<4xf16>) axes(%a = 4) {
  %v = kernel.load %x[%a] : memref<4xf32>
  // expected-error @+1 {{'kernel.store' op value must have the buffer's element type}}
  "kernel.store"(%v, %y, %a) <{map = affine_map<(d0) -> (d0)>, condition = affine_set<(d0) : (0 == 0)>}> : (f32, memref<4xf16>, index) -> ()
}

// -----

kernel.func @f(%x: memref<4xf32>, %y: memref<4xf32>) axes(%a = 4) {
  %v = kernel.load %x[%a] : memref<4xf32>
  // expected-error @+1 {{'kernel.store' op condition must be over the operation's axes}}
  "kernel.store"(%v, %y, %a) <{map = affine_map<(d0) -> (d0)>, condition = affine_set<(d0, d1) : (0 == 0)>}> : (f32, memref<4xf32>, index) -> ()
}

// -----

kernel.func @f() axes(%a = 4) {
  // expected-error @+1 {{'kernel.coord' op needs one expression of its axes}}
  %v = "kernel.coord"(%a) <{map = affine_map<(d0) -> (d0, d0)>}> : (index) -> i32
}

// -----

kernel.func @f() axes(%a = 4) {
  // expected-error @+1 {{'kernel.test' op condition must be over the operation's axes}}
  %v = "kernel.test"(%a) <{condition = affine_set<(d0, d1) : (d1 == 0)>}> : (index) -> i1
}

// -----

kernel.func @f(%x: memref<4xf32>) axes(%a = 4) {
  %v = kernel.load %x[%a] : memref<4xf32>
  // expected-error @+1 {{'kernel.remap' op needs one expression of its axes}}
  %r = "kernel.remap"(%v, %a, %a) <{map = affine_map<(d0, d1) -> (d0)>}> : (f32, index, index) -> f32
}

// -----

kernel.func @f(%x: memref<4xf32>) axes(%a = 4) {
  %v = kernel.load %x[%a] : memref<4xf32>
  // expected-error @+1 {{'kernel.remap' op must keep the type}}
  %r = "kernel.remap"(%v, %a, %a) <{map = affine_map<(d0) -> (d0)>}> : (f32, index, index) -> f16
}

// -----

kernel.func @f(%x: memref<4xf32>) axes(%a = 4) {
  %v = kernel.load %x[%a] : memref<4xf32>
  // expected-error @+1 {{'kernel.remap' op may leave the axis}}
  %r = kernel.remap %v[%a -> %a + 1] : f32
}

// -----

kernel.func @f(%x: memref<4xf32>) axes(%a = 4) {
  %v = kernel.load %x[%a] : memref<4xf32>
  // expected-error @+1 {{'kernel.contract' op operands and result must all be real or all be integers}}
  %r = kernel.contract %v, %v over(%a) : f32, f32 -> i32
}

// -----

kernel.func @f(%x: memref<4xf32>) axes(%a = 4) {
  %v = kernel.load %x[%a] : memref<4xf32>
  // expected-error @+1 {{'kernel.contract' op reduces twice over one axis}}
  %r = kernel.contract %v, %v over(%a, %a) : f32, f32 -> f32
}

// -----

kernel.func @f(%x: memref<4xf32>) axes(%a = 4, %b = 4) {
  %v = kernel.load %x[%a] : memref<4xf32>
  // expected-error @+1 {{'kernel.reduce' op argmax and argmin take one axis}}
  %r = kernel.reduce argmax %v over(%a, %b) : f32 -> i64
}

// -----

kernel.func @f(%x: memref<4xf32>) axes(%a = 4) {
  %v = kernel.load %x[%a] : memref<4xf32>
  // expected-error @+1 {{'kernel.reduce' op argmax and argmin give i64}}
  %r = kernel.reduce argmin %v over(%a) : f32 -> i32
}

// -----

kernel.func @f(%x: memref<4xf32>) axes(%a = 4) {
  %v = kernel.load %x[%a] : memref<4xf32>
  // expected-error @+1 {{'kernel.reduce' op source and result must both be real or both be integers}}
  %r = kernel.reduce add %v over(%a) : f32 -> i32
}

// -----

kernel.func @f(%x: memref<4xf32>) axes(%a = 4) {
  %v = kernel.load %x[%a] : memref<4xf32>
  // expected-error @+1 {{'kernel.moments' op reduces twice over one axis}}
  %m, %s = kernel.moments %v over(%a, %a) : f32 -> f32, f32
}

// -----

kernel.func @f(%x: memref<4xf32>) axes(%a = 4) {
  %v = kernel.load %x[%a] : memref<4xf32>
  // expected-error @+1 {{'kernel.softmax' op reduces twice over one axis}}
  %m = kernel.softmax %v, %v over(%a, %a) : f32, f32 -> f32
}

// -----

kernel.program @main {
  %x = kernel.input "x" : memref<4xf32>
  // expected-error @+1 {{'kernel.weight' op has a name that another buffer has}}
  %w = kernel.weight "x" : memref<4xf32>
}

// -----

kernel.func @f(%x: memref<4xf32>, %y: memref<4xf32>) axes(%a = 4) {
  %v = kernel.load %x[%a] : memref<4xf32>
  kernel.store %v, %y[%a] : memref<4xf32>
}
kernel.program @main {
  %x = kernel.input "x" : memref<4xf32>
  %y = kernel.output "y" : memref<4xf32>
  %b = kernel.buffer : memref<4xf32>
  kernel.launch @f(%x, %y) : memref<4xf32>, memref<4xf32>
  // expected-error @+1 {{'kernel.launch' op prepares after a launch that does not}}
  kernel.launch prepare @f(%x, %b) : memref<4xf32>, memref<4xf32>
}

// -----

kernel.func @f(%x: memref<4xf32>, %y: memref<4xf32>) axes(%a = 4) {
  %v = kernel.load %x[%a] : memref<4xf32>
  kernel.store %v, %y[%a] : memref<4xf32>
}
kernel.program @main {
  %x = kernel.input "x" : memref<4xf32>
  // expected-error @+1 {{'kernel.launch' op has 1 buffers, its kernel takes 2}}
  kernel.launch @f(%x) : memref<4xf32>
}

// -----

kernel.func @f(%x: memref<4xf32>, %y: memref<4xf32>) axes(%a = 4) {
  %v = kernel.load %x[%a] : memref<4xf32>
  kernel.store %v, %y[%a] : memref<4xf32>
}
kernel.program @main {
  %x = kernel.input "x" : memref<4xf32>
  %y = kernel.output "y" : memref<2x2xf32>
  // expected-error @+1 {{'kernel.launch' op buffer 1 is 'memref<2x2xf32>', its kernel takes 'memref<4xf32>'}}
  kernel.launch @f(%x, %y) : memref<4xf32>, memref<2x2xf32>
}

// -----

kernel.program @main {
  %x = kernel.input "x" : memref<64xf32>
  // expected-error @+1 {{'kernel.launch' op needs one offset for each buffer}}
  kernel.launch @f(%x) at [0, 16] : memref<64xf32>
}

// -----

kernel.program @main {
  %x = kernel.input "x" : memref<64xf32>
  // expected-error @+1 {{'kernel.launch' op offsets must be multiples of 64 bytes}}
  kernel.launch @f(%x) at [8] : memref<64xf32>
}
