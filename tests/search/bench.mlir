// RUN: tgc-loop %s --emit=plan --target=avx512 | FileCheck %s

// Memory-bound kernels at the sizes of real models; tgc-loop --emit=bench measures them. The plans of the
// heuristic, on two cores:

// CHECK-LABEL: {{^}}add:
// CHECK: vectors of 16 along i
// CHECK-LABEL: layer_norm: upcast(c,64)
// CHECK: m = 4096: {{[0-9]+}} grid
// CHECK: c = 3072: 48 serial step 64, 4 upcast step 16, 16 vector step 1
// CHECK-LABEL: group_norm_silu_nchw:
// CHECK: vectors of 16 along p
// CHECK: launch: 64 blocks
// Transposes have a square of registers.
// CHECK-LABEL: nchw_to_nhwc:
// CHECK: c = 320: {{.*}} 16 vector step 1
// CHECK: p = 4096: {{.*}} 16 upcast step 1
// Pairs lie in registers, lanes along the pairs.
// CHECK-LABEL: rope:
// CHECK: r = 2: 2 upcast step 1
// CHECK: vectors of 16 along i
// Reductions down columns keep their lanes apart.
// CHECK-LABEL: column_sum:
// CHECK: vectors of 16 along n
// CHECK-LABEL: max_pool:
// CHECK: vectors of 16 along c

kernel.func @add(%a: memref<8388608xf32>, %b: memref<8388608xf32>, %y: memref<8388608xf32>) axes(%i = 8388608) {
  %u = kernel.load %a[%i] : memref<8388608xf32>
  %v = kernel.load %b[%i] : memref<8388608xf32>
  %s = arith.addf %u, %v : f32
  kernel.store %s, %y[%i] : memref<8388608xf32>
}

kernel.func @copy(%a: memref<16777216xf32>, %y: memref<16777216xf32>) axes(%i = 16777216) {
  %u = kernel.load %a[%i] : memref<16777216xf32>
  kernel.store %u, %y[%i] : memref<16777216xf32>
}

kernel.func @add_ragged(%a: memref<4099x1003xf32>, %b: memref<1003xf32>, %y: memref<4099x1003xf32>) axes(%m = 4099, %c = 1003) {
  %u = kernel.load %a[%m, %c] : memref<4099x1003xf32>
  %v = kernel.load %b[%c] : memref<1003xf32>
  %s = arith.addf %u, %v : f32
  kernel.store %s, %y[%m, %c] : memref<4099x1003xf32>
}

kernel.func @layer_norm(%h: memref<4096x3072xf32>, %g: memref<3072xf32>, %mod: memref<6144xf32>, %y: memref<4096x3072xf32>)
    axes(%m = 4096, %c = 3072) {
  %eps = arith.constant 1.0e-6 : f32
  %one = arith.constant 1.0 : f32
  %x = kernel.load %h[%m, %c] : memref<4096x3072xf32>
  %mu, %var = kernel.moments %x over(%c) : f32 -> f32, f32
  %d = arith.subf %x, %mu : f32
  %ve = arith.addf %var, %eps : f32
  %r = math.rsqrt %ve : f32
  %n = arith.mulf %d, %r : f32
  %gg = kernel.load %g[%c] : memref<3072xf32>
  %n1 = arith.mulf %n, %gg : f32
  %sc = kernel.load %mod[%c + 3072] : memref<6144xf32>
  %sh = kernel.load %mod[%c] : memref<6144xf32>
  %s1 = arith.addf %sc, %one : f32
  %n2 = arith.mulf %n1, %s1 : f32
  %o = arith.addf %n2, %sh : f32
  kernel.store %o, %y[%m, %c] : memref<4096x3072xf32>
}

kernel.func @layer_norm_bf16(%h: memref<4096x3072xbf16>, %g: memref<3072xbf16>, %y: memref<4096x3072xbf16>)
    axes(%m = 4096, %c = 3072) {
  %eps = arith.constant 1.0e-6 : f32
  %x0 = kernel.load %h[%m, %c] : memref<4096x3072xbf16>
  %x = arith.extf %x0 : bf16 to f32
  %mu, %var = kernel.moments %x over(%c) : f32 -> f32, f32
  %d = arith.subf %x, %mu : f32
  %ve = arith.addf %var, %eps : f32
  %r = math.rsqrt %ve : f32
  %n = arith.mulf %d, %r : f32
  %g0 = kernel.load %g[%c] : memref<3072xbf16>
  %gg = arith.extf %g0 : bf16 to f32
  %n1 = arith.mulf %n, %gg : f32
  %o = arith.truncf %n1 : f32 to bf16
  kernel.store %o, %y[%m, %c] : memref<4096x3072xbf16>
}

