// Convolutions that minimal filtering takes apart.

kernel.func @plain(%x: memref<2x8x12x5xf32>, %w: memref<7x5x3x3xbf16> {free}, %bias: memref<7xbf16> {free}, %res: memref<2x7x8x12xf32>, %y: memref<2x8x12x7xf32>)
    axes(%b = 2, %r = 3, %h = 8, %s = 3, %v = 12, %c = 5, %o = 7) {
  %0 = kernel.load %x[%b, %r + %h - 1, %s + %v - 1, %c] : memref<2x8x12x5xf32> else 0.000000e+00
  %1 = kernel.load %w[%o, %c, %r, %s] : memref<7x5x3x3xbf16>
  %2 = arith.extf %1 : bf16 to f32
  %3 = kernel.contract %0, %2 over(%r, %s, %c) : f32, f32 -> f32
  %4 = kernel.load %bias[%o] : memref<7xbf16>
  %5 = arith.extf %4 : bf16 to f32
  %6 = arith.addf %3, %5 : f32
  %7 = kernel.load %res[%b, %o, %h, %v] : memref<2x7x8x12xf32>
  %8 = arith.addf %6, %7 : f32
  kernel.store %8, %y[%b, %h, %v, %o] : memref<2x8x12x7xf32>
}

// No padding, channels first on both sides, the weights on the left.
kernel.func @valid(%w: memref<6x4x3x3xf32> {free}, %x: memref<4x6x10xf32>, %y: memref<6x4x8xf32>)
    axes(%o = 6, %c = 4, %r = 3, %s = 3, %h = 4, %v = 8) {
  %0 = kernel.load %w[%o, %c, %r, %s] : memref<6x4x3x3xf32>
  %1 = kernel.load %x[%c, %h + %r, %v + %s] : memref<4x6x10xf32>
  %2 = kernel.contract %0, %1 over(%c, %r, %s) : f32, f32 -> f32
  kernel.store %2, %y[%o, %h, %v] : memref<6x4x8xf32>
}

// An image resized by two on the way: places are of two axes.
kernel.func @resized(%x: memref<6x8x4xf32>, %w: memref<5x4x3x3xf32> {free}, %y: memref<12x16x5xf32>)
    axes(%r = 3, %p = 2, %h = 6, %s = 3, %q = 2, %v = 8, %c = 4, %o = 5) {
  %0 = kernel.load %x[(%r + %p + 1) floordiv 2 + %h - 1, (%s + %q + 1) floordiv 2 + %v - 1, %c] : memref<6x8x4xf32> else 0.000000e+00
  %1 = kernel.load %w[%o, %c, %r, %s] : memref<5x4x3x3xf32>
  %2 = kernel.contract %0, %1 over(%r, %s, %c) : f32, f32 -> f32
  kernel.store %2, %y[%p + %h * 2, %q + %v * 2, %o] : memref<12x16x5xf32>
}

// Groups: the weights have an axis of the batch.
kernel.func @grouped(%x: memref<4x8x6xf32>, %w: memref<2x3x3x3x3xf32> {free}, %y: memref<4x8x6xf32>)
    axes(%h = 4, %v = 8, %g = 2, %o = 3, %c = 3, %r = 3, %s = 3) {
  %0 = kernel.load %x[%h + %r - 1, %v + %s - 1, %g * 3 + %c] : memref<4x8x6xf32> else 0.000000e+00
  %1 = kernel.load %w[%g, %o, %c, %r, %s] : memref<2x3x3x3x3xf32>
  %2 = kernel.contract %0, %1 over(%c, %r, %s) : f32, f32 -> f32
  kernel.store %2, %y[%h, %v, %g * 3 + %o] : memref<4x8x6xf32>
}

