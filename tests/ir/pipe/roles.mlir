// RUN: tgc-pipe-gpu %s --kernel ff --emit plan | FileCheck %s --check-prefix=PLAN
// RUN: tgc-pipe-gpu %s --kernel ff --emit tile | FileCheck %s
// RUN: tgc-pipe-gpu %s --kernel ff --emit ptx | FileCheck %s --check-prefix=PTX
// RUN: tgc-pipe-gpu %s --kernel ff --emit ptx --schedule='tc(wgmma) tile(k,64) tile(m,192) tile(n,192) warps(3+1) copy(w,tma) copy(x,tma) stage(4) persistent slots(1)' | FileCheck %s --check-prefix=SHARED
// RUN: tgc-pipe-gpu %s --kernel attend --emit tile | FileCheck %s --check-prefix=ATTEND
// RUN: tgc-pipe-gpu %s --kernel attend --emit ptx | FileCheck %s --check-prefix=APTX

// Two consumers in turn. The last columns of a tile (176 = 64 + 64 + 48) are staged in boxes of 16.
// PLAN: operand a in 1 box: x offset 0 sizes [1024,512] strides [512,1] box [128,64] swizzle 128
// PLAN: operand b in 1 box: w offset 0 sizes [1536,512] strides [512,1] box [176,64] swizzle 128
// PLAN: 2 consumers of 128x176 in turn, 40 + 232 registers, 2 slots, 72 tiles
// PLAN: store y: 6 pieces
// PLAN:   y offset 0 sizes [1024,1536] strides [1536,1] box [64,64] swizzle 128
// PLAN:   y offset 0 sizes [1024,1536] strides [1536,1] box [64,16] swizzle 32
// PLAN: launch: 72 blocks of 384 threads
// CHECK-LABEL: tile.func @ff
// CHECK: %[[RING:.*]] = tile.ring stages 4 freed_by 1 : <<128x64xbf16, 128>, <176x64xbf16, 128>>
// CHECK: tile.roles producer threads 128 registers 40 {
// CHECK:   tile.ring.acquire %[[RING]][%[[P:.*]]]
// CHECK:   tile.fetch %{{.*}} -> %[[RING]][%[[P]]] 0 offset 0
// CHECK:   tile.fetch %{{.*}} -> %[[RING]][%[[P]]] 1 offset 0
// CHECK: } consumers 2 threads 128 registers 232 {
// CHECK:   tile.turn.wait
// CHECK:   tile.ring.wait
// The first block of the depth starts from zero.
// CHECK:   %[[FIRST:.*]] = tile.dot.async %{{.*}}, %{{[0-9]+}} :
// CHECK:   scf.for {{.*}} iter_args(%[[SUMS:.*]] = %[[FIRST]])
// CHECK:     tile.dot.async %{{.*}}, %{{.*}} into %[[SUMS]]
// CHECK:     tile.dot.wait pending 1
// CHECK:     tile.ring.release
// CHECK:   tile.turn.pass %{{.*}} if
// CHECK:   tile.dot.wait pending 0
// CHECK:   tile.each [64, 64] from [0, 0] lanes 2
// CHECK:     math.tanh %{{.*}} fastmath<contract,afn>
// CHECK:   tile.slots.put
// CHECK:   tile.slots.store
// Two blocks of 64 rows, four steps of the depth: eight instructions from zero, eight in the loop, and no others.
// PTX: setmaxnreg.inc.sync.aligned.u32 232
// PTX-COUNT-16: wgmma.mma_async.sync.aligned.m64n176k16.f32.bf16.bf16
// PTX-NOT: wgmma.mma_async
// PTX: tanh.approx.f32
// PTX-NOT: ld.local
// PTX: setmaxnreg.dec.sync.aligned.u32 40
// SHARED: setmaxnreg.inc.sync.aligned.u32 160
// SHARED-COUNT-8: wgmma.mma_async.sync.aligned.m64n192k16
// SHARED-NOT: wgmma.mma_async
kernel.func @ff(%x: memref<1024x512xbf16>, %w: memref<1536x512xbf16>, %b: memref<1536xbf16>, %y: memref<1024x1536xbf16>)
    axes(%m = 1024, %n = 1536, %k = 512)
    attributes {schedule = "tc(wgmma) tile(k,64) tile(m,128) tile(n,176) warps(2+1) pingpong copy(w,tma) copy(x,tma) stage(4) persistent raster(m,4) slots(2)"} {
  %a = kernel.load %x[%m, %k] : memref<1024x512xbf16>
  %c = kernel.load %w[%n, %k] : memref<1536x512xbf16>
  %s = kernel.contract %a, %c over(%k) : bf16, bf16 -> f32
  %bias = kernel.load %b[%n] : memref<1536xbf16>
  %e = arith.extf %bias : bf16 to f32
  %t = arith.addf %s, %e : f32
  %h = math.tanh %t : f32
  %o = arith.truncf %h : f32 to bf16
  kernel.store %o, %y[%m, %n] : memref<1024x1536xbf16>
}

