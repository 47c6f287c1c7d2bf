// RUN: tgc-schedule-fuzz %s --count 3 --seed 3

// One small kernel for each thing that kernels can do; extents are odd where that matters. They are run under
// random schedules against the reference evaluator.

kernel.func @add(%a: memref<1003xf32>, %b: memref<1003xf32>, %y: memref<1003xf32>) axes(%i = 1003) {
  %u = kernel.load %a[%i] : memref<1003xf32>
  %v = kernel.load %b[%i] : memref<1003xf32>
  %s = arith.addf %u, %v : f32
  kernel.store %s, %y[%i] : memref<1003xf32>
}

kernel.func @silu_bias(%x: memref<3x10x48xbf16>, %b: memref<48xbf16>, %y: memref<3x10x48xbf16>)
    axes(%m = 3, %n = 10, %c = 48) {
  %one = arith.constant 1.0 : f32
  %x0 = kernel.load %x[%m, %n, %c] : memref<3x10x48xbf16>
  %b0 = kernel.load %b[%c] : memref<48xbf16>
  %x1 = arith.extf %x0 : bf16 to f32
  %b1 = arith.extf %b0 : bf16 to f32
  %t = arith.addf %x1, %b1 : f32
  %n0 = arith.negf %t : f32
  %e = math.exp %n0 : f32
  %d = arith.addf %e, %one : f32
  %s = arith.divf %t, %d : f32
  %r = arith.truncf %s : f32 to bf16
  kernel.store %r, %y[%m, %n, %c] : memref<3x10x48xbf16>
}

kernel.func @layer_norm(%h: memref<7x52xf32>, %g: memref<52xf32>, %mod: memref<104xf32>, %y: memref<7x52xf32>)
    axes(%m = 7, %c = 52) {
  %eps = arith.constant 1.0e-6 : f32
  %one = arith.constant 1.0 : f32
  %x = kernel.load %h[%m, %c] : memref<7x52xf32>
  %mu, %var = kernel.moments %x over(%c) : f32 -> f32, f32
  %d = arith.subf %x, %mu : f32
  %ve = arith.addf %var, %eps : f32
  %r = math.rsqrt %ve : f32
  %n = arith.mulf %d, %r : f32
  %gg = kernel.load %g[%c] : memref<52xf32>
  %n1 = arith.mulf %n, %gg : f32
  %sc = kernel.load %mod[%c + 52] : memref<104xf32>
  %sh = kernel.load %mod[%c] : memref<104xf32>
  %s1 = arith.addf %sc, %one : f32
  %n2 = arith.mulf %n1, %s1 : f32
  %o = arith.addf %n2, %sh : f32
  kernel.store %o, %y[%m, %c] : memref<7x52xf32>
}

kernel.func @softmax_row(%x: memref<5x77xf32>, %y: memref<5x77xf32>) axes(%m = 5, %n = 77) {
  %t = kernel.load %x[%m, %n] : memref<5x77xf32>
  %mx = kernel.reduce max %t over(%n) : f32 -> f32
  %d = arith.subf %t, %mx : f32
  %e = math.exp %d : f32
  %s = kernel.reduce add %e over(%n) : f32 -> f32
  %r = arith.divf %e, %s : f32
  kernel.store %r, %y[%m, %n] : memref<5x77xf32>
}

kernel.func @group_norm_nhwc(%in: memref<2x12x20xf32>, %gm: memref<20xf32>, %out: memref<2x12x20xf32>)
    axes(%b = 2, %p = 12, %g = 4, %i = 5) {
  %eps = arith.constant 1.0e-5 : f32
  %one = arith.constant 1.0 : f32
  %x = kernel.load %in[%b, %p, %g * 5 + %i] : memref<2x12x20xf32>
  %mu, %var = kernel.moments %x over(%p, %i) : f32 -> f32, f32
  %d = arith.subf %x, %mu : f32
  %ve = arith.addf %var, %eps : f32
  %r = math.rsqrt %ve : f32
  %n = arith.mulf %d, %r : f32
  %gg = kernel.load %gm[%g * 5 + %i] : memref<20xf32>
  %t = arith.mulf %n, %gg : f32
  %n0 = arith.negf %t : f32
  %e = math.exp %n0 : f32
  %q = arith.addf %e, %one : f32
  %s = arith.divf %t, %q : f32
  kernel.store %s, %out[%b, %p, %g * 5 + %i] : memref<2x12x20xf32>
}

