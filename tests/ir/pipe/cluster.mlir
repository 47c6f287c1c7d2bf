// Two blocks with neighbouring rows have the same columns: each fetches half of them, for both.
// RUN: tgc-pipe-gpu %s --emit plan | FileCheck %s --check-prefix=PLAN
// RUN: tgc-pipe-gpu %s --emit tile | FileCheck %s
// RUN: tgc-pipe-gpu %s --emit ptx | FileCheck %s --check-prefix=PTX
// Columns of a cluster share the rows; every block has one tile.
// RUN: tgc-pipe-gpu %s --emit tile --schedule='tc(wgmma) tile(k,64) tile(m,128) tile(n,64) warps(2+1) copy(w,tma) copy(x,tma) stage(4) cluster(n,4) slots(1)' | FileCheck %s --check-prefix=COLUMNS
// RUN: not tgc-pipe-gpu %s --emit plan --schedule='tc(wgmma) tile(k,64) tile(m,128) tile(n,192) warps(2+1) pingpong copy(w,tma) copy(x,tma) stage(4) cluster(m,3) persistent' 2>&1 | FileCheck %s --check-prefix=TILES
// RUN: not tgc-pipe-gpu %s --emit plan --schedule='tc(wgmma) tile(k,64) tile(m,128) tile(n,176) warps(2+1) pingpong copy(w,tma) copy(x,tma) stage(4) cluster(m,4) persistent' 2>&1 | FileCheck %s --check-prefix=PARTS
// RUN: not tgc-pipe-gpu %s --emit plan --schedule='tc(mma) tile(k,32) tile(m,128) tile(n,64) warps(4) copy(w,async) copy(x,async) cluster(m,2)' 2>&1 | FileCheck %s --check-prefix=GROUPS
// TILES: cluster(m,3): 8 tiles along the axis
// PARTS: cluster: 176 points of w in 4 parts
// GROUPS: cluster: threads copy into their own block's memory

// PLAN: operand b in 2 boxes: w offset 0 sizes [1536,512] strides [512,1] box [96,64] swizzle 128
// PLAN: clusters of 2 along m, operand b fetched in 2 parts
// PLAN: launch: 64 blocks of 384 threads
// CHECK: tile.func @ff(%{{.*}}) block %[[B:.*]] of 64
// CHECK: tile.ring stages 4 freed_by 1 cluster 2 :
// CHECK: tile.roles producer
// CHECK:   tile.walk (%{{.*}}, %[[M:.*]]) in (8, 4)
// CHECK:   tile.ring.acquire
// CHECK:   affine.apply {{.*}}(%[[M]], %[[B]])
// CHECK:   tile.fetch %{{.*}} 0 offset 0 :
// CHECK:   scf.if
// CHECK:     tile.fetch %{{.*}} 1 offset 0 multicast
// CHECK:   scf.if
// CHECK:     tile.fetch %{{.*}} 1 offset 12288 multicast
// COLUMNS: tile.ring stages 4 freed_by 2 cluster 4 :
// COLUMNS-COUNT-4: tile.fetch {{.*}} 0 offset {{.*}} multicast
// COLUMNS: tile.fetch {{.*}} 1 offset 0 :
// A fill is free when the groups of both blocks have released it. Nobody leaves before all have done with its memory.
// PTX: mbarrier.init.shared::cta.b64 [{{.*}}], 2;
// PTX: fence.mbarrier_init.release.cluster;
// PTX: barrier.cluster.arrive;
// PTX: barrier.cluster.wait;
// PTX-DAG: mapa.shared::cluster.u32
// PTX-DAG: mbarrier.arrive.shared::cluster.b64
// PTX-DAG: cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [
// PTX-DAG: cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster
// PTX-DAG: barrier.cluster.arrive;
kernel.func @ff(%x: memref<1024x512xbf16>, %w: memref<1536x512xbf16>, %y: memref<1024x1536xbf16>)
    axes(%m = 1024, %n = 1536, %k = 512)
    attributes {schedule = "tc(wgmma) tile(k,64) tile(m,128) tile(n,192) warps(2+1) pingpong copy(w,tma) copy(x,tma) stage(4) cluster(m,2) persistent slots(2)"} {
  %a = kernel.load %x[%m, %k] : memref<1024x512xbf16>
  %c = kernel.load %w[%n, %k] : memref<1536x512xbf16>
  %s = kernel.contract %a, %c over(%k) : bf16, bf16 -> f32
  %o = arith.truncf %s : f32 to bf16
  kernel.store %o, %y[%m, %n] : memref<1024x1536xbf16>
}
