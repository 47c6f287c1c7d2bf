// RUN: tgc-loop %s --target h200 --emit asm --kernel odd | FileCheck %s --check-prefix=ODD
// RUN: tgc-loop %s --target h200 --emit asm --kernel large | FileCheck %s --check-prefix=LARGE
// RUN: tgc-loop %s --target h200 --emit asm --kernel flags | FileCheck %s --check-prefix=FLAGS

// Rows of 77 elements are not aligned for wide accesses.
// ODD-NOT: ld.global.v
// ODD: ld.global.f32
// ODD-NOT: st.global.v
kernel.func @odd(%x: memref<4x77xf32>, %y: memref<4x77xf32>) axes(%m = 4, %n = 77)
    attributes {schedule = "upcast(n,4) local(n,20) padto(n,80)"} {
  %v = kernel.load %x[%m, %n] : memref<4x77xf32>
  kernel.store %v, %y[%m, %n] : memref<4x77xf32>
}

// Bytes of a buffer that 31 bits do not reach are reached with 64.
// LARGE-NOT: add.s32
// LARGE: mul.wide.s32
// LARGE-NOT: add.s32
// LARGE: ld.global.v4
kernel.func @large(%x: memref<70000x32000xbf16>, %y: memref<70000x32000xbf16>) axes(%m = 70000, %n = 32000)
    attributes {schedule = "upcast(n,8) local(n,250)"} {
  %v = kernel.load %x[%m, %n] : memref<70000x32000xbf16>
  kernel.store %v, %y[%m, %n] : memref<70000x32000xbf16>
}

// i1 is a byte in memory; sixteen of them are one access.
// FLAGS: ld.global.v4
// FLAGS: st.global.v4
kernel.func @flags(%x: memref<512xi1>, %y: memref<512xi1>) axes(%i = 512)
    attributes {schedule = "upcast(i,16) local(i,32)"} {
  %one = arith.constant true
  %v = kernel.load %x[%i] : memref<512xi1>
  %n = arith.xori %v, %one : i1
  kernel.store %n, %y[%i] : memref<512xi1>
}