kernel.func @group_norm_silu_nhwc(%in: memref<2x4096x320xf32>, %gm: memref<320xf32>, %bt: memref<320xf32>, %out: memref<2x4096x320xf32>)
    axes(%b = 2, %p = 4096, %g = 32, %i = 10) {
  %eps = arith.constant 1.0e-5 : f32
  %one = arith.constant 1.0 : f32
  %x = kernel.load %in[%b, %p, %g * 10 + %i] : memref<2x4096x320xf32>
  %mu, %var = kernel.moments %x over(%p, %i) : f32 -> f32, f32
  %d = arith.subf %x, %mu : f32
  %ve = arith.addf %var, %eps : f32
  %r = math.rsqrt %ve : f32
  %n = arith.mulf %d, %r : f32
  %gg = kernel.load %gm[%g * 10 + %i] : memref<320xf32>
  %bb = kernel.load %bt[%g * 10 + %i] : memref<320xf32>
  %t0 = arith.mulf %n, %gg : f32
  %t = arith.addf %t0, %bb : f32
  %n0 = arith.negf %t : f32
  %e = math.exp %n0 : f32
  %q = arith.addf %e, %one : f32
  %s = arith.divf %t, %q : f32
  kernel.store %s, %out[%b, %p, %g * 10 + %i] : memref<2x4096x320xf32>
}

kernel.func @group_norm_silu_nchw(%in: memref<2x320x4096xf32>, %gm: memref<320xf32>, %bt: memref<320xf32>, %out: memref<2x320x4096xf32>)
    axes(%b = 2, %g = 32, %i = 10, %p = 4096) {
  %eps = arith.constant 1.0e-5 : f32
  %one = arith.constant 1.0 : f32
  %x = kernel.load %in[%b, %g * 10 + %i, %p] : memref<2x320x4096xf32>
  %mu, %var = kernel.moments %x over(%p, %i) : f32 -> f32, f32
  %d = arith.subf %x, %mu : f32
  %ve = arith.addf %var, %eps : f32
  %r = math.rsqrt %ve : f32
  %n = arith.mulf %d, %r : f32
  %gg = kernel.load %gm[%g * 10 + %i] : memref<320xf32>
  %bb = kernel.load %bt[%g * 10 + %i] : memref<320xf32>
  %t0 = arith.mulf %n, %gg : f32
  %t = arith.addf %t0, %bb : f32
  %n0 = arith.negf %t : f32
  %e = math.exp %n0 : f32
  %q = arith.addf %e, %one : f32
  %s = arith.divf %t, %q : f32
  kernel.store %s, %out[%b, %g * 10 + %i, %p] : memref<2x320x4096xf32>
}

kernel.func @softmax_row(%x: memref<16384x1024xf32>, %y: memref<16384x1024xf32>) axes(%m = 16384, %n = 1024) {
  %t = kernel.load %x[%m, %n] : memref<16384x1024xf32>
  %mx = kernel.reduce max %t over(%n) : f32 -> f32
  %d = arith.subf %t, %mx : f32
  %e = math.exp %d : f32
  %s = kernel.reduce add %e over(%n) : f32 -> f32
  %r = arith.divf %e, %s : f32
  kernel.store %r, %y[%m, %n] : memref<16384x1024xf32>
}

kernel.func @nchw_to_nhwc(%x: memref<2x320x4096xf32>, %y: memref<2x4096x320xf32>) axes(%b = 2, %c = 320, %p = 4096) {
  %v = kernel.load %x[%b, %c, %p] : memref<2x320x4096xf32>
  kernel.store %v, %y[%b, %p, %c] : memref<2x4096x320xf32>
}

kernel.func @nhwc_to_nchw(%x: memref<2x4096x320xf32>, %y: memref<2x320x4096xf32>) axes(%b = 2, %c = 320, %p = 4096) {
  %v = kernel.load %x[%b, %p, %c] : memref<2x4096x320xf32>
  kernel.store %v, %y[%b, %c, %p] : memref<2x320x4096xf32>
}

