// Products of a warp's other operands: f32 rounded to tf32 where the kernel lets it be, and 8 bits. The host runs them.
// RUN: tgc-pipe-gpu %s --device a100 --kernel tf32 --emit plan | FileCheck %s --check-prefix=PLAN
// RUN: tgc-pipe-gpu %s --device a100 --kernel tf32 --emit ptx | FileCheck %s --check-prefix=TF32
// RUN: tgc-pipe-gpu %s --device a100 --kernel s8 --emit ptx | FileCheck %s --check-prefix=S8
// RUN: tgc-pipe-gpu %s --device rtx4090 --kernel e4m3 --emit ptx | FileCheck %s --check-prefix=E4M3
// RUN: tgc-loop %s --target a100 --emit=check --kernel tf32 | FileCheck %s --check-prefix=ONE
// RUN: tgc-loop %s --target a100 --emit=check --kernel s8 | FileCheck %s --check-prefix=ONE
// RUN: tgc-loop %s --target rtx4090 --emit=check --kernel e4m3 | FileCheck %s --check-prefix=ONE
// RUN: tgc-loop %s --target a100 --emit=check --kernel conv | FileCheck %s --check-prefix=ONE
// RUN: tgc-loop %s --target a100 --emit=check --kernel tf32 --schedule 'tc(mma) flip tile(k,32) tile(m,32) tile(n,48) warps(1x2) copy(w,async) copy(x,async) stage(2)' | FileCheck %s --check-prefix=ONE
// RUN: tgc-loop %s --target a100 --emit=check --kernel s8 --schedule 'tc(mma) tile(k,32) tile(m,16) tile(n,8) warps(1) copy(w,async) copy(x,async) stage(5)' | FileCheck %s --check-prefix=ONE
// RUN: tgc-pipe-gpu %s --device a100 --kernel choice --emit plan | FileCheck %s --check-prefix=CHOICE
// RUN: not tgc-pipe-gpu %s --device a100 --kernel exact --emit plan 2>&1 | FileCheck %s --check-prefix=EXACT
// RUN: not tgc-pipe-gpu %s --device a100 --kernel e4m3 --emit plan 2>&1 | FileCheck %s --check-prefix=OLD
// RUN: not tgc-pipe-gpu %s --device a100 --kernel across --emit plan 2>&1 | FileCheck %s --check-prefix=ACROSS
// ONE: agrees
// EXACT: tc: operands would be rounded to tf32, and may not be
// OLD: tc(mma): no such atom multiplies f8e4m3 into f32
// ACROSS: along its side: the atom takes it only along the depth

// PLAN: operand a in 1 box: x offset 0 sizes [200,96] strides [96,1] box [128,16] swizzle 64
// PLAN: 4 groups of 64x64, 2 side by side, 0 slots, 4 tiles
// TF32: ldmatrix.sync.aligned.m8n8.x4.shared.b16
// TF32: cvt.rna.tf32.f32
// TF32: mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32
kernel.func @tf32(%x: memref<200x96xf32>, %w: memref<230x96xf32>, %b: memref<230xf32>, %y: memref<200x230xf32>)
    axes(%m = 200, %n = 230, %k = 96)
    attributes {schedule = "tc(mma) tile(k,16) tile(m,128) tile(n,128) warps(2x2) copy(w,async) copy(x,async) stage(4)"} {
  %a = kernel.load %x[%m, %k] : memref<200x96xf32>
  %c = kernel.load %w[%n, %k] : memref<230x96xf32>
  %s = kernel.contract %a, %c over(%k) tf32 : f32, f32 -> f32
  %bias = kernel.load %b[%n] : memref<230xf32>
  %t = arith.addf %s, %bias : f32
  kernel.store %t, %y[%m, %n] : memref<200x230xf32>
}

// Sums in 32 bits, which nothing rounds.
// S8: mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32
kernel.func @s8(%x: memref<100x160xi8>, %w: memref<72x160xi8>, %c: memref<72xf32>, %y: memref<100x72xf32>, %z: memref<100x72xi32>)
    axes(%m = 100, %n = 72, %k = 160)
    attributes {schedule = "tc(mma) tile(k,64) tile(m,64) tile(n,72) warps(4) copy(w,async) copy(x,async) stage(3)"} {
  %a = kernel.load %x[%m, %k] : memref<100x160xi8>
  %d = kernel.load %w[%n, %k] : memref<72x160xi8>
  %s = kernel.contract %a, %d over(%k) : i8, i8 -> i32
  kernel.store %s, %z[%m, %n] : memref<100x72xi32>
  %f = arith.sitofp %s : i32 to f32
  %e = kernel.load %c[%n] : memref<72xf32>
  %t = arith.mulf %f, %e : f32
  kernel.store %t, %y[%m, %n] : memref<100x72xf32>
}

