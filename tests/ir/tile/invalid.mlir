// RUN: tgc-opt %s --split-input-file --verify-diagnostics

tile.func @layout(%x: memref<8x8xf32>) block %b of 1 threads(1) {
  // expected-error @below {{layout holds 4 of 8 elements of coordinate 1}}
  %a = tile.scratch : memref<8x8xf32, #tile.layout<[8:8], [4:1]>>
}

// -----

tile.func @coordinates(%x: memref<8x8xf32>) block %b of 1 threads(1) {
  // expected-error @below {{layout has 1 coordinates, its memref 2}}
  %a = tile.scratch : memref<8x8xf32, #tile.layout<[8:8]>>
}

// -----

tile.func @walk(%x: memref<8x8xf32>) block %b of 4 threads(1) {
  // expected-error @below {{raster takes a coordinate that is not the first, and a positive number of tiles}}
  tile.walk (%m, %n) in (2, 2) raster(0, 1) at %b {
  }
}

// -----

tile.func @counts(%x: memref<8x8xf32>) block %b of 4 threads(1) {
  // expected-error @below {{counts must be positive}}
  tile.walk (%m, %n) in (2, 0) at %b {
  }
}

// -----

tile.func @view(%x: memref<8x8xf32>) block %b of 1 threads(1) {
  // expected-error @below {{has 1 indices, its source has rank 2}}
  %a = tile.view %x[%b] : memref<8x8xf32> to memref<4x4xf32, strided<[8, 1], offset: ?>>
}

// -----

tile.func @element(%x: memref<8x8xf32>) block %b of 1 threads(1) {
  // expected-error @below {{source and tile have different elements}}
  %a = tile.view %x[%b, %b] : memref<8x8xf32> to memref<4x4xf16, strided<[8, 1], offset: ?>>
}

// -----

tile.func @tail(%x: memref<8x20xf32>) block %b of 1 threads(1) {
  // expected-error @below {{needs a tail where lanes do not divide the last bound}}
  tile.map (%m, %n) to (8, 20) lanes(16) {
    tile.yield
  }
}

// -----

tile.func @yielded(%x: memref<8x16xf32>) block %b of 1 threads(1) {
  %a = tile.scratch : memref<8x16xf32>
  // expected-error @below {{yields 'f32', not what its tile takes}}
  tile.copy pack (%m, %n) to (8, 16) lanes(16) -> %a[%m, %n] : memref<8x16xf32> {
    %v = memref.load %x[%m, %n] : memref<8x16xf32>
    tile.yield %v : f32
  }
}

// -----

tile.func @end(%x: memref<8x16xf32>) block %b of 1 threads(1) {
  // expected-error @below {{regions end with tile.yield}}
  tile.map (%m, %n) to (8, 16) {
  }
}

// -----

tile.func @place(%x: memref<8x16xf32>, %i: memref<1xf32>) block %b of 1 threads(1) {
  %a = tile.scratch : memref<8x16xf32>
  // expected-error @below {{a place in the tile names the copy's coordinates only}}
  tile.copy pack (%m, %n) to (8, 16) -> %a[%m, %b] : memref<8x16xf32> {
    %v = memref.load %x[%m, %n] : memref<8x16xf32>
    tile.yield %v : f32
  }
}

// -----

tile.func @depth(%x: memref<8x16xf32>, %w: memref<8x32xf32>) block %b of 1 threads(1) {
  %s = tile.scratch : memref<8x32xf32>
  // expected-error @below {{left has depth 16, right 8}}
  tile.dot fma<8x32> %x, %w -> %s : memref<8x16xf32>, memref<8x32xf32>, memref<8x32xf32>
}

// -----

tile.func @columns(%x: memref<8x16xf32>, %w: memref<16x24xf32>) block %b of 1 threads(1) {
  %s = tile.scratch : memref<8x24xf32>
  // expected-error @below {{columns must be padded to the atom's}}
  tile.dot fma<8x32> %x, %w -> %s : memref<8x16xf32>, memref<16x24xf32>, memref<8x24xf32>
}

// -----

tile.func @roles(%x: memref<8x8xf32>) block %b of 1 threads(256) {
  // expected-error @below {{consumers get their number}}
  tile.roles producer threads 128 registers 40 {
  ^bb0:
  } consumers 1 threads 128 registers 232 {
  ^bb0:
  }
}

// -----

tile.func @box(%x: memref<8x8xbf16>) block %b of 1 threads(1) {
  // expected-error @below {{the last dimension is contiguous}}
  %bx = tile.box %x offset 0 sizes [8, 8] strides [1, 8] box [8, 8] swizzle 128 : memref<8x8xbf16>
}

// -----

tile.func @dot(%x: memref<8x8xbf16>) block %b of 1 threads(1) {
  %ring = tile.ring stages 2 freed_by 1 : !tile.ring<!tile.shared<64x128xbf16, 128>, !tile.shared<64x64xbf16, 128>>
  %a = tile.ring.part %ring[%b] 0 at [%b, %b] : !tile.ring<!tile.shared<64x128xbf16, 128>, !tile.shared<64x64xbf16, 128>> -> !tile.shared<64x128xbf16, 128>
  %c = tile.ring.part %ring[%b] 1 at [%b, %b] : !tile.ring<!tile.shared<64x128xbf16, 128>, !tile.shared<64x64xbf16, 128>> -> !tile.shared<64x64xbf16, 128>
  // expected-error @below {{left has depth 128, right 64}}
  %s = tile.dot.async %a, %c : !tile.shared<64x128xbf16, 128>, !tile.shared<64x64xbf16, 128> -> !tile.fragment<64x64xf32, sums>
}

// -----

tile.func @part(%x: memref<8x8xbf16>) block %b of 1 threads(1) {
  %ring = tile.ring stages 2 freed_by 1 : !tile.ring<!tile.shared<64x64xbf16, 128>>
  // expected-error @below {{the ring has 1 parts}}
  %a = tile.ring.part %ring[%b] 1 at [%b, %b] : !tile.ring<!tile.shared<64x64xbf16, 128>> -> !tile.shared<64x64xbf16, 128>
}
