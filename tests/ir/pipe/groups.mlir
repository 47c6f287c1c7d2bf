// RUN: tgc-pipe-gpu %s --device a100 --kernel ff --emit plan | FileCheck %s --check-prefix=PLAN
// RUN: tgc-pipe-gpu %s --device a100 --kernel ff --emit tile | FileCheck %s
// RUN: tgc-pipe-gpu %s --device a100 --kernel ff --emit ptx | FileCheck %s --check-prefix=PTX
// RUN: tgc-pipe-gpu %s --device a100 --kernel attend --emit tile | FileCheck %s --check-prefix=ATTEND
// RUN: tgc-pipe-gpu %s --device a100 --kernel conv --emit plan | FileCheck %s --check-prefix=CONV
// RUN: tgc-pipe-gpu %s --device a100 --kernel conv --emit tile | FileCheck %s --check-prefix=CTILE
// The host runs what the warps run.
// RUN: tgc-loop %s --target a100 --emit=check | FileCheck %s --check-prefix=CHECK-RUN
// RUN: tgc-loop %s --target a100 --emit=check --kernel ff --schedule 'tc(mma) tile(k,64) tile(m,64) tile(n,32) warps(4) copy(w,async) copy(x,async) stage(3)' | FileCheck %s --check-prefix=ONE
// RUN: tgc-loop %s --target a100 --emit=check --kernel ff --schedule 'tc(mma) flip tile(k,32) tile(m,64) tile(n,64) warps(2x2) copy(w,async) copy(x,async) stage(2) slots(1)' | FileCheck %s --check-prefix=ONE
// RUN: tgc-loop %s --target a100 --emit=check --kernel attend --schedule 'tc(mma) tile(m,16) tile(n,16) warps(1) copy(k,async) copy(q,async) copy(v,async) stage(4)' | FileCheck %s --check-prefix=ONE
// RUN: not tgc-loop %s --target a100 --emit=plan --kernel ff --schedule 'tc(mma) tile(k,32) tile(m,128) tile(n,128) warps(2x2) copy(w,async) copy(x,async) stage(3) persistent' 2>&1 | FileCheck %s --check-prefix=REFUSED
// RUN: tgc-pipe-gpu %s --device a100 --kernel enlarged --emit plan | FileCheck %s --check-prefix=ENLARGED
// RUN: tgc-pipe-gpu %s --device h200 --kernel enlarged --emit plan --schedule 'tc(wgmma) tile(k2,64) tile(m1,8) tile(m3,16) tile(n,64) warps(2+1) copy(w,tma) copy(x,tma) stage(3) slots(1)' | FileCheck %s --check-prefix=ENLARGED
// RUN: not tgc-pipe-gpu %s --device a100 --kernel enlarged --emit plan --schedule 'tc(mma) tile(k2,32) tile(m0,2) tile(m3,16) tile(n,64) warps(2) copy(w,async) copy(x,async) stage(3)' 2>&1 | FileCheck %s --check-prefix=PHASE
// Newer machines stage with stmatrix.
// RUN: tgc-pipe-gpu %s --device h200 --kernel ff --emit ptx | FileCheck %s --check-prefix=STORE
// RUN: tgc-loop %s --target h200 --emit=check --kernel ff --schedule 'tc(mma) tile(k,32) tile(m,128) tile(n,96) warps(4x1) copy(w,async) copy(x,async) stage(3) slots(1)' | FileCheck %s --check-prefix=ONE
// RUN: tgc-loop %s --target h200 --emit=check --kernel conv | FileCheck %s --check-prefix=ONE
// STORE: stmatrix.sync.aligned.m8n8.x4.shared.b16
// CHECK-RUN-COUNT-7: agrees
// ONE: agrees
// REFUSED: persistent: a block has one tile