// A third window, over frames, stays a sum: the data of a frame is transformed once for each of its taps.
kernel.func @video(%x: memref<3x4x4x2xf32>, %w: memref<3x2x3x3x3xf32> {free}, %y: memref<3x4x4x3xf32>)
    axes(%t = 3, %h = 4, %v = 4, %o = 3, %c = 2, %f = 3, %r = 3, %s = 3) {
  %0 = kernel.load %x[%t + %f - 2, %h + %r - 1, %v + %s - 1, %c] : memref<3x4x4x2xf32> else 0.000000e+00
  %1 = kernel.load %w[%o, %c, %f, %r, %s] : memref<3x2x3x3x3xf32>
  %2 = kernel.contract %0, %1 over(%c, %f, %r, %s) : f32, f32 -> f32
  kernel.store %2, %y[%t, %h, %v, %o] : memref<3x4x4x3xf32>
}

// Stride 2.
kernel.func @strided(%x: memref<8x8x4xf32>, %w: memref<5x4x3x3xf32> {free}, %y: memref<4x4x5xf32>)
    axes(%h = 4, %v = 4, %o = 5, %c = 4, %r = 3, %s = 3) {
  %0 = kernel.load %x[%h * 2 + %r - 1, %v * 2 + %s - 1, %c] : memref<8x8x4xf32> else 0.000000e+00
  %1 = kernel.load %w[%o, %c, %r, %s] : memref<5x4x3x3xf32>
  %2 = kernel.contract %0, %1 over(%c, %r, %s) : f32, f32 -> f32
  kernel.store %2, %y[%h, %v, %o] : memref<4x4x5xf32>
}

// Results are not whole tiles of 4, but of 2.
kernel.func @six(%x: memref<6x6x4xf32>, %w: memref<5x4x3x3xf32> {free}, %y: memref<6x6x5xf32>)
    axes(%h = 6, %v = 6, %o = 5, %c = 4, %r = 3, %s = 3) {
  %0 = kernel.load %x[%h + %r - 1, %v + %s - 1, %c] : memref<6x6x4xf32> else 0.000000e+00
  %1 = kernel.load %w[%o, %c, %r, %s] : memref<5x4x3x3xf32>
  %2 = kernel.contract %0, %1 over(%c, %r, %s) : f32, f32 -> f32
  kernel.store %2, %y[%h, %v, %o] : memref<6x6x5xf32>
}

// Padded with ones.
kernel.func @ones(%x: memref<4x4x4xf32>, %w: memref<5x4x3x3xf32> {free}, %y: memref<4x4x5xf32>)
    axes(%h = 4, %v = 4, %o = 5, %c = 4, %r = 3, %s = 3) {
  %0 = kernel.load %x[%h + %r - 1, %v + %s - 1, %c] : memref<4x4x4xf32> else 1.000000e+00
  %1 = kernel.load %w[%o, %c, %r, %s] : memref<5x4x3x3xf32>
  %2 = kernel.contract %0, %1 over(%c, %r, %s) : f32, f32 -> f32
  kernel.store %2, %y[%h, %v, %o] : memref<4x4x5xf32>
}

// Taps that a run computes.
kernel.func @computed(%x: memref<4x4x4xf32>, %w: memref<5x4x3x3xf32>, %y: memref<4x4x5xf32>)
    axes(%h = 4, %v = 4, %o = 5, %c = 4, %r = 3, %s = 3) {
  %0 = kernel.load %x[%h + %r - 1, %v + %s - 1, %c] : memref<4x4x4xf32> else 0.000000e+00
  %1 = kernel.load %w[%o, %c, %r, %s] : memref<5x4x3x3xf32>
  %2 = kernel.contract %0, %1 over(%c, %r, %s) : f32, f32 -> f32
  kernel.store %2, %y[%h, %v, %o] : memref<4x4x5xf32>
}

// bf16 products.
kernel.func @narrow(%x: memref<4x4x4xbf16>, %w: memref<5x4x3x3xbf16> {free}, %y: memref<4x4x5xf32>)
    axes(%h = 4, %v = 4, %o = 5, %c = 4, %r = 3, %s = 3) {
  %0 = kernel.load %x[%h + %r - 1, %v + %s - 1, %c] : memref<4x4x4xbf16> else 0.000000e+00
  %1 = kernel.load %w[%o, %c, %r, %s] : memref<5x4x3x3xbf16>
  %2 = kernel.contract %0, %1 over(%c, %r, %s) : bf16, bf16 -> f32
  kernel.store %2, %y[%h, %v, %o] : memref<4x4x5xf32>
}
