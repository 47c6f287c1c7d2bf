// RUN: tgc-spirv %s --target bmg | FileCheck %s
// RUN: tgc-spirv %s --target bmg --schedule 'upcast(c,8) group(c,16)' | FileCheck %s --check-prefix=SUBGROUP
// RUN: tgc-spirv %s --target dg2 --schedule raw | FileCheck %s --check-prefix=RAW

// A row on eight subgroups: accesses of 16 bytes, butterflies within a subgroup, then shared memory.

kernel.func @norm(%x: memref<16x1024xbf16>, %y: memref<16x1024xbf16>) axes(%m = 16, %c = 1024)
    attributes {schedule = "upcast(c,8) group(c,128)"} {
  %eps = arith.constant 1.0e-6 : f32
  %x0 = kernel.load %x[%m, %c] : memref<16x1024xbf16>
  %v = arith.extf %x0 : bf16 to f32
  %mu, %var = kernel.moments %v over(%c) : f32 -> f32, f32
  %ve = arith.addf %var, %eps : f32
  %rs = math.rsqrt %ve : f32
  %d = arith.subf %v, %mu : f32
  %n = arith.mulf %d, %rs : f32
  %o = arith.truncf %n : f32 to bf16
  kernel.store %o, %y[%m, %c] : memref<16x1024xbf16>
}

// CHECK: spirv.module Physical64 OpenCL requires #spirv.vce<v1.3
// CHECK-NOT: Float64
// CHECK: spirv.GlobalVariable @tgc_shared : !spirv.ptr<!spirv.array<{{[0-9]+}} x vector<4xi32>>, Workgroup>
// CHECK: spirv.func @norm(%{{.*}}: !spirv.ptr<i16, CrossWorkgroup>, %{{.*}}: !spirv.ptr<i16, CrossWorkgroup>)
// CHECK: spirv.Load "CrossWorkgroup" %{{.*}} ["Aligned", 16] : vector<4xi32>
// CHECK-COUNT-4: spirv.GroupNonUniformShuffleXor
// CHECK: spirv.Store "Workgroup"
// CHECK: spirv.ControlBarrier <Workgroup>, <Workgroup>, <AcquireRelease|WorkgroupMemory>
// CHECK: spirv.Load "Workgroup"
// CHECK: spirv.INTEL.ConvertFToBF16
// CHECK: spirv.Store "CrossWorkgroup" %{{.*}} ["Aligned", 16] : vector<4xi32>
// CHECK-NOT: spirv.Store
// CHECK: spirv.EntryPoint "Kernel" @norm
// CHECK-DAG: spirv.ExecutionMode @norm "LocalSize", 128, 1, 1
// CHECK-DAG: spirv.ExecutionMode @norm "SubgroupSize", 16
// CHECK-DAG: spirv.ExecutionMode @norm "ContractionOff"

// SUBGROUP-NOT: tgc_shared
// SUBGROUP: spirv.GroupNonUniformShuffleXor
// SUBGROUP-NOT: ControlBarrier
// SUBGROUP: "LocalSize", 16, 1, 1

// RAW-NOT: GroupNonUniform
// RAW: spirv.Load "CrossWorkgroup" %{{.*}} ["Aligned", 2] : i16
// RAW: "LocalSize", 1, 1, 1