// Columns of the last tile are not full; the weight is depth × columns, so its tile is read transposed.
// PLAN: operand a in 1 box: x offset 0 sizes [200,96] strides [96,1] box [128,32] swizzle 64
// PLAN: operand b in 2 boxes: w offset 0 sizes [96,232] strides [232,1] box [32,64] swizzle 128
// PLAN: 4 groups of 64x64, 2 side by side, 1 slots, 4 tiles
// PLAN: store y: 4 pieces
// CHECK-LABEL: tile.func @ff
// CHECK: %[[RING:.*]] = tile.ring stages 3 freed_by 4 : <<128x32xbf16, 64>, <32x128xbf16, 128>>
// CHECK: tile.groups 4 threads 32 {
// CHECK: ^bb0(%[[C:.*]]: index):
// CHECK-COUNT-2: tile.ring.commit
// CHECK: scf.for %[[KB:.*]] = {{.*}} iter_args(%[[SUMS:.*]] =
// CHECK:   tile.ring.await %[[RING]][%[[KB]]] pending 1
// CHECK:   scf.if
// CHECK:     tile.fetch {{.*}} 0 offset 0 clipped [0]
// CHECK:   tile.ring.commit
// CHECK:   tile.dot.group %{{.*}}, %{{.*}} transposed into %[[SUMS]]
// CHECK: tile.each [16, 64] from [0, 0] lanes 2
// CHECK: tile.slots.store
// PTX: .target sm_80
// PTX: cp.async.cg.shared.global
// PTX: ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16
// PTX: mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32
// PTX: st.global.v4
kernel.func @ff(%x: memref<200x96xbf16>, %w: memref<96x232xbf16>, %b: memref<232xbf16>, %y: memref<200x232xbf16>)
    axes(%m = 200, %n = 232, %k = 96)
    attributes {schedule = "tc(mma) tile(k,32) tile(m,128) tile(n,128) warps(2x2) copy(w,async) copy(x,async) stage(3) slots(1)"} {
  %a = kernel.load %x[%m, %k] : memref<200x96xbf16>
  %c = kernel.load %w[%k, %n] : memref<96x232xbf16>
  %s = kernel.contract %a, %c over(%k) : bf16, bf16 -> f32
  %bias = kernel.load %b[%n] : memref<232xbf16>
  %e = arith.extf %bias : bf16 to f32
  %t = arith.addf %s, %e : f32
  %o = arith.truncf %t : f32 to bf16
  kernel.store %o, %y[%m, %n] : memref<200x232xbf16>
}

// A fill is a block of keys with its values; the last keys, of which there are fewer, come first.
// ATTEND: tile.ring stages 1 freed_by 2 : <<64x48xbf16, 32>>
// ATTEND: tile.ring stages 2 freed_by 2 : <<32x48xbf16, 32>, <32x48xbf16, 32>>
// ATTEND: tile.groups 2 threads 32 {
// ATTEND: tile.load
// ATTEND: tile.dot.group %{{[^,]*}}, %{{[^,]*}} :
// ATTEND: tile.dot.group %{{[^,]*}}, %{{[^,]*}} transposed :
// ATTEND: scf.for
// ATTEND:   tile.ring.await
// ATTEND:   tile.fold "max"
// ATTEND:   tile.dot.group {{.*}} transposed into
kernel.func @attend(%q: memref<100x2x40xbf16>, %k: memref<77x2x40xbf16>, %v: memref<77x2x40xbf16>, %o: memref<100x2x40xbf16>)
    axes(%h = 2, %m = 100, %n = 77, %d = 40, %e = 40)
    attributes {schedule = "hold(q) tc(mma) tile(m,64) tile(n,32) warps(2) copy(k,async) copy(q,async) copy(v,async) stage(2) slots(1)"} {
  %c = arith.constant 1.5811388e-01 : f32
  %a = kernel.load %q[%m, %h, %d] : memref<100x2x40xbf16>
  %b = kernel.load %k[%n, %h, %d] : memref<77x2x40xbf16>
  %s = kernel.contract %a, %b over(%d) : bf16, bf16 -> f32
  %t = arith.mulf %s, %c : f32
  %u = kernel.load %v[%n, %h, %e] : memref<77x2x40xbf16>
  %p = kernel.softmax %t, %u over(%n) : f32, bf16 -> f32
  %r = arith.truncf %p : f32 to bf16
  kernel.store %r, %o[%m, %h, %e] : memref<100x2x40xbf16>
}

// Pixels of a box are points of one row of the product; taps move the box, and what is outside is 0.
// CONV: operand a in 1 box: x offset 0 sizes [8,16,64] strides [1024,64,1] box [4,16,32] swizzle 64
// CTILE: tile.fetch {{.*}} 0 offset 0 clipped [0, 1]
kernel.func @conv(%x: memref<8x16x64xf16>, %w: memref<3x3x64x48xf16>, %y: memref<8x16x48xf16>)
    axes(%m0 = 8, %m1 = 16, %k0 = 3, %k1 = 3, %k2 = 64, %n = 48)
    attributes {schedule = "tc(mma) tile(k2,32) tile(m0,4) tile(m1,16) tile(n,48) warps(4) copy(w,async) copy(x,async) stage(4) slots(1)"} {
  %a = kernel.load %x[%m0 + %k0 - 1, %m1 + %k1 - 1, %k2] : memref<8x16x64xf16> else 0.0
  %c = kernel.load %w[%k0, %k1, %k2, %n] : memref<3x3x64x48xf16>
  %s = kernel.contract %a, %c over(%k0, %k1, %k2) : f16, f16 -> f32
  %o = arith.truncf %s : f32 to f16
  kernel.store %o, %y[%m0, %m1, %n] : memref<8x16x48xf16>
}

