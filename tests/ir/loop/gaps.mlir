// RUN: tgc-loop %s --emit=tile --target=h200 --kernel turned | FileCheck %s
// RUN: tgc-loop %s --emit=tile --target=h200 --kernel odd | FileCheck %s --check-prefix=ODD
// RUN: tgc-loop %s --emit=check --target=h200 | FileCheck %s --check-prefix=CHECKED
// CHECKED-COUNT-2: agrees

// Pairs that are turned by angles: the first and the second of every pair lie two elements apart, and so do sine and
// cosine. One access serves those of four pairs, elements between them are nobody's. Which row of the table is read
// depends on the column: pieces of one buffer are one load, whose address is chosen.
// CHECK-LABEL: tile.func @turned
// CHECK-NOT: memref.load
// CHECK-NOT: scf.if
// CHECK: vector.load {{.*}} vector<8xbf16>
// CHECK-NOT: memref.load
// CHECK-NOT: scf.if
// CHECK: %[[PLACE:.*]] = arith.select
// CHECK-NEXT: vector.load %{{.*}}[%[[PLACE]]] : memref<2048xf32>, vector<4xf32>
// CHECK-NOT: memref.load
// CHECK-NOT: scf.if
// CHECK: vector.store {{.*}} vector<8xbf16>
kernel.func @turned(%x: memref<40x64xbf16>, %t: memref<64x32xf32>, %y: memref<40x64xbf16>)
    axes(%m = 40, %c = 32, %s = 2) attributes {schedule = "upcast(s,2) upcast(c,4) local(c,8) local(m,8)"} {
  %first = kernel.test(%s == 0) : i1
  %a = kernel.load %x[%m, %c * 2] : memref<40x64xbf16>
  %b = kernel.load %x[%m, %c * 2 + 1] : memref<40x64xbf16>
  %cos = kernel.load %t[%m, %c mod 16 * 2] if (-%c + 15 >= 0) : memref<64x32xf32>, %t[%m + 20, %c mod 16 * 2] : memref<64x32xf32> else 0.0
  %sin = kernel.load %t[%m, %c mod 16 * 2 + 1] if (-%c + 15 >= 0) : memref<64x32xf32>, %t[%m + 20, %c mod 16 * 2 + 1] : memref<64x32xf32> else 0.0
  %af = arith.extf %a : bf16 to f32
  %bf = arith.extf %b : bf16 to f32
  %0 = arith.mulf %af, %cos : f32
  %1 = arith.mulf %bf, %sin : f32
  %2 = arith.subf %0, %1 : f32
  %3 = arith.mulf %af, %sin : f32
  %4 = arith.mulf %bf, %cos : f32
  %5 = arith.addf %3, %4 : f32
  %6 = arith.select %first, %2, %5 : f32
  %7 = arith.truncf %6 : f32 to bf16
  kernel.store %7, %y[%m, %c * 2 + %s] : memref<40x64xbf16>
}

// An access around an element would leave a buffer that is no whole number of accesses.
// ODD-LABEL: tile.func @odd
// ODD-NOT: vector.load {{.*}} vector<8xbf16>
// ODD: vector.store
kernel.func @odd(%x: memref<63xbf16>, %y: memref<32xbf16>) axes(%c = 32) attributes {schedule = "upcast(c,4) local(c,8)"} {
  %a = kernel.load %x[%c * 2] : memref<63xbf16>
  kernel.store %a, %y[%c] : memref<32xbf16>
}
