// RUN: tgc-pipe-gpu %s --emit plan | FileCheck %s
// RUN: tgc-pipe-gpu %s --kernel quantised --emit ptx | FileCheck %s --check-prefix=F8

// What the heuristic chooses for a GPU with asynchronous products.

// A weight that lies K×N is a left operand in boxes of 64 columns; as a right one 144 columns would come in boxes of
// 192. 6 waves of 128 × 144 are full, 192 columns would leave a fifth of the last wave idle.
// CHECK: flip {{.*}}tile(m,144) tile(n,128) warps(2+1) pingpong {{.*}}stage(5) persistent raster(n,16) slots(3)
// CHECK: operand b: tma, 5 stages of 18432 bytes
kernel.func @down(%x: memref<4608x15360xbf16>, %w: memref<15360x3072xbf16>, %y: memref<4608x3072xbf16>)
    axes(%m = 4608, %n = 3072, %k = 15360) {
  %a = kernel.load %x[%m, %k] : memref<4608x15360xbf16>
  %c = kernel.load %w[%k, %n] : memref<15360x3072xbf16>
  %s = kernel.contract %a, %c over(%k) : bf16, bf16 -> f32
  %o = arith.truncf %s : f32 to bf16
  kernel.store %o, %y[%m, %n] : memref<4608x3072xbf16>
}

// Where every multiprocessor has at most one tile, one consumer and many fills.
// CHECK: tile(m,64) tile(n,192) warps(1+1) {{.*}}stage(6) persistent raster(m,16) slots(3)
// CHECK: 128 tiles
kernel.func @few(%x: memref<512x3072xbf16>, %w: memref<3072x3072xbf16>, %y: memref<512x3072xbf16>)
    axes(%m = 512, %n = 3072, %k = 3072) {
  %a = kernel.load %x[%m, %k] : memref<512x3072xbf16>
  %c = kernel.load %w[%k, %n] : memref<3072x3072xbf16>
  %s = kernel.contract %a, %c over(%k) : bf16, bf16 -> f32
  %o = arith.truncf %s : f32 to bf16
  kernel.store %o, %y[%m, %n] : memref<512x3072xbf16>
}

// A residual read across the columns of a flipped tile would be read element by element.
// CHECK-NOT: flip
// CHECK: tile(m,128) tile(n,192) warps(2+1) pingpong
kernel.func @residual(%x: memref<32760x1536xbf16>, %w: memref<1536x1536xbf16>, %r: memref<32760x1536xbf16>, %y: memref<32760x1536xbf16>)
    axes(%m = 32760, %n = 1536, %k = 1536) {
  %a = kernel.load %x[%m, %k] : memref<32760x1536xbf16>
  %c = kernel.load %w[%k, %n] : memref<1536x1536xbf16>
  %s = kernel.contract %a, %c over(%k) : bf16, bf16 -> f32
  %e = kernel.load %r[%m, %n] : memref<32760x1536xbf16>
  %f = arith.extf %e : bf16 to f32
  %t = arith.addf %s, %f : f32
  %o = arith.truncf %t : f32 to bf16
  kernel.store %o, %y[%m, %n] : memref<32760x1536xbf16>
}

// Operands of 8 bits come with the depth in rows: a free weight that does not is transposed ahead.
// CHECK: tile(k,128) {{.*}}pack(w,nk)
// CHECK: operand b in 1 box: w offset 0 sizes [3072,1024] strides [1024,1]
// CHECK: pack w nk [3072x1024x1]
// F8: wgmma.mma_async.sync.aligned.m64n{{[0-9]+}}k32.f32.e4m3.e4m3
kernel.func @quantised(%x: memref<4096x1024xf8E4M3FN>, %w: memref<1024x3072xf8E4M3FN> {free}, %rows: memref<4096xf32>,
                       %columns: memref<3072xf32>, %y: memref<4096x3072xbf16>) axes(%m = 4096, %n = 3072, %k = 1024) {
  %a = kernel.load %x[%m, %k] : memref<4096x1024xf8E4M3FN>
  %c = kernel.load %w[%k, %n] : memref<1024x3072xf8E4M3FN>
  %s = kernel.contract %a, %c over(%k) : f8E4M3FN, f8E4M3FN -> f32
  %r = kernel.load %rows[%m] : memref<4096xf32>
  %t = arith.mulf %s, %r : f32
  %d = kernel.load %columns[%n] : memref<3072xf32>
  %u = arith.mulf %t, %d : f32
  %o = arith.truncf %u : f32 to bf16
  kernel.store %o, %y[%m, %n] : memref<4096x3072xbf16>
}

// Heads of 72 and 80 columns leave registers for three consumers with 112 keys, faster than two with 128.
// CHECK: tile(m,192) tile(n,112) warps(3+1) pingpong overlap
// CHECK: 3 consumers of 64x112 in turn
kernel.func @heads(%q: memref<4096x16x72xbf16>, %k: memref<4096x16x72xbf16>, %v: memref<4096x16x72xbf16>, %o: memref<4096x16x72xbf16>)
    axes(%h = 16, %m = 4096, %n = 4096, %d = 72, %e = 72) {
  %a = kernel.load %q[%m, %h, %d] : memref<4096x16x72xbf16>
  %c = kernel.load %k[%n, %h, %d] : memref<4096x16x72xbf16>
  %s = kernel.contract %a, %c over(%d) : bf16, bf16 -> f32
  %w = kernel.load %v[%n, %h, %e] : memref<4096x16x72xbf16>
  %r = kernel.softmax %s, %w over(%n) : f32, bf16 -> f32
  %z = arith.truncf %r : f32 to bf16
  kernel.store %z, %o[%m, %h, %e] : memref<4096x16x72xbf16>
}
