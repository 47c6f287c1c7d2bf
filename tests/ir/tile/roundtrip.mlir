// RUN: tgc-opt %s | tgc-opt | FileCheck %s

// CHECK-LABEL: tile.func @gemm
tile.func @gemm(%x: memref<4096x320xbf16>, %w: memref<10x320x32xf32>, %y: memref<4096x320xf32>) block %block of 32 threads(1) {
  // CHECK: tile.walk (%n, %m) in (1, 32) raster(1, 4) at %block {
  tile.walk (%n, %m) in (1, 32) raster(1, 4) at %block {
    %c0 = arith.constant 0 : index
    %m0 = affine.apply affine_map<(d0) -> (d0 * 128)>(%m)
    // CHECK: %[[A:.*]] = tile.scratch : memref<128x320xf32, #tile.layout<[8:1, 16:2560], [320:8]>>
    %a = tile.scratch : memref<128x320xf32, #tile.layout<[8:1, 16:2560], [320:8]>>
    %acc = tile.scratch : memref<128x320xf32>
    // CHECK: tile.copy pack (%i, %k) to (128, 320) lanes(16) -> %[[A]][%i, %k] : memref<128x320xf32, #tile.layout
    tile.copy pack (%i, %k) to (128, 320) lanes(16) -> %a[%i, %k] : memref<128x320xf32, #tile.layout<[8:1, 16:2560], [320:8]>> {
      %r = arith.addi %m0, %i : index
      %v = vector.load %x[%r, %k] : memref<4096x320xbf16>, vector<16xbf16>
      %f = arith.extf %v : vector<16xbf16> to vector<16xf32>
      tile.yield %f : vector<16xf32>
    }
    // CHECK: tile.view %w[%{{.*}}, %{{.*}}, %{{.*}}] : memref<10x320x32xf32> to memref<320x320xf32, #tile.layout<[320:32], [32:1, 10:10240]>>
    %b = tile.view %w[%c0, %c0, %c0] : memref<10x320x32xf32> to memref<320x320xf32, #tile.layout<[320:32], [32:1, 10:10240]>>
    // CHECK: tile.dot fma<8x32> %[[A]], %{{.*}} -> %{{.*}} from_zero : memref
    tile.dot fma<8x32> %a, %b -> %acc from_zero : memref<128x320xf32, #tile.layout<[8:1, 16:2560], [320:8]>>, memref<320x320xf32, #tile.layout<[320:32], [32:1, 10:10240]>>, memref<128x320xf32>
    %rows = arith.constant 128 : index
    // CHECK: tile.map (%{{.*}}, %{{.*}}) to (%{{.*}}, 320) lanes(16) {
    tile.map (%i, %j) to (%rows, 320) lanes(16) {
      %v = vector.load %acc[%i, %j] : memref<128x320xf32>, vector<16xf32>
      %r = arith.addi %m0, %i : index
      vector.store %v, %y[%r, %j] : memref<4096x320xf32>, vector<16xf32>
      tile.yield
    // CHECK: } tail {
    } tail {
      tile.yield
    }
  }
}