kernel.func @group_norm_nchw(%in: memref<2x12x30xf32>, %gm: memref<12xf32>, %out: memref<2x12x30xf32>)
    axes(%b = 2, %g = 3, %i = 4, %p = 30) {
  %eps = arith.constant 1.0e-5 : f32
  %x = kernel.load %in[%b, %g * 4 + %i, %p] : memref<2x12x30xf32>
  %mu, %var = kernel.moments %x over(%i, %p) : f32 -> f32, f32
  %d = arith.subf %x, %mu : f32
  %ve = arith.addf %var, %eps : f32
  %r = math.rsqrt %ve : f32
  %n = arith.mulf %d, %r : f32
  %gg = kernel.load %gm[%g * 4 + %i] : memref<12xf32>
  %t = arith.mulf %n, %gg : f32
  kernel.store %t, %out[%b, %g * 4 + %i, %p] : memref<2x12x30xf32>
}

kernel.func @transpose(%x: memref<2x20x36xf32>, %y: memref<2x36x20xf32>) axes(%b = 2, %c = 20, %p = 36) {
  %v = kernel.load %x[%b, %c, %p] : memref<2x20x36xf32>
  kernel.store %v, %y[%b, %p, %c] : memref<2x36x20xf32>
}

kernel.func @transpose16(%x: memref<34x50xf16>, %y: memref<50x34xf16>) axes(%m = 34, %n = 50) {
  %v = kernel.load %x[%m, %n] : memref<34x50xf16>
  kernel.store %v, %y[%n, %m] : memref<50x34xf16>
}

kernel.func @concat(%u: memref<6x24xf32>, %k: memref<6x17xf32>, %y: memref<6x41xf32>) axes(%m = 6, %c = 41) {
  %v = kernel.load %u[%m, %c] if (23 - %c >= 0) : memref<6x24xf32>, %k[%m, %c - 24] if (%c - 24 >= 0) : memref<6x17xf32> else 0.0
  kernel.store %v, %y[%m, %c] : memref<6x41xf32>
}

kernel.func @pad(%x: memref<5x19xf32>, %y: memref<8x24xf32>) axes(%m = 8, %c = 24) {
  %v = kernel.load %x[%m - 1, %c - 3] : memref<5x19xf32> else 7.0
  kernel.store %v, %y[%m, %c] : memref<8x24xf32>
}

kernel.func @conv3x3(%in: memref<2x6x7x16xf32>, %w: memref<20x3x3x16xf32> {free}, %bias: memref<20xf32>, %res: memref<2x6x7x20xf32>, %out: memref<2x6x7x20xf32>)
    axes(%b = 2, %y = 6, %x = 7, %o = 20, %r = 3, %s = 3, %c = 16) {
  %a = kernel.load %in[%b, %y + %r - 1, %x + %s - 1, %c] : memref<2x6x7x16xf32> else 0.0
  %v = kernel.load %w[%o, %r, %s, %c] : memref<20x3x3x16xf32>
  %t = kernel.contract %a, %v over(%r, %s, %c) : f32, f32 -> f32
  %bb = kernel.load %bias[%o] : memref<20xf32>
  %rr = kernel.load %res[%b, %y, %x, %o] : memref<2x6x7x20xf32>
  %u = arith.addf %t, %bb : f32
  %z = arith.addf %u, %rr : f32
  kernel.store %z, %out[%b, %y, %x, %o] : memref<2x6x7x20xf32>
}

kernel.func @conv_stride_group(%in: memref<2x8x9x8xf32>, %w: memref<2x6x3x3x4xf32>, %out: memref<2x4x4x12xf32>)
    axes(%b = 2, %y = 4, %x = 4, %g = 2, %o = 6, %r = 3, %s = 3, %c = 4) {
  %a = kernel.load %in[%b, %y * 2 + %r - 1, %x * 2 + %s - 1, %g * 4 + %c] : memref<2x8x9x8xf32> else 0.0
  %v = kernel.load %w[%g, %o, %r, %s, %c] : memref<2x6x3x3x4xf32>
  %t = kernel.contract %a, %v over(%r, %s, %c) : f32, f32 -> f32
  kernel.store %t, %out[%b, %y, %x, %g * 6 + %o] : memref<2x4x4x12xf32>
}

