// RUN: tgc-spirv %s --target pvc --kernel product | FileCheck %s --check-prefix=PRODUCT
// RUN: tgc-spirv %s --target pvc --kernel apart | FileCheck %s --check-prefix=APART
// RUN: tgc-spirv %s --target pvc --kernel round | FileCheck %s --check-prefix=ROUND
// RUN: tgc-spirv %s --target pvc --kernel sine | FileCheck %s --check-prefix=SINE

// Sums of products that a contraction makes are fused.
// PRODUCT: spirv.CL.fma
// PRODUCT-NOT: spirv.FMul
kernel.func @product(%x: memref<64x32xf32>, %w: memref<32xf32>, %y: memref<64xf32>) axes(%m = 64, %k = 32)
    attributes {schedule = "local(m,64)"} {
  %a = kernel.load %x[%m, %k] : memref<64x32xf32>
  %b = kernel.load %w[%k] : memref<32xf32>
  %s = kernel.contract %a, %b over(%k) : f32, f32 -> f32
  kernel.store %s, %y[%m] : memref<64xf32>
}

// Others are not, and the driver is told so.
// APART: spirv.FMul
// APART: spirv.FAdd
// APART-NOT: spirv.CL.fma
// APART: "ContractionOff"
kernel.func @apart(%x: memref<64xf32>, %w: memref<64xf32>, %y: memref<64xf32>) axes(%m = 64)
    attributes {schedule = "local(m,64)"} {
  %a = kernel.load %x[%m] : memref<64xf32>
  %b = kernel.load %w[%m] : memref<64xf32>
  %p = arith.mulf %a, %b : f32
  %s = arith.addf %p, %a : f32
  kernel.store %s, %y[%m] : memref<64xf32>
}

// bf16 comes by a shift and goes by the device's rounding; it is an integer all the way.
// ROUND-NOT: bf16
// ROUND: spirv.ShiftLeftLogical
// ROUND: spirv.INTEL.ConvertFToBF16 %{{.*}} : f32 to i16
kernel.func @round(%x: memref<64xbf16>, %y: memref<64xbf16>) axes(%m = 64) attributes {schedule = "local(m,64)"} {
  %a = kernel.load %x[%m] : memref<64xbf16>
  %b = arith.extf %a : bf16 to f32
  %c = arith.addf %b, %b : f32
  %d = arith.truncf %c : f32 to bf16
  kernel.store %d, %y[%m] : memref<64xbf16>
}

// The path of large angles is inlined: nothing is called.
// SINE-NOT: spirv.FunctionCall
// SINE-COUNT-1: spirv.func
// SINE-NOT: spirv.func
kernel.func @sine(%x: memref<64xf32>, %y: memref<64xf32>) axes(%m = 64) attributes {schedule = "local(m,64)"} {
  %a = kernel.load %x[%m] : memref<64xf32>
  %s = math.sin %a : f32
  kernel.store %s, %y[%m] : memref<64xf32>
}