// The last block of keys, which ends inside, comes first and is masked; heads of 40 columns are padded in the
// scores' depth alone.
// ATTEND-LABEL: tile.func @attend
// ATTEND: tile.box %q offset 0 sizes [2, 300, 40] strides [40, 80, 1] box [1, 64, 64] swizzle 128
// ATTEND: tile.ring stages 2 freed_by 1 subgroups : <<64x64xbf16, 128>>
// ATTEND: consumers 2
// ATTEND: %[[Q:.*]] = tile.load %{{.*}} -> <64x48xbf16, left>
// ATTEND: tile.dot.async %[[Q]], %{{.*}} -> <64x64xf32, sums>
// ATTEND: arith.select %{{.*}}, %{{.*}}, %{{.*}} : f32
// ATTEND: tile.fold "max"
// ATTEND: tile.fold "add" partial
// ATTEND: tile.convert {{.*}} -> <64x64xbf16, left>
// ATTEND: scf.for
// ATTEND:   %[[S:.*]] = tile.dot.async %[[Q]]
// ATTEND:   %[[R:.*]] = tile.dot.async %{{.*}}, %{{.*}} transposed into
// ATTEND:   tile.turn.pass
// ATTEND:   tile.dot.wait pending 1 %[[S]]
// ATTEND:   tile.dot.wait pending 0 %[[R]]
// ATTEND:   tile.convert
// ATTEND: tile.fold.join "add"
// The first block's scores, the loop's scores and result, the last result.
// APTX-COUNT-3: wgmma.mma_async.sync.aligned.m64n64k16
// APTX-COUNT-3: wgmma.mma_async.sync.aligned.m64n64k16
// APTX-COUNT-4: wgmma.mma_async.sync.aligned.m64n40k16
// APTX-COUNT-4: wgmma.mma_async.sync.aligned.m64n40k16
// APTX-NOT: wgmma.mma_async
// APTX-NOT: ld.local
kernel.func @attend(%q: memref<300x2x40xbf16>, %k: memref<150x2x40xbf16>, %v: memref<150x2x40xbf16>, %o: memref<300x2x40xbf16>)
    axes(%h = 2, %m = 300, %n = 150, %d = 40, %e = 40)
    attributes {schedule = "hold(q) tc(wgmma) tile(m,128) tile(n,64) warps(2+1) pingpong overlap copy(k,tma) copy(q,tma) copy(v,tma) stage(2) persistent slots(1)"} {
  %a = kernel.load %q[%m, %h, %d] : memref<300x2x40xbf16>
  %b = kernel.load %k[%n, %h, %d] : memref<150x2x40xbf16>
  %s = kernel.contract %a, %b over(%d) : bf16, bf16 -> f32
  %scale = arith.constant 0.158 : f32
  %t = arith.mulf %s, %scale : f32
  %c = kernel.load %v[%n, %h, %e] : memref<150x2x40xbf16>
  %r = kernel.softmax %t, %c over(%n) : f32, bf16 -> f32
  %w = arith.truncf %r : f32 to bf16
  kernel.store %w, %o[%m, %h, %e] : memref<300x2x40xbf16>
}
