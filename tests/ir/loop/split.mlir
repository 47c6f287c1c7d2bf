// RUN: tgc-loop %s --emit=split --schedule='split(p,4) join(launch)' | FileCheck %s

// GroupNorm with channels last: the parts reduce over their share of p alone, with all channels side by side; the
// join reduces parts and a group's channels, and computes what depends on them; the map is element-wise, its
// statistics as contiguous as the data.

kernel.func @norm(%in: memref<2x64x20xf32>, %out: memref<2x64x20xf32>) axes(%b = 2, %p = 64, %g = 4, %i = 5) {
  %eps = arith.constant 1.0e-5 : f32
  %x = kernel.load %in[%b, %p, %g * 5 + %i] : memref<2x64x20xf32>
  %mu, %var = kernel.moments %x over(%p, %i) : f32 -> f32, f32
  %d = arith.subf %x, %mu : f32
  %ve = arith.addf %var, %eps : f32
  %r = math.rsqrt %ve : f32
  %n = arith.mulf %d, %r : f32
  kernel.store %n, %out[%b, %p, %g * 5 + %i] : memref<2x64x20xf32>
}

// CHECK-LABEL: kernel.func @norm_part
// CHECK-SAME: axes(%[[B:.*]] = 2, %[[PART:.*]] = 4, %[[R:.*]] = 16, %[[C:.*]] = 20)
// CHECK-NEXT: kernel.load {{.*}}[%[[B]], %[[PART]] * 16 + %[[R]], %[[C]]]
// CHECK-NEXT: kernel.moments {{.*}} over(%[[R]])
// CHECK-NEXT: kernel.store {{.*}}[%[[B]] * 20 + %[[PART]] * 40 + %[[C]]]
// CHECK-NEXT: kernel.store {{.*}}[%[[B]] * 20 + %[[PART]] * 40 + %[[C]]]
// CHECK-NEXT: }

// CHECK-LABEL: kernel.func @norm_join
// CHECK-SAME: axes(%[[PART:.*]] = 4, %[[G:.*]] = 8, %[[I:.*]] = 5, %[[J:.*]] = 5)
// CHECK-NEXT: kernel.load {{.*}}[%[[PART]] * 40 + %[[G]] * 5 + %[[I]]]
// CHECK-NEXT: kernel.moments {{.*}} over(%[[PART]], %[[I]])
// CHECK: kernel.reduce add {{.*}} over(%[[PART]], %[[I]])
// CHECK: math.rsqrt
// CHECK: kernel.store {{.*}}[%[[G]] * 5 + %[[J]]]

// CHECK-LABEL: kernel.func @norm_map
// CHECK-SAME: axes(%[[B:.*]] = 2, %[[C:.*]] = 20, %[[P:.*]] = 64)
// CHECK-NOT: moments
// CHECK-NOT: rsqrt
// CHECK: kernel.store {{.*}}[%[[B]], %[[P]], %[[C]]]
