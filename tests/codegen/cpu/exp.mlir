// RUN: tgc-cpu-run %s --asm --target=avx512 \
// RUN:   | FileCheck %s --implicit-check-not=rsp --implicit-check-not=call --implicit-check-not=ymm

// e^x of a full vector is straight code on 512-bit registers: 9 fused operations (one to round, two to reduce, six
// of the polynomial), and selections by mask.
// CHECK-LABEL: exponential:
// CHECK-COUNT-9: vf{{m|nm}}{{add|sub}}{{.*}}zmm
// CHECK-NOT: vfm
// CHECK: retq
func.func @exponential(%a: memref<16xf32>, %o: memref<16xf32>, %begin: index, %end: index) attributes {tgc.kernel} {
  %c0 = arith.constant 0 : index
  %x = vector.load %a[%c0] : memref<16xf32>, vector<16xf32>
  %y = math.exp %x : vector<16xf32>
  vector.store %y, %o[%c0] : memref<16xf32>, vector<16xf32>
  return
}