kernel.func @conv_upsample(%in: memref<3x5x8xf32>, %w: memref<9x3x3x8xf32>, %out: memref<6x10x9xf32>)
    axes(%y = 6, %x = 10, %o = 9, %r = 3, %s = 3, %c = 8) {
  %a = kernel.load %in[(%y + %r - 1) floordiv 2, (%x + %s - 1) floordiv 2, %c] : memref<3x5x8xf32> else 0.0
  %v = kernel.load %w[%o, %r, %s, %c] : memref<9x3x3x8xf32>
  %t = kernel.contract %a, %v over(%r, %s, %c) : f32, f32 -> f32
  kernel.store %t, %out[%y, %x, %o] : memref<6x10x9xf32>
}

kernel.func @matmul_gelu(%x: memref<12x40xbf16>, %w: memref<24x40xbf16> {free}, %b: memref<24xbf16>, %y: memref<12x24xbf16>)
    axes(%m = 12, %n = 24, %k = 40) {
  %half = arith.constant 0.5 : f32
  %one = arith.constant 1.0 : f32
  %c0 = arith.constant 0.79788456 : f32
  %c1 = arith.constant 0.044715 : f32
  %a = kernel.load %x[%m, %k] : memref<12x40xbf16>
  %v = kernel.load %w[%n, %k] : memref<24x40xbf16>
  %s = kernel.contract %a, %v over(%k) : bf16, bf16 -> f32
  %b0 = kernel.load %b[%n] : memref<24xbf16>
  %b1 = arith.extf %b0 : bf16 to f32
  %t = arith.addf %s, %b1 : f32
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
  kernel.store %r, %y[%m, %n] : memref<12x24xbf16>
}

kernel.func @matmul_kn(%x: memref<9x33xf32>, %w: memref<33x40xf32>, %y: memref<9x40xf32>) axes(%m = 9, %n = 40, %k = 33) {
  %a = kernel.load %x[%m, %k] : memref<9x33xf32>
  %v = kernel.load %w[%k, %n] : memref<33x40xf32>
  %s = kernel.contract %a, %v over(%k) : f32, f32 -> f32
  kernel.store %s, %y[%m, %n] : memref<9x40xf32>
}

kernel.func @matmul_i8(%x: memref<6x32xi8>, %w: memref<8x32xi8>, %y: memref<6x8xi32>) axes(%m = 6, %n = 8, %k = 32) {
  %a = kernel.load %x[%m, %k] : memref<6x32xi8>
  %v = kernel.load %w[%n, %k] : memref<8x32xi8>
  %s = kernel.contract %a, %v over(%k) : i8, i8 -> i32
  kernel.store %s, %y[%m, %n] : memref<6x8xi32>
}

kernel.func @attend(%q: memref<23x2x8xf32>, %k: memref<29x2x8xf32>, %v: memref<29x2x16xf32>, %o: memref<23x2x16xf32>)
    axes(%h = 2, %m = 23, %n = 29, %d = 8, %e = 16) {
  %c = arith.constant 0.35355338 : f32
  %a = kernel.load %q[%m, %h, %d] : memref<23x2x8xf32>
  %b = kernel.load %k[%n, %h, %d] : memref<29x2x8xf32>
  %s = kernel.contract %a, %b over(%d) : f32, f32 -> f32
  %t = arith.mulf %s, %c : f32
  %vv = kernel.load %v[%n, %h, %e] : memref<29x2x16xf32>
  %r = kernel.softmax %t, %vv over(%n) : f32, f32 -> f32
  kernel.store %r, %o[%m, %h, %e] : memref<23x2x16xf32>
}

