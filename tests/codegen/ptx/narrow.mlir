// RUN: tgc-loop %s --target h200 --emit asm --kernel to_bf16 | FileCheck %s
// RUN: tgc-loop %s --target h200 --emit asm --kernel to_f32 | FileCheck %s --check-prefix=WIDE
// RUN: tgc-loop %s --target h200 --emit asm --kernel through_floor | FileCheck %s --check-prefix=WIDE
// RUN: tgc-pipe-gpu %s --kernel pairs --emit ptx | FileCheck %s --check-prefix=PAIRS

// The GPU's approximations serve where a 16-bit rounding follows, and nowhere else.

// CHECK: ex2.approx.ftz.f32
// CHECK: div.full.f32
// CHECK: cvt.rn.bf16.f32
kernel.func @to_bf16(%x: memref<256xf32>, %y: memref<256xbf16>) axes(%i = 256)
    attributes {schedule = "local(i,256)"} {
  %one = arith.constant 1.0 : f32
  %v = kernel.load %x[%i] : memref<256xf32>
  %n = arith.negf %v : f32
  %e = math.exp %n : f32
  %d = arith.addf %e, %one : f32
  %s = arith.divf %v, %d : f32
  %o = arith.truncf %s : f32 to bf16
  kernel.store %o, %y[%i] : memref<256xbf16>
}

// WIDE-NOT: approx
// WIDE: div.rn.f32
// WIDE-NOT: approx
kernel.func @to_f32(%x: memref<256xf32>, %y: memref<256xf32>) axes(%i = 256)
    attributes {schedule = "local(i,256)"} {
  %one = arith.constant 1.0 : f32
  %v = kernel.load %x[%i] : memref<256xf32>
  %n = arith.negf %v : f32
  %e = math.exp %n : f32
  %d = arith.addf %e, %one : f32
  %s = arith.divf %v, %d : f32
  kernel.store %s, %y[%i] : memref<256xf32>
}

kernel.func @through_floor(%x: memref<256xf32>, %y: memref<256xbf16>) axes(%i = 256)
    attributes {schedule = "local(i,256)"} {
  %three = arith.constant 3.0 : f32
  %v = kernel.load %x[%i] : memref<256xf32>
  %s = arith.divf %v, %three : f32
  %f = math.floor %s : f32
  %o = arith.truncf %f : f32 to bf16
  kernel.store %o, %y[%i] : memref<256xbf16>
}

// In pairs of sums, too, which one instruction rounds: a call of the slow path of a division would serialise wgmma.
// PAIRS-NOT: {{(div|rcp).rn}}
// PAIRS-DAG: ex2.approx.ftz.f32
// PAIRS-DAG: div.full.f32
// PAIRS-NOT: {{(div|rcp).rn}}
kernel.func @pairs(%x: memref<256x256xbf16>, %w: memref<256x256xbf16>, %y: memref<256x256xbf16>) axes(%m = 256, %k = 256, %n = 256)
    attributes {schedule = "tc(wgmma) tile(k,64) tile(m,64) tile(n,64) warps(1+1) copy(w,tma) copy(x,tma) stage(4) slots(1)"} {
  %one = arith.constant 1.0 : f32
  %a = kernel.load %x[%m, %k] : memref<256x256xbf16>
  %b = kernel.load %w[%n, %k] : memref<256x256xbf16>
  %s = kernel.contract %a, %b over(%k) : bf16, bf16 -> f32
  %n0 = arith.negf %s : f32
  %e = math.exp %n0 : f32
  %d = arith.addf %e, %one : f32
  %q = arith.divf %one, %d : f32
  %p = arith.mulf %q, %s : f32
  %o = arith.truncf %p : f32 to bf16
  kernel.store %o, %y[%m, %n] : memref<256x256xbf16>
}
