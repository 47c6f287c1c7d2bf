kernel.func @scale(%x: memref<40x24xbf16>, %g: memref<24xf32>, %y: memref<40x24xbf16>) axes(%m = 40, %n = 24) {
  %a = kernel.load %x[%m, %n] : memref<40x24xbf16>
  %b = arith.extf %a : bf16 to f32
  %c = kernel.load %g[%n] : memref<24xf32>
  %d = arith.mulf %b, %c : f32
  %r = arith.truncf %d : f32 to bf16
  kernel.store %r, %y[%m, %n] : memref<40x24xbf16>
}

// The right half of a buffer of rows of 48.
kernel.func @columns(%x: memref<30x24xf32, strided<[48, 1], offset: 24>>, %y: memref<24xf32>) axes(%m = 30, %n = 24) {
  %a = kernel.load %x[%m, %n] : memref<30x24xf32, strided<[48, 1], offset: 24>>
  %s = kernel.reduce add %a over(%m) : f32 -> f32
  kernel.store %s, %y[%n] : memref<24xf32>
}

// Every other element is stored, and indices are loaded.
kernel.func @scatter(%i: memref<32xi64>, %t: memref<4x8xf32>, %y: memref<64x8xf32>) axes(%m = 32, %n = 8) {
  %j = kernel.load %i[%m] : memref<32xi64>
  %a = kernel.gather %t[0, %n] dim 0 at %j : memref<4x8xf32>, i64 else 0.0
  kernel.store %a, %y[%m * 2, %n] : memref<64x8xf32>
}