kernel.func @attend_causal(%q: memref<24x8xf32>, %k: memref<24x8xf32>, %v: memref<24x8xf32>, %o: memref<24x8xf32>)
    axes(%m = 24, %n = 24, %d = 8, %e = 8) {
  %inf = arith.constant 0xFF800000 : f32
  %a = kernel.load %q[%m, %d] : memref<24x8xf32>
  %b = kernel.load %k[%n, %d] : memref<24x8xf32>
  %s = kernel.contract %a, %b over(%d) : f32, f32 -> f32
  %keep = kernel.test(%m - %n - 1 >= 0) : i1
  %t = arith.select %keep, %s, %inf : f32
  %vv = kernel.load %v[%n, %e] : memref<24x8xf32>
  %r = kernel.softmax %t, %vv over(%n) : f32, f32 -> f32
  kernel.store %r, %o[%m, %e] : memref<24x8xf32>
}

kernel.func @weighted(%t: memref<6x21xf32>, %v: memref<21x10xbf16>, %y: memref<6x10xf32>) axes(%m = 6, %n = 21, %e = 10) {
  %a = kernel.load %t[%m, %n] : memref<6x21xf32>
  %b = kernel.load %v[%n, %e] : memref<21x10xbf16>
  %r = kernel.softmax %a, %b over(%n) : f32, bf16 -> f32
  kernel.store %r, %y[%m, %e] : memref<6x10xf32>
}

kernel.func @rope(%x: memref<5x3x16x2xf32>, %cos: memref<5x16xf32>, %sin: memref<5x16xf32>, %y: memref<5x3x16x2xf32>)
    axes(%m = 5, %h = 3, %i = 16, %r = 2) {
  %eps = arith.constant 1.0e-6 : f32
  %rn = arith.constant 0.010416667 : f32
  %v = kernel.load %x[%m, %h, %i, %r] : memref<5x3x16x2xf32>
  %v2 = arith.mulf %v, %v : f32
  %ss = kernel.reduce add %v2 over(%h, %i, %r) : f32 -> f32
  %ms = arith.mulf %ss, %rn : f32
  %me = arith.addf %ms, %eps : f32
  %rs = math.rsqrt %me : f32
  %u = arith.mulf %v, %rs : f32
  %o = kernel.remap %u[%r -> 1 - %r] : f32
  %c = kernel.load %cos[%m, %i] : memref<5x16xf32>
  %s = kernel.load %sin[%m, %i] : memref<5x16xf32>
  %uc = arith.mulf %u, %c : f32
  %no = arith.negf %o : f32
  %even = kernel.test(%r == 0) : i1
  %so = arith.select %even, %no, %o : f32
  %os = arith.mulf %so, %s : f32
  %z = arith.addf %uc, %os : f32
  kernel.store %z, %y[%m, %h, %i, %r] : memref<5x3x16x2xf32>
}

kernel.func @projections(%x: memref<5x12xf32>, %w: memref<4x2x4x2x12xf32>, %b: memref<4x2x4x2xf32>, %gm: memref<2x4x2xf32>,
                         %q: memref<5x2x4x2xf32>, %k: memref<5x2x4x2xf32>, %v: memref<5x2x4x2xf32>, %hh: memref<5x32xf32, strided<[32, 1]>>)
    axes(%m = 5, %p = 4, %h = 2, %i = 4, %r = 2, %kk = 12) {
  %eps = arith.constant 1.0e-6 : f32
  %eight = arith.constant 0.125 : f32
  %a = kernel.load %x[%m, %kk] : memref<5x12xf32>
  %ww = kernel.load %w[%p, %h, %i, %r, %kk] : memref<4x2x4x2x12xf32>
  %t0 = kernel.contract %a, %ww over(%kk) : f32, f32 -> f32
  %bb = kernel.load %b[%p, %h, %i, %r] : memref<4x2x4x2xf32>
  %t = arith.addf %t0, %bb : f32
  %t2 = arith.mulf %t, %t : f32
  %ss = kernel.reduce add %t2 over(%i, %r) : f32 -> f32
  %ms = arith.mulf %ss, %eight : f32
  %me = arith.addf %ms, %eps : f32
  %rs = math.rsqrt %me : f32
  %u0 = arith.mulf %t, %rs : f32
  %g = kernel.load %gm[%p, %i, %r] if (1 - %p >= 0) : memref<2x4x2xf32> else 1.0
  %u = arith.mulf %u0, %g : f32
  %o = kernel.remap %u[%r -> 1 - %r] : f32
  %z = arith.addf %u, %o : f32
  kernel.store %z, %q[%m, %h, %i, %r] if (%p == 0) : memref<5x2x4x2xf32>
  kernel.store %z, %k[%m, %h, %i, %r] if (%p - 1 == 0) : memref<5x2x4x2xf32>
  kernel.store %t, %v[%m, %h, %i, %r] if (%p - 2 == 0) : memref<5x2x4x2xf32>
  kernel.store %t0, %hh[%m, (%p - 3) * 16 + %h * 8 + %i * 2 + %r + 16] if (%p - 3 >= 0) : memref<5x32xf32, strided<[32, 1]>>
}

