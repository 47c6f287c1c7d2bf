// RUN: tgc-loop %s --target h200 --emit asm --kernel odd | FileCheck %s --check-prefix=ODD
// RUN: tgc-loop %s --target h200 --emit asm --kernel large | FileCheck %s --check-prefix=LARGE
// RUN: tgc-loop %s --target h200 --emit asm --kernel flags | FileCheck %s --check-prefix=FLAGS
// RUN: tgc-loop %s --target h200 --emit asm --kernel rows | FileCheck %s --check-prefix=ROWS

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

// i1 is a byte in memory; sixteen of them are loaded at once, and stored as words.
// FLAGS: ld.global.v4
// FLAGS-COUNT-4: st.global.u32
// FLAGS-NOT: st.global
kernel.func @flags(%x: memref<512xi1>, %y: memref<512xi1>) axes(%i = 512)
    attributes {schedule = "upcast(i,16) local(i,32)"} {
  %one = arith.constant true
  %v = kernel.load %x[%i] : memref<512xi1>
  %n = arith.xori %v, %one : i1
  kernel.store %n, %y[%i] : memref<512xi1>
}

// Rows are a constant apart, which the instruction adds: one address serves all of them, though it has 64 bits and
// indices have 32.
// ROWS-COUNT-1: mul.wide.s32
// ROWS: ld.global.b16 {{.*}}, [%[[PLACE:rd[0-9]+]]];
// ROWS: ld.global.b16 {{.*}}, [%[[PLACE]]+154];
// ROWS: ld.global.b16 {{.*}}, [%[[PLACE]]+308];
// ROWS: ld.global.b16 {{.*}}, [%[[PLACE]]+462];
kernel.func @rows(%x: memref<400x77xf16>, %y: memref<400x77xf32>) axes(%m = 400, %n = 77)
    attributes {schedule = "upcast(m,4) local(n,77)"} {
  %v = kernel.load %x[%m, %n] : memref<400x77xf16>
  %w = arith.extf %v : f16 to f32
  kernel.store %w, %y[%m, %n] : memref<400x77xf32>
}
