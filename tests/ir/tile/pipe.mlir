// RUN: tgc-opt %s | tgc-opt | FileCheck %s

// CHECK-LABEL: tile.func @ring
tile.func @ring(%x: memref<256x128xbf16>) block %block of 2 threads(256) {
  // CHECK: tile.box %x offset 64 sizes [256, 128] strides [128, 1] box [64, 64] swizzle 128
  %bx = tile.box %x offset 64 sizes [256, 128] strides [128, 1] box [64, 64] swizzle 128 : memref<256x128xbf16>
  // CHECK: tile.ring stages 3 freed_by 1 subgroups
  %ring = tile.ring stages 3 freed_by 1 subgroups : !tile.ring<!tile.shared<64x64xbf16, 128>>
  tile.roles producer threads 128 registers 40 {
    tile.ring.acquire %ring[%block] : !tile.ring<!tile.shared<64x64xbf16, 128>>
    tile.fetch %bx[%block, %block] -> %ring[%block] 0 offset 0 : !tile.ring<!tile.shared<64x64xbf16, 128>>
  } consumers 1 threads 128 registers 232 {
  ^bb0(%c: index):
    // CHECK: tile.ring.part
    %a = tile.ring.part %ring[%block] 0 at [%c, %c] : !tile.ring<!tile.shared<64x64xbf16, 128>> -> !tile.shared<64x64xbf16, 128>
    %s = tile.dot.async %a, %a : !tile.shared<64x64xbf16, 128>, !tile.shared<64x64xbf16, 128> -> !tile.fragment<64x64xf32, sums>
    // CHECK: tile.dot.async %{{.*}}, %{{.*}} transposed into
    %t = tile.dot.async %a, %a transposed into %s : !tile.fragment<64x64xf32, sums>, operands : !tile.shared<64x64xbf16, 128>, !tile.shared<64x64xbf16, 128> -> !tile.fragment<64x64xf32, sums>
    // CHECK: tile.dot.wait pending 0
    %r = tile.dot.wait pending 0 %t : !tile.fragment<64x64xf32, sums> -> !tile.fragment<64x64xf32, sums>
    // CHECK: tile.each [64, 64] from [0, 0] lanes 2
    %e = tile.each [64, 64] from [0, 0] lanes 2 layout "sums" {
    ^bb0(%row: index, %column: index):
      %v = tile.element %r[%row, %column] : !tile.fragment<64x64xf32, sums> -> vector<2xf32>
      tile.yield %v : vector<2xf32>
    } -> !tile.fragment<64x64xf32, sums>
  }
}