kernel.func @geglu(%x: memref<6x10xf32>, %w: memref<2x9x10xf32>, %y: memref<6x9xf32>) axes(%m = 6, %u = 2, %j = 9, %k = 10) {
  %a = kernel.load %x[%m, %k] : memref<6x10xf32>
  %ww = kernel.load %w[%u, %j, %k] : memref<2x9x10xf32>
  %t = kernel.contract %a, %ww over(%k) : f32, f32 -> f32
  %p = kernel.remap %t[%u -> 0] : f32
  %q = kernel.remap %t[%u -> 1] : f32
  %e = math.erf %q : f32
  %z = arith.mulf %p, %e : f32
  kernel.store %z, %y[%m, %j] : memref<6x9xf32>
}

kernel.func @argmax(%x: memref<6x37xf32>, %y: memref<6xi64>, %z: memref<6xi64>) axes(%m = 6, %n = 37) {
  %v = kernel.load %x[%m, %n] : memref<6x37xf32>
  %i = kernel.reduce argmax %v over(%n) : f32 -> i64
  %j = kernel.reduce argmin %v over(%n) : f32 -> i64
  kernel.store %i, %y[%m] : memref<6xi64>
  kernel.store %j, %z[%m] : memref<6xi64>
}

kernel.func @argmax_i32(%x: memref<37x8xi32>, %y: memref<8xi64>) axes(%m = 37, %n = 8) {
  %v = kernel.load %x[%m, %n] : memref<37x8xi32>
  %i = kernel.reduce argmax %v over(%m) : i32 -> i64
  kernel.store %i, %y[%n] : memref<8xi64>
}

kernel.func @embed(%table: memref<6x24xf32>, %ids: memref<10xi64>, %y: memref<10x24xf32>) axes(%m = 10, %c = 24) {
  %i = kernel.load %ids[%m] : memref<10xi64>
  %v = kernel.gather %table[0, %c] dim 0 at %i : memref<6x24xf32>, i64 else -1.0
  kernel.store %v, %y[%m, %c] : memref<10x24xf32>
}

kernel.func @lookup(%table: memref<5x6xf32>, %ids: memref<5x20xi32>, %y: memref<5x20xf32>) axes(%m = 5, %n = 20) {
  %i = kernel.load %ids[%m, %n] : memref<5x20xi32>
  %v = kernel.gather %table[%m, 0] dim 1 at %i : memref<5x6xf32>, i32 else 0.0
  kernel.store %v, %y[%m, %n] : memref<5x20xf32>
}

kernel.func @timestep(%time: memref<1xbf16>, %freq: memref<16xf32>, %y: memref<32xf32>) axes(%q = 2, %f = 16) {
  %k = arith.constant 1.5 : f32
  %t0 = kernel.load %time[0] : memref<1xbf16>
  %t1 = arith.extf %t0 : bf16 to f32
  %t2 = arith.mulf %t1, %k : f32
  %fr = kernel.load %freq[%f] : memref<16xf32>
  %a = arith.mulf %t2, %fr : f32
  %c = math.cos %a : f32
  %s = math.sin %a : f32
  %z = kernel.test(%q == 0) : i1
  %v = arith.select %z, %c, %s : f32
  kernel.store %v, %y[%q * 16 + %f] : memref<32xf32>
}

