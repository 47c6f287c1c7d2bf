// RUN: tgc-loop %s --target a100 --emit=check --kernel past | FileCheck %s --check-prefix=AGREES
// RUN: tgc-loop %s --target a100 --emit=check --kernel frames | FileCheck %s --check-prefix=AGREES
// RUN: tgc-pipe-gpu %s --device h200 --kernel past --emit tile --schedule 'tc(wgmma) tile(c,64) tile(m0,8) tile(m1,8) tile(n,48) warps(1+1) copy(new,tma) copy(old,tma) copy(w,tma) stage(3) slots(1)' | FileCheck %s --check-prefix=TMA
// RUN: not tgc-pipe-gpu %s --device h200 --kernel steps --emit plan 2>&1 | FileCheck %s --check-prefix=ACROSS

// A causal convolution in time, whose past frames are in other buffers, or are 0: which one a tile comes from is one
// answer for all of it.

kernel.func @past(%old: memref<6x16x64xbf16>, %new: memref<6x16x64xbf16>, %w: memref<48x3x3x3x64xbf16>, %out: memref<6x16x48xbf16>)
    axes(%y = 3, %m0 = 6, %x = 3, %m1 = 16, %c = 64, %t = 3, %n = 48)
    attributes {schedule = "tc(mma) tile(c,32) tile(m1,16) tile(m0,2) tile(n,16) warps(2) copy(old,async) copy(new,async) copy(w,async) stage(3) slots(1)"} {
  %a = kernel.load %old[%y + %m0 - 1, %x + %m1 - 1, %c] if (%t - 1 == 0) : memref<6x16x64xbf16>, %new[%y + %m0 - 1, %x + %m1 - 1, %c] if (%t - 2 >= 0) : memref<6x16x64xbf16> else 0.0
  %b = kernel.load %w[%n, %t, %y, %x, %c] : memref<48x3x3x3x64xbf16>
  %s = kernel.contract %a, %b over(%y, %x, %c, %t) : bf16, bf16 -> f32
  %o = arith.truncf %s : f32 to bf16
  kernel.store %o, %out[%m0, %m1, %n] : memref<6x16x48xbf16>
}

kernel.func @frames(%old: memref<6x16x64xbf16>, %new: memref<4x6x16x64xbf16>, %w: memref<48x3x3x3x64xbf16>, %out: memref<4x6x16x48xbf16>)
    axes(%y = 3, %m0 = 6, %x = 3, %m1 = 16, %c = 64, %t = 3, %m2 = 4, %n = 48)
    attributes {schedule = "tc(mma) tile(c,32) tile(m1,16) tile(m0,2) tile(n,16) warps(2) copy(old,async) copy(new,async) copy(w,async) stage(3) slots(1)"} {
  %a = kernel.load %old[%y + %m0 - 1, %x + %m1 - 1, %c] if (%t + %m2 - 1 == 0) : memref<6x16x64xbf16>, %new[%t + %m2 - 2, %y + %m0 - 1, %x + %m1 - 1, %c] : memref<4x6x16x64xbf16> else 0.0
  %b = kernel.load %w[%n, %t, %y, %x, %c] : memref<48x3x3x3x64xbf16>
  %s = kernel.contract %a, %b over(%y, %x, %c, %t) : bf16, bf16 -> f32
  %o = arith.truncf %s : f32 to bf16
  kernel.store %o, %out[%m2, %m0, %m1, %n] : memref<4x6x16x48xbf16>
}

// What is chosen by an axis of which a tile has several points is no one answer.
kernel.func @steps(%old: memref<6x16x64xbf16>, %new: memref<6x16x64xbf16>, %w: memref<48x64xbf16>, %out: memref<6x16x48xbf16>)
    axes(%m0 = 6, %m1 = 16, %c = 64, %n = 48)
    attributes {schedule = "tc(mma) tile(c,32) tile(m1,16) tile(m0,2) tile(n,16) warps(2) copy(old,async) copy(new,async) copy(w,async) stage(3) slots(1)"} {
  %a = kernel.load %old[%m0, %m1, %c] if (%m1 - 5 >= 0) : memref<6x16x64xbf16>, %new[%m0, %m1, %c] : memref<6x16x64xbf16> else 0.0
  %b = kernel.load %w[%n, %c] : memref<48x64xbf16>
  %s = kernel.contract %a, %b over(%c) : bf16, bf16 -> f32
  %o = arith.truncf %s : f32 to bf16
  kernel.store %o, %out[%m0, %m1, %n] : memref<6x16x48xbf16>
}

// AGREES: : agrees

// TMA-LABEL: tile.func @past
// TMA: %[[OLD:.*]] = tile.box %old
// TMA: %[[NEW:.*]] = tile.box %new
// TMA: arith.cmpi eq
// TMA: scf.if
// TMA: tile.fetch %[[OLD]]
// TMA: } else {
// TMA: arith.cmpi sge
// TMA: scf.if
// TMA: tile.fetch %[[NEW]]
// TMA: } else {
// TMA: %[[BEHIND:.*]] = arith.constant 6
// TMA-NEXT: tile.fetch %[[NEW]][%[[BEHIND]],

// ACROSS: a tile lies across the end of old
