// RUN: tgc-pipe-gpu %s --device h200 --kernel conv --emit plan | FileCheck %s --check-prefix=WHOLE
// RUN: tgc-pipe-gpu %s --device h200 --kernel image --emit plan | FileCheck %s --check-prefix=COLUMNS
// RUN: tgc-pipe-gpu %s --device h200 --kernel conv --emit tile --schedule 'tc(wgmma) tile(c,32) tile(h,2) tile(w,32) tile(o,96) warps(1+1) copy(f,tma) copy(x,tma) stage(6) slots(1)' | FileCheck %s --check-prefix=HALF
// RUN: tgc-pipe-gpu %s --device h200 --kernel conv --emit ptx --schedule 'tc(wgmma) tile(c,32) tile(h,2) tile(w,32) tile(o,96) warps(1+1) copy(f,tma) copy(x,tma) stage(6) slots(1)' | FileCheck %s --check-prefix=PTX
// RUN: not tgc-pipe-gpu %s --device h200 --kernel conv --emit plan --schedule 'tc(wgmma) tile(c,32) tile(r,2) tile(w,64) tile(o,96) warps(1+1) copy(f,tma) copy(x,tma) stage(6) slots(1)' 2>&1 | FileCheck %s --check-prefix=RUNS

// Neither the width nor the channels are a multiple of what a tile and a row of block memory have: tiles lie along both
// axes of the image, and steps of the depth are three rows of 64 bytes, all 96 channels.

// WHOLE: tile(c,96) tile(h,4) tile(o,96) tile(w,64)
// WHOLE: operand a in 3 boxes: x {{.*}} box [4,64,32] swizzle 64

// An instruction of few columns is as short as one of 32.
// COLUMNS: tile(o,8)
// COLUMNS: pipe wgmma 64x8

// HALF: tile.box %x {{.*}} box [2, 32, 32] swizzle 64
// The descriptor of a tile with rows of 64 bytes: eight of them are 32 pieces, exchanged by the second kind.
// PTX: -9223371899415756800
// PTX: wgmma.mma_async.sync.aligned.m64n96k16

// RUNS: 32 in a row of block memory, which has 128 bytes
kernel.func @conv(%x: memref<480x832x96xbf16>, %f: memref<96x3x3x96xbf16>, %y: memref<480x832x96xbf16>)
    axes(%r = 3, %h = 480, %s = 3, %w = 832, %c = 96, %o = 96) {
  %a = kernel.load %x[%h + %r - 1, %w + %s - 1, %c] : memref<480x832x96xbf16> else 0.0
  %v = kernel.load %f[%o, %r, %s, %c] : memref<96x3x3x96xbf16>
  %u = kernel.contract %a, %v over(%r, %s, %c) : bf16, bf16 -> f32
  %n = arith.truncf %u : f32 to bf16
  kernel.store %n, %y[%h, %w, %o] : memref<480x832x96xbf16>
}

kernel.func @image(%x: memref<480x832x96xbf16>, %f: memref<3x3x3x96xbf16>, %y: memref<480x832x3xbf16>)
    axes(%r = 3, %h = 480, %s = 3, %w = 832, %c = 96, %o = 3) {
  %a = kernel.load %x[%h + %r - 1, %w + %s - 1, %c] : memref<480x832x96xbf16> else 0.0
  %v = kernel.load %f[%o, %r, %s, %c] : memref<3x3x3x96xbf16>
  %u = kernel.contract %a, %v over(%r, %s, %c) : bf16, bf16 -> f32
  %n = arith.truncf %u : f32 to bf16
  kernel.store %n, %y[%h, %w, %o] : memref<480x832x3xbf16>
}
