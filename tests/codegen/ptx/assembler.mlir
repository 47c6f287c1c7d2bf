// RUN: echo '#!/bin/sh' > %t
// RUN: echo 'echo "ptxas info    : Used 7 registers, 8 bytes spill stores, 4 bytes spill loads"' >> %t
// RUN: chmod +x %t
// RUN: env TGC_PTXAS=%t tgc-pipe-gpu %s --emit assemble | FileCheck %s

// ptxas compiles whole kernels and comes first: libnvJitLink, which compiles for linking, takes more registers.
// CHECK: copy: 7 registers, 12 bytes spilled, loop
kernel.func @copy(%x: memref<256xf32>, %y: memref<256xf32>) axes(%i = 256) attributes {schedule = "local(i,256)"} {
  %v = kernel.load %x[%i] : memref<256xf32>
  kernel.store %v, %y[%i] : memref<256xf32>
}