kernel.func @integers(%a: memref<9x20xi32>, %b: memref<20xi64>, %y: memref<9x20xi64>, %z: memref<9x20xi1>) axes(%m = 9, %n = 20) {
  %three = arith.constant 3 : i64
  %a0 = kernel.load %a[%m, %n] : memref<9x20xi32>
  %b0 = kernel.load %b[%n] : memref<20xi64>
  %a1 = arith.extsi %a0 : i32 to i64
  %p = arith.muli %a1, %b0 : i64
  %c = kernel.coord(%m * 2 + %n) : i64
  %q = arith.addi %p, %c : i64
  %lt = arith.cmpi slt, %a1, %three : i64
  kernel.store %q, %y[%m, %n] : memref<9x20xi64>
  kernel.store %lt, %z[%m, %n] : memref<9x20xi1>
}

kernel.func @where(%c: memref<7x18xi1>, %x: memref<7x18xf32>, %y: memref<7x18xf32>, %any: memref<7xi1>) axes(%m = 7, %n = 18) {
  %zero = arith.constant 0.0 : f32
  %c0 = kernel.load %c[%m, %n] : memref<7x18xi1>
  %x0 = kernel.load %x[%m, %n] : memref<7x18xf32>
  %s = arith.select %c0, %x0, %zero : f32
  kernel.store %s, %y[%m, %n] : memref<7x18xf32>
  %r = kernel.reduce max %c0 over(%n) : i1 -> i1
  kernel.store %r, %any[%m] : memref<7xi1>
}

kernel.func @reductions(%x: memref<6x45xf32>, %a: memref<6xf32>, %b: memref<6xf32>, %c: memref<6xf32>, %d: memref<6xf32>)
    axes(%m = 6, %n = 45) {
  %v = kernel.load %x[%m, %n] : memref<6x45xf32>
  %mx = kernel.reduce max %v over(%n) : f32 -> f32
  %mn = kernel.reduce min %v over(%n) : f32 -> f32
  %pr = kernel.reduce mul %v over(%n) : f32 -> f32
  %sm = kernel.reduce add %v over(%n) : f32 -> f32
  kernel.store %mx, %a[%m] : memref<6xf32>
  kernel.store %mn, %b[%m] : memref<6xf32>
  kernel.store %pr, %c[%m] : memref<6xf32>
  kernel.store %sm, %d[%m] : memref<6xf32>
}

kernel.func @nested(%x: memref<4x9x14xf32>, %y: memref<4xf32>, %z: memref<4x9xf32>) axes(%m = 4, %i = 9, %j = 14) {
  %v = kernel.load %x[%m, %i, %j] : memref<4x9x14xf32>
  %mx = kernel.reduce max %v over(%j) : f32 -> f32
  %s = kernel.reduce add %mx over(%i) : f32 -> f32
  %d = arith.subf %mx, %s : f32
  kernel.store %s, %y[%m] : memref<4xf32>
  kernel.store %d, %z[%m, %i] : memref<4x9xf32>
}

kernel.func @column_sum(%x: memref<33x40xbf16>, %y: memref<40xf32>) axes(%m = 33, %n = 40) {
  %v = kernel.load %x[%m, %n] : memref<33x40xbf16>
  %s = kernel.reduce add %v over(%m) : bf16 -> f32
  kernel.store %s, %y[%n] : memref<40xf32>
}

kernel.func @strided(%x: memref<6x10xf32, strided<[40, 2], offset: 5>>, %y: memref<6x10xf32, strided<[25, 1], offset: 7>>)
    axes(%m = 6, %n = 10) {
  %v = kernel.load %x[5 - %m, %n] : memref<6x10xf32, strided<[40, 2], offset: 5>>
  %s = math.absf %v : f32
  kernel.store %s, %y[%m, 9 - %n] : memref<6x10xf32, strided<[25, 1], offset: 7>>
}

kernel.func @double(%x: memref<5x22xf64>, %y: memref<5x22xf64>, %z: memref<5xf64>) axes(%m = 5, %n = 22) {
  %v = kernel.load %x[%m, %n] : memref<5x22xf64>
  %mu, %var = kernel.moments %v over(%n) : f64 -> f64, f64
  %d = arith.subf %v, %mu : f64
  kernel.store %d, %y[%m, %n] : memref<5x22xf64>
  kernel.store %var, %z[%m] : memref<5xf64>
}