kernel.func @transpose_bf16(%x: memref<4096x3072xbf16>, %y: memref<3072x4096xbf16>) axes(%m = 4096, %n = 3072) {
  %v = kernel.load %x[%m, %n] : memref<4096x3072xbf16>
  kernel.store %v, %y[%n, %m] : memref<3072x4096xbf16>
}

kernel.func @gelu_bf16(%x: memref<4096x3072xbf16>, %b: memref<3072xbf16>, %y: memref<4096x3072xbf16>) axes(%m = 4096, %n = 3072) {
  %half = arith.constant 0.5 : f32
  %one = arith.constant 1.0 : f32
  %c0 = arith.constant 0.79788456 : f32
  %c1 = arith.constant 0.044715 : f32
  %x0 = kernel.load %x[%m, %n] : memref<4096x3072xbf16>
  %x1 = arith.extf %x0 : bf16 to f32
  %b0 = kernel.load %b[%n] : memref<3072xbf16>
  %b1 = arith.extf %b0 : bf16 to f32
  %t = arith.addf %x1, %b1 : f32
  %t2 = arith.mulf %t, %t : f32
  %t3 = arith.mulf %t2, %t : f32
  %t4 = arith.mulf %t3, %c1 : f32
  %t5 = arith.addf %t, %t4 : f32
  %t6 = arith.mulf %t5, %c0 : f32
  %t7 = math.tanh %t6 : f32
  %t8 = arith.addf %t7, %one : f32
  %t9 = arith.mulf %t8, %half : f32
  %g = arith.mulf %t9, %t : f32
  %r = arith.truncf %g : f32 to bf16
  kernel.store %r, %y[%m, %n] : memref<4096x3072xbf16>
}

kernel.func @rope(%x: memref<4096x12x64x2xf32>, %cos: memref<4096x64xf32>, %sin: memref<4096x64xf32>, %y: memref<4096x12x64x2xf32>)
    axes(%m = 4096, %h = 12, %i = 64, %r = 2) {
  %eps = arith.constant 1.0e-6 : f32
  %rn = arith.constant 6.510416666e-4 : f32
  %v = kernel.load %x[%m, %h, %i, %r] : memref<4096x12x64x2xf32>
  %v2 = arith.mulf %v, %v : f32
  %ss = kernel.reduce add %v2 over(%h, %i, %r) : f32 -> f32
  %ms = arith.mulf %ss, %rn : f32
  %me = arith.addf %ms, %eps : f32
  %rs = math.rsqrt %me : f32
  %u = arith.mulf %v, %rs : f32
  %o = kernel.remap %u[%r -> 1 - %r] : f32
  %c = kernel.load %cos[%m, %i] : memref<4096x64xf32>
  %s = kernel.load %sin[%m, %i] : memref<4096x64xf32>
  %uc = arith.mulf %u, %c : f32
  %no = arith.negf %o : f32
  %even = kernel.test(%r == 0) : i1
  %so = arith.select %even, %no, %o : f32
  %os = arith.mulf %so, %s : f32
  %z = arith.addf %uc, %os : f32
  kernel.store %z, %y[%m, %h, %i, %r] : memref<4096x12x64x2xf32>
}

kernel.func @concat_c(%u: memref<2x4096x640xf32>, %k: memref<2x4096x320xf32>, %y: memref<2x4096x960xf32>) axes(%p = 8192, %c = 960) {
  %v = kernel.load %u[%p floordiv 4096, %p mod 4096, %c] if (639 - %c >= 0) : memref<2x4096x640xf32>, %k[%p floordiv 4096, %p mod 4096, %c - 640] if (%c - 640 >= 0) : memref<2x4096x320xf32> else 0.0
  kernel.store %v, %y[%p floordiv 4096, %p mod 4096, %c] : memref<2x4096x960xf32>
}

kernel.func @column_sum(%x: memref<8192x2048xf32>, %y: memref<2048xf32>) axes(%m = 8192, %n = 2048) {
  %v = kernel.load %x[%m, %n] : memref<8192x2048xf32>
  %s = kernel.reduce add %v over(%m) : f32 -> f32
  kernel.store %s, %y[%n] : memref<2048xf32>
}

kernel.func @argmax(%x: memref<512x50257xf32>, %y: memref<512xi64>) axes(%m = 512, %n = 50257) {
  %v = kernel.load %x[%m, %n] : memref<512x50257xf32>
  %i = kernel.reduce argmax %v over(%n) : f32 -> i64
  kernel.store %i, %y[%m] : memref<512xi64>
}

