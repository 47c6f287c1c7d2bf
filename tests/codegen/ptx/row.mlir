// RUN: tgc-loop %s --target h200 --emit asm | FileCheck %s
// RUN: tgc-loop %s --target h200 --emit asm --schedule 'upcast(c,8) group(c,32)' | FileCheck %s --check-prefix=WARP
// RUN: tgc-loop %s --target a100 --emit asm --schedule raw | FileCheck %s --check-prefix=RAW

// A row on four warps: accesses of 16 bytes, one load serves all passes, butterflies, then shared memory.

kernel.func @norm(%x: memref<16x1024xbf16>, %y: memref<16x1024xbf16>) axes(%m = 16, %c = 1024)
    attributes {schedule = "upcast(c,8) group(c,128)"} {
  %eps = arith.constant 1.0e-6 : f32
  %x0 = kernel.load %x[%m, %c] : memref<16x1024xbf16>
  %v = arith.extf %x0 : bf16 to f32
  %mu, %var = kernel.moments %v over(%c) : f32 -> f32, f32
  %ve = arith.addf %var, %eps : f32
  %rs = math.rsqrt %ve : f32
  %d = arith.subf %v, %mu : f32
  %n = arith.mulf %d, %rs : f32
  %o = arith.truncf %n : f32 to bf16
  kernel.store %o, %y[%m, %c] : memref<16x1024xbf16>
}

// CHECK: .target sm_90a
// CHECK: .extern .shared .align 16 .b8 [[SHARED:[a-z_0-9]+]][];
// CHECK: .visible .entry norm(
// CHECK: .reqntid 128, 1, 1
// Elements of 16 bits are halves of words, and need no correction of their mean: one sum of squares.
// CHECK: ld.global.v4.u32
// CHECK-NOT: ld.global
// CHECK: shl.b32 {{.*}}, 16
// CHECK: and.b32 {{.*}}, -65536
// CHECK-COUNT-5: shfl.sync.bfly.b32
// CHECK: st.shared.f32
// CHECK: bar.sync
// CHECK-COUNT-4: ld.shared
// CHECK-COUNT-5: shfl.sync.bfly.b32
// CHECK-NOT: shfl.sync.bfly.b32
// CHECK: bar.sync
// CHECK-COUNT-8: cvt.rn.bf16.f32
// CHECK: st.global.v4.b32
// CHECK-NOT: st.global

// WARP: .reqntid 32, 1, 1
// WARP-NOT: shared
// WARP: shfl.sync.bfly.b32

// RAW: .target sm_80
// RAW: .reqntid 1, 1, 1
// RAW: ld.global.{{[us]}}16
// RAW-NOT: shfl