kernel.func @time_window(%cache: memref<1x6x8xf32>, %new: memref<2x6x8xf32>, %w: memref<8x3x8xf32>, %out: memref<2x6x8xf32>)
    axes(%t = 2, %y = 6, %o = 8, %kt = 3, %c = 8) {
  %a = kernel.load %cache[0, %y, %c] if (%t + %kt - 1 == 0) : memref<1x6x8xf32>, %new[%t + %kt - 2, %y, %c] if (%t + %kt - 2 >= 0) : memref<2x6x8xf32> else 0.0
  %v = kernel.load %w[%o, %kt, %c] : memref<8x3x8xf32>
  %s = kernel.contract %a, %v over(%kt, %c) : f32, f32 -> f32
  %q2 = arith.mulf %s, %s : f32
  %q = kernel.reduce add %q2 over(%o) : f32 -> f32
  %r = math.sqrt %q : f32
  %n = arith.divf %s, %r : f32
  kernel.store %n, %out[%t, %y, %o] : memref<2x6x8xf32>
}

kernel.func @interleave(%x: memref<3x2x20xf32>, %y: memref<6x20xf32>) axes(%t = 3, %u = 2, %c = 20) {
  %v = kernel.load %x[%t, %u, %c] : memref<3x2x20xf32>
  kernel.store %v, %y[%t * 2 + %u, %c] : memref<6x20xf32>
}

kernel.func @interleave_lanes(%a: memref<3x18xf32>, %b: memref<3x18xf32>, %y: memref<3x36xf32>) axes(%m = 3, %c = 36) {
  %v = kernel.load %a[%m, %c floordiv 2] if (%c mod 2 == 0) : memref<3x18xf32>, %b[%m, %c floordiv 2] if (%c mod 2 - 1 == 0) : memref<3x18xf32> else 0.0
  kernel.store %v, %y[%m, %c] : memref<3x36xf32>
}

kernel.func @pixel_shuffle(%x: memref<4x5x24xf32>, %y: memref<8x10x6xf32>) axes(%h = 8, %w = 10, %c = 6) {
  %v = kernel.load %x[%h floordiv 2, %w floordiv 2, %c * 4 + (%h mod 2) * 2 + %w mod 2] : memref<4x5x24xf32>
  kernel.store %v, %y[%h, %w, %c] : memref<8x10x6xf32>
}

kernel.func @max_pool(%x: memref<9x11x8xf32>, %y: memref<5x6x8xf32>) axes(%h = 5, %w = 6, %c = 8, %r = 3, %s = 3) {
  %v = kernel.load %x[%h * 2 + %r - 1, %w * 2 + %s - 1, %c] : memref<9x11x8xf32> else 0xFF800000
  %m = kernel.reduce max %v over(%r, %s) : f32 -> f32
  kernel.store %m, %y[%h, %w, %c] : memref<5x6x8xf32>
}

kernel.func @point(%x: memref<1xf32>, %y: memref<1xf32>) axes() {
  %v = kernel.load %x[0] : memref<1xf32>
  %s = math.sqrt %v : f32
  kernel.store %s, %y[0] : memref<1xf32>
}

kernel.func @broadcast_sum(%x: memref<7xf32>, %y: memref<7x12xf32>) axes(%m = 7, %n = 12) {
  %v = kernel.load %x[%m] : memref<7xf32>
  %s = kernel.reduce add %v over(%m) : f32 -> f32
  %t = arith.addf %v, %s : f32
  kernel.store %t, %y[%m, %n] : memref<7x12xf32>
}

kernel.func @transposed_sum(%a: memref<32x48xf32>, %b: memref<32x48xf32>, %y: memref<48x32xf32>) axes(%m = 32, %n = 48) {
  %v = kernel.load %a[%m, %n] : memref<32x48xf32>
  %w = kernel.load %b[%m, %n] : memref<32x48xf32>
  %s = arith.addf %v, %w : f32
  kernel.store %s, %y[%n, %m] : memref<48x32xf32>
}

kernel.func @joined_weights(%a: memref<32x16xf32>, %b: memref<32x16xf32>, %y: memref<32x32xf32>) axes(%m = 32, %n = 32) {
  %v = kernel.load %a[%m, %n] : memref<32x16xf32>, %b[%m, %n - 16] : memref<32x16xf32> else 0.0
  kernel.store %v, %y[%n, %m] : memref<32x32xf32>
}