kernel.func @max_pool(%x: memref<1x128x128x64xf32>, %y: memref<1x64x64x64xf32>) axes(%h = 64, %w = 64, %c = 64, %r = 3, %s = 3) {
  %v = kernel.load %x[0, %h * 2 + %r - 1, %w * 2 + %s - 1, %c] : memref<1x128x128x64xf32> else 0xFF800000
  %m = kernel.reduce max %v over(%r, %s) : f32 -> f32
  kernel.store %m, %y[0, %h, %w, %c] : memref<1x64x64x64xf32>
}

kernel.func @upsample(%x: memref<2x32x32x640xf32>, %y: memref<2x64x64x640xf32>) axes(%b = 2, %h = 64, %w = 64, %c = 640) {
  %v = kernel.load %x[%b, %h floordiv 2, %w floordiv 2, %c] : memref<2x32x32x640xf32>
  kernel.store %v, %y[%b, %h, %w, %c] : memref<2x64x64x640xf32>
}

kernel.func @conv3x3(%in: memref<1x64x64x320xf32>, %w: memref<320x3x3x320xf32>, %out: memref<1x64x64x320xf32>)
    axes(%y = 64, %x = 64, %o = 320, %r = 3, %s = 3, %c = 320) {
  %a = kernel.load %in[0, %y + %r - 1, %x + %s - 1, %c] : memref<1x64x64x320xf32> else 0.0
  %v = kernel.load %w[%o, %r, %s, %c] : memref<320x3x3x320xf32>
  %t = kernel.contract %a, %v over(%r, %s, %c) : f32, f32 -> f32
  kernel.store %t, %out[0, %y, %x, %o] : memref<1x64x64x320xf32>
}

kernel.func @matmul_nk(%x: memref<1024x1024xf32>, %w: memref<1024x1024xf32>, %y: memref<1024x1024xf32>) axes(%m = 1024, %n = 1024, %k = 1024) {
  %a = kernel.load %x[%m, %k] : memref<1024x1024xf32>
  %v = kernel.load %w[%n, %k] : memref<1024x1024xf32>
  %s = kernel.contract %a, %v over(%k) : f32, f32 -> f32
  kernel.store %s, %y[%m, %n] : memref<1024x1024xf32>
}

kernel.func @matmul_kn(%x: memref<1024x1024xf32>, %w: memref<1024x1024xf32>, %y: memref<1024x1024xf32>) axes(%m = 1024, %n = 1024, %k = 1024) {
  %a = kernel.load %x[%m, %k] : memref<1024x1024xf32>
  %v = kernel.load %w[%k, %n] : memref<1024x1024xf32>
  %s = kernel.contract %a, %v over(%k) : f32, f32 -> f32
  kernel.store %s, %y[%m, %n] : memref<1024x1024xf32>
}

kernel.func @gemv(%v: memref<3072xf32>, %w: memref<9216x3072xf32>, %y: memref<9216xf32>) axes(%n = 9216, %k = 3072) {
  %a = kernel.load %v[%k] : memref<3072xf32>
  %b = kernel.load %w[%n, %k] : memref<9216x3072xf32>
  %s = kernel.contract %a, %b over(%k) : f32, f32 -> f32
  kernel.store %s, %y[%n] : memref<9216xf32>
}

kernel.func @attend(%q: memref<1024x8x64xf32>, %k: memref<1024x8x64xf32>, %v: memref<1024x8x64xf32>, %o: memref<1024x8x64xf32>)
    axes(%h = 8, %m = 1024, %n = 1024, %d = 64, %e = 64) {
  %c = arith.constant 0.125 : f32
  %a = kernel.load %q[%m, %h, %d] : memref<1024x8x64xf32>
  %b = kernel.load %k[%n, %h, %d] : memref<1024x8x64xf32>
  %s = kernel.contract %a, %b over(%d) : f32, f32 -> f32
  %t = arith.mulf %s, %c : f32
  %vv = kernel.load %v[%n, %h, %e] : memref<1024x8x64xf32>
  %r = kernel.softmax %t, %vv over(%n) : f32, f32 -> f32
  kernel.store %r, %o[%m, %h, %e] : memref<1024x8x64xf32>
}
