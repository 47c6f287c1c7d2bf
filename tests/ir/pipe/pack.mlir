// RUN: tgc-pipe %s --target avx512 --emit pack | FileCheck %s

// Each launch's weight is packed by a prepare launch; launches that share one share the packed buffer. The two
// kernels pack alike, so one kernel packs for both.
// CHECK-LABEL: kernel.program @main
// CHECK:   %[[U:.*]] = kernel.weight "u"
// CHECK:   %[[PU:.*]] = kernel.buffer : memref<2x12x32xf32>
// CHECK:   kernel.launch prepare @pack_up(%[[U]], %[[PU]])
// CHECK:   %[[V:.*]] = kernel.weight "v"
// CHECK:   %[[PV:.*]] = kernel.buffer : memref<2x12x32xf32>
// CHECK:   kernel.launch prepare @pack_up(%[[V]], %[[PV]])
// CHECK:   kernel.launch @up(%{{.*}}, %[[PU]], %{{.*}})
// CHECK:   kernel.launch @up(%{{.*}}, %[[PV]], %{{.*}})
// CHECK:   kernel.launch @up(%{{.*}}, %[[PU]], %{{.*}})
// CHECK:   kernel.launch @halves(%{{.*}}, %{{.*}}, %{{.*}})
kernel.program @main {
  %x = kernel.input "x" : memref<8x12xf32>
  %u = kernel.weight "u" : memref<40x12xbf16>
  %a = kernel.buffer : memref<8x40xf32>
  kernel.launch @up(%x, %u, %a) : memref<8x12xf32>, memref<40x12xbf16>, memref<8x40xf32>
  %v = kernel.weight "v" : memref<40x12xbf16>
  %b = kernel.buffer : memref<8x40xf32>
  kernel.launch @up(%x, %v, %b) : memref<8x12xf32>, memref<40x12xbf16>, memref<8x40xf32>
  %c = kernel.buffer : memref<8x40xf32>
  kernel.launch @up(%x, %u, %c) : memref<8x12xf32>, memref<40x12xbf16>, memref<8x40xf32>
  %w = kernel.weight "w" : memref<2x20x12xbf16>
  %y = kernel.output "y" : memref<8x20xf32>
  kernel.launch @halves(%x, %w, %y) : memref<8x12xf32>, memref<2x20x12xbf16>, memref<8x20xf32>
}

// The conversion is made ahead. Columns 40 to 63 are filled.
// CHECK-LABEL: kernel.func @up(
// CHECK-SAME:  %w: memref<2x12x32xf32> {free}
// CHECK:   %[[W:.*]] = kernel.load %w[%n floordiv 32, %k, %n mod 32] : memref<2x12x32xf32>
// CHECK:   kernel.contract %{{.*}}, %[[W]] over(%k) : f32, f32 -> f32
// CHECK-LABEL: kernel.func @pack_up(
// CHECK-SAME:  axes(%panel = 2, %k = 12, %lane = 32)
// CHECK:   %[[S:.*]] = kernel.load %w[%panel * 32 + %lane, %k] if ({{.*}} >= 0) : memref<40x12xbf16> else 0.0
// CHECK:   %[[E:.*]] = arith.extf %[[S]] : bf16 to f32
// CHECK:   kernel.store %[[E]], %p[%panel, %k, %lane]
kernel.func @up(%x: memref<8x12xf32>, %w: memref<40x12xbf16> {free}, %y: memref<8x40xf32>) axes(%m = 8, %n = 40, %k = 12)
    attributes {schedule = "tc(fma) tile(k,12) tile(m,8) tile(n,40) pack(w,n32k)"} {
  %a = kernel.load %x[%m, %k] : memref<8x12xf32>
  %b = kernel.load %w[%n, %k] : memref<40x12xbf16>
  %c = arith.extf %b : bf16 to f32
  %s = kernel.contract %a, %c over(%k) : f32, f32 -> f32
  kernel.store %s, %y[%m, %n] : memref<8x40xf32>
}

// A block's columns are 10 of each half: they begin a panel, which is half empty. The weight keeps its type.
// CHECK-LABEL: kernel.func @halves(
// CHECK-SAME:  %w: memref<2x12x32xbf16> {free}
// CHECK:   %[[W:.*]] = kernel.load %w[%j floordiv 10, %k, {{.*}}] : memref<2x12x32xbf16>
// CHECK:   arith.extf %[[W]]
// CHECK-LABEL: kernel.func @pack_halves(
// CHECK-SAME:  %p: memref<2x12x32xbf16>
kernel.func @halves(%x: memref<8x12xf32>, %w: memref<2x20x12xbf16> {free}, %y: memref<8x20xf32>)
    axes(%m = 8, %u = 2, %j = 20, %k = 12)
    attributes {schedule = "tc(fma) tile(k,12) tile(m,8) tile(u,2) tile(j,10) pack(w,n32kbf16)"} {
  %a = kernel.load %x[%m, %k] : memref<8x12xf32>
  %b = kernel.load %w[%u, %j, %k] : memref<2x20x12xbf16>
  %c = arith.extf %b : bf16 to f32
  %s = kernel.contract %a, %c over(%k) : f32, f32 -> f32
  %0 = kernel.remap %s[%u -> 0] : f32
  %1 = kernel.remap %s[%u -> 1] : f32
  %p = arith.mulf %0, %1 : f32
  kernel.store %p, %y[%m, %j] : memref<8x20xf32>
}