// Two halves of a column are one thread's; what it stores is half of what it sums.
kernel.func @geglu(%x: memref<70x64xf16>, %w: memref<2x40x64xf16>, %y: memref<70x40xf16>)
    axes(%m = 70, %u = 2, %n = 40, %k = 64)
    attributes {schedule = "tc(mma) tile(k,32) tile(m,64) tile(n,40) tile(u,2) warps(4) copy(w,async) copy(x,async) stage(3) slots(1)"} {
  %a = kernel.load %x[%m, %k] : memref<70x64xf16>
  %c = kernel.load %w[%u, %n, %k] : memref<2x40x64xf16>
  %s = kernel.contract %a, %c over(%k) : f16, f16 -> f32
  %p = kernel.remap %s[%u -> 0] : f32
  %q = kernel.remap %s[%u -> 1] : f32
  %r = arith.mulf %p, %q : f32
  %o = arith.truncf %r : f32 to f16
  kernel.store %o, %y[%m, %n] : memref<70x40xf16>
}

// Every second pixel of two images; the weight in the order that pack(w,nk) gives it. By the heuristic.
kernel.func @stride2(%x: memref<2x12x20x32xbf16>, %w: memref<40x288x1xbf16>, %y: memref<2x6x10x40xbf16>)
    axes(%m0 = 2, %m1 = 6, %m2 = 10, %k0 = 3, %k1 = 3, %k2 = 32, %n = 40) {
  %a = kernel.load %x[%m0, 2 * %m1 + %k0 - 1, 2 * %m2 + %k1 - 1, %k2] : memref<2x12x20x32xbf16> else 0.0
  %c = kernel.load %w[%n, %k0 * 96 + %k1 * 32 + %k2, 0] : memref<40x288x1xbf16>
  %s = kernel.contract %a, %c over(%k0, %k1, %k2) : bf16, bf16 -> f32
  %o = arith.truncf %s : f32 to bf16
  kernel.store %o, %y[%m0, %m1, %m2, %n] : memref<2x6x10x40xbf16>
}

// Rows of block memory hold two rows of the buffer: two taps, of 16 channels each. Beside them columns of two axes.
kernel.func @short(%x: memref<12x18x80xbf16>, %w: memref<56x3x3x80xbf16>, %y: memref<6x9x56xbf16>)
    axes(%m0 = 6, %m1 = 9, %k0 = 3, %k1 = 3, %k2 = 80, %n = 56)
    attributes {schedule = "tc(mma) flip tile(k2,16) tile(k0,2) tile(n,128) tile(m1,8) warps(4) copy(w,async) copy(x,async) stage(4)"} {
  %a = kernel.load %x[%m0 * 2 + %k0 - 1, %m1 * 2 + %k1 - 1, %k2] : memref<12x18x80xbf16> else 0.0
  %c = kernel.load %w[%n, %k0, %k1, %k2] : memref<56x3x3x80xbf16>
  %s = kernel.contract %a, %c over(%k0, %k1, %k2) : bf16, bf16 -> f32
  %o = arith.truncf %s : f32 to bf16
  kernel.store %o, %y[%m0, %m1, %n] : memref<6x9x56xbf16>
}

// A tensor is enlarged twice as it is read. Places of one phase lie side by side in it; which they are depends on phase
// and tap. By the heuristic.
// ENLARGED: operand a in 1 box: x offset 0 sizes [8,16,64] strides [1024,64,1] box [{{[0-9]+,[0-9]+}},{{32|64}}]
// PHASE: an index of x is not linear along m0
kernel.func @enlarged(%x: memref<8x16x64xbf16>, %w: memref<64x3x3x64xbf16>, %y: memref<16x32x64xbf16>)
    axes(%m0 = 2, %m1 = 8, %m2 = 2, %m3 = 16, %k0 = 3, %k1 = 3, %k2 = 64, %n = 64) {
  %a = kernel.load %x[(%k0 + %m0 + 1) floordiv 2 + %m1 - 1, (%k1 + %m2 + 1) floordiv 2 + %m3 - 1, %k2] : memref<8x16x64xbf16> else 0.0
  %c = kernel.load %w[%n, %k0, %k1, %k2] : memref<64x3x3x64xbf16>
  %s = kernel.contract %a, %c over(%k0, %k1, %k2) : bf16, bf16 -> f32
  %o = arith.truncf %s : f32 to bf16
  kernel.store %o, %y[%m0 + %m1 * 2, %m2 + %m3 * 2, %n] : memref<16x32x64xbf16>
}