// E4M3: .version 8.4
// E4M3: mma.sync.aligned.m16n8k32.row.col.f32.e4m3.e4m3.f32
kernel.func @e4m3(%x: memref<100x160xf8E4M3FN>, %w: memref<72x160xf8E4M3FN>, %y: memref<100x72xbf16>)
    axes(%m = 100, %n = 72, %k = 160)
    attributes {schedule = "tc(mma) tile(k,64) tile(m,64) tile(n,72) warps(4) copy(w,async) copy(x,async) stage(3) slots(1)"} {
  %a = kernel.load %x[%m, %k] : memref<100x160xf8E4M3FN>
  %d = kernel.load %w[%n, %k] : memref<72x160xf8E4M3FN>
  %s = kernel.contract %a, %d over(%k) : f8E4M3FN, f8E4M3FN -> f32
  %t = arith.truncf %s : f32 to bf16
  kernel.store %t, %y[%m, %n] : memref<100x72xbf16>
}

kernel.func @conv(%x: memref<8x16x32xf32>, %w: memref<48x3x3x32xf32>, %y: memref<8x16x48xf32>)
    axes(%m0 = 8, %m1 = 16, %k0 = 3, %k1 = 3, %k2 = 32, %n = 48)
    attributes {schedule = "tc(mma) tile(k2,32) tile(m0,4) tile(m1,16) tile(n,48) warps(4) copy(w,async) copy(x,async) stage(2)"} {
  %a = kernel.load %x[%m0 + %k0 - 1, %m1 + %k1 - 1, %k2] : memref<8x16x32xf32> else 0.0
  %c = kernel.load %w[%n, %k0, %k1, %k2] : memref<48x3x3x32xf32>
  %s = kernel.contract %a, %c over(%k0, %k1, %k2) tf32 : f32, f32 -> f32
  kernel.store %s, %y[%m0, %m1, %n] : memref<8x16x48xf32>
}

// By the heuristic; the weight is transposed ahead.
// CHOICE: tc(mma) {{.*}}pack(w,nk)
kernel.func @choice(%x: memref<512x256xf32>, %w: memref<256x384xf32> {free}, %y: memref<512x384xf32>)
    axes(%m = 512, %n = 384, %k = 256) {
  %a = kernel.load %x[%m, %k] : memref<512x256xf32>
  %c = kernel.load %w[%k, %n] : memref<256x384xf32>
  %s = kernel.contract %a, %c over(%k) tf32 : f32, f32 -> f32
  kernel.store %s, %y[%m, %n] : memref<512x384xf32>
}

kernel.func @exact(%x: memref<128x64xf32>, %w: memref<128x64xf32>, %y: memref<128x128xf32>)
    axes(%m = 128, %n = 128, %k = 64)
    attributes {schedule = "tc(mma) tile(k,16) tile(m,64) tile(n,64) warps(2x2) copy(w,async) copy(x,async) stage(4)"} {
  %a = kernel.load %x[%m, %k] : memref<128x64xf32>
  %c = kernel.load %w[%n, %k] : memref<128x64xf32>
  %s = kernel.contract %a, %c over(%k) : f32, f32 -> f32
  kernel.store %s, %y[%m, %n] : memref<128x128xf32>
}

kernel.func @across(%x: memref<128x64xf32>, %w: memref<64x128xf32>, %y: memref<128x128xf32>)
    axes(%m = 128, %n = 128, %k = 64)
    attributes {schedule = "tc(mma) tile(k,16) tile(m,64) tile(n,64) warps(2x2) copy(w,async) copy(x,async) stage(4)"} {
  %a = kernel.load %x[%m, %k] : memref<128x64xf32>
  %c = kernel.load %w[%k, %n] : memref<64x128xf32>
  %s = kernel.contract %a, %c over(%k) tf32 : f32, f32 -> f32
  kernel.store %s, %y[%m, %n] : memref<128x128xf32>
}

// A weight of 8 bits is transposed ahead too.
// RUN: tgc-pipe-gpu %s --device a100 --kernel integers --emit plan | FileCheck %s --check-prefix=CHOICE
kernel.func @integers(%x: memref<70x96xi8>, %w: memref<96x56xi8> {free}, %y: memref<70x56xi32>) axes(%m = 70, %k = 96, %n = 56) {
  %a = kernel.load %x[%m, %k] : memref<70x96xi8>
  %b = kernel.load %w[%k, %n] : memref<96x56xi8>
  %s = kernel.contract %a, %b over(%k) : i8, i8 -> i32
  kernel.store %s, %y[%m, %n] : memref<70x56xi32>
}
