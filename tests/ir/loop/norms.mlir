// RUN: tgc-loop %s --emit=plan --target=h200 | FileCheck %s
// RUN: tgc-loop %s --emit=plan --target=avx512 | FileCheck %s --check-prefix=CPU

// What a GPU makes of GroupNorms, channels last. A large image is taken apart so that every multiprocessor has blocks of
// columns side by side, with the threads beyond a line of memory along the rows; few enough parts that their join is one
// launch, in which a group is summed once for all its columns. Of a small one a block reads a group in the time of another launch.

// CHECK: large: split(p,512) join(launch)
// CHECK: large_part: upcast(p1,8) local(p1,16) group(r0,32) unroll(r0,4)
// CHECK: launch: 512 blocks of 512 threads
// CHECK: large_join: unroll{{.*}} upcast(p1,4)
// CHECK: launch: 32 blocks of 64 threads
// CHECK: large_map: upcast
kernel.func @large(%in: memref<262144x128xbf16>, %out: memref<262144x128xbf16>) axes(%p = 262144, %g = 32, %i = 4) {
  %x = kernel.load %in[%p, %g * 4 + %i] : memref<262144x128xbf16>
  %w = arith.extf %x : bf16 to f32
  %mu, %var = kernel.moments %w over(%p, %i) : f32 -> f32, f32
  %d = arith.subf %w, %mu : f32
  %r = math.rsqrt %var : f32
  %n = arith.mulf %d, %r : f32
  %o = arith.truncf %n : f32 to bf16
  kernel.store %o, %out[%p, %g * 4 + %i] : memref<262144x128xbf16>
}

// CHECK: small: upcast
// CHECK: launch: 64 blocks
// CHECK-NOT: small_
kernel.func @small(%in: memref<2x512x640xbf16>, %out: memref<2x512x640xbf16>)
    axes(%b = 2, %p = 512, %g = 32, %i = 20) {
  %x = kernel.load %in[%b, %p, %g * 20 + %i] : memref<2x512x640xbf16>
  %w = arith.extf %x : bf16 to f32
  %mu, %var = kernel.moments %w over(%p, %i) : f32 -> f32, f32
  %d = arith.subf %w, %mu : f32
  %r = math.rsqrt %var : f32
  %n = arith.mulf %d, %r : f32
  %o = arith.truncf %n : f32 to bf16
  kernel.store %o, %out[%b, %p, %g * 20 + %i] : memref<2x512x640xbf16>
}

// A processor's threads need few parts, but what one of them adds up one by one stays short enough for f32.
// CPU: long: split(p,64) join(launch)
kernel.func @long(%in: memref<1048576x64xf32>, %out: memref<1048576x64xf32>) axes(%p = 1048576, %g = 32, %i = 2) {
  %x = kernel.load %in[%p, %g * 2 + %i] : memref<1048576x64xf32>
  %mu, %var = kernel.moments %x over(%p, %i) : f32 -> f32, f32
  %d = arith.subf %x, %mu : f32
  %r = math.rsqrt %var : f32
  %n = arith.mulf %d, %r : f32
  kernel.store %n, %out[%p, %g * 2 + %i] : memref<1048576x64xf32>
}
