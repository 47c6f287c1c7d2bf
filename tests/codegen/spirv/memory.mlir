// RUN: tgc-spirv %s --target bmg --kernel odd | FileCheck %s --check-prefix=ODD
// RUN: tgc-spirv %s --target bmg --kernel large | FileCheck %s --check-prefix=LARGE
// RUN: tgc-spirv %s --target bmg --kernel small | FileCheck %s --check-prefix=SMALL
// RUN: tgc-spirv %s --target bmg --kernel flags | FileCheck %s --check-prefix=FLAGS
// RUN: tgc-spirv %s --target bmg --kernel double | FileCheck %s --check-prefix=DOUBLE

// Rows of 77 elements are not aligned for wide accesses.
// ODD-NOT: vector<4xf32>
// ODD: spirv.Load "CrossWorkgroup" %{{.*}} ["Aligned", 4] : f32
// ODD-NOT: vector<4xf32>
kernel.func @odd(%x: memref<4x77xf32>, %y: memref<4x77xf32>) axes(%m = 4, %n = 77)
    attributes {schedule = "upcast(n,4) local(n,20) padto(n,80)"} {
  %v = kernel.load %x[%m, %n] : memref<4x77xf32>
  kernel.store %v, %y[%m, %n] : memref<4x77xf32>
}

// Bytes of a buffer that 31 bits do not reach are reached with 64; elsewhere 32 do.
// LARGE: spirv.InBoundsPtrAccessChain %{{.*}}[%{{.*}}] : !spirv.ptr<i16, CrossWorkgroup>, i64
// SMALL: spirv.UConvert %{{.*}} : i64 to i32
// SMALL: spirv.InBoundsPtrAccessChain %{{.*}}[%{{.*}}] : !spirv.ptr<i16, CrossWorkgroup>, i32
kernel.func @large(%x: memref<70000x32000xbf16>, %y: memref<70000x32000xbf16>) axes(%m = 70000, %n = 32000)
    attributes {schedule = "upcast(n,8) local(n,250)"} {
  %v = kernel.load %x[%m, %n] : memref<70000x32000xbf16>
  kernel.store %v, %y[%m, %n] : memref<70000x32000xbf16>
}
kernel.func @small(%x: memref<700x320xbf16>, %y: memref<700x320xbf16>) axes(%m = 700, %n = 320)
    attributes {schedule = "upcast(n,8) local(n,40)"} {
  %v = kernel.load %x[%m, %n] : memref<700x320xbf16>
  kernel.store %v, %y[%m, %n] : memref<700x320xbf16>
}

// i1 is a byte in memory; sixteen of them are loaded at once, as words.
// FLAGS: spirv.func @flags(%{{.*}}: !spirv.ptr<i8, CrossWorkgroup>
// FLAGS: spirv.Load "CrossWorkgroup" %{{.*}} ["Aligned", 16] : vector<4xi32>
// FLAGS: spirv.Bitcast %{{.*}} : vector<4xi32> to vector<16xi8>
kernel.func @flags(%x: memref<512xi1>, %y: memref<512xi1>) axes(%i = 512)
    attributes {schedule = "upcast(i,16) local(i,32)"} {
  %one = arith.constant true
  %v = kernel.load %x[%i] : memref<512xi1>
  %n = arith.xori %v, %one : i1
  kernel.store %n, %y[%i] : memref<512xi1>
}

// Float64 is asked for where the data has it.
// DOUBLE: Float64
kernel.func @double(%x: memref<64xf64>, %y: memref<64xf32>) axes(%i = 64) attributes {schedule = "local(i,64)"} {
  %v = kernel.load %x[%i] : memref<64xf64>
  %n = arith.truncf %v : f64 to f32
  kernel.store %n, %y[%i] : memref<64xf32>
}
