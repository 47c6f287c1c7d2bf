// One small kernel, for the tests of compiled code that is kept.
kernel.func @scale(%x: memref<40x24xf32>, %g: memref<24xf32>, %y: memref<40x24xf32>) axes(%m = 40, %n = 24) {
  %a = kernel.load %x[%m, %n] : memref<40x24xf32>
  %c = kernel.load %g[%n] : memref<24xf32>
  %d = arith.mulf %a, %c : f32
  kernel.store %d, %y[%m, %n] : memref<40x24xf32>
}

kernel.program @main {
  %x = kernel.input "x" : memref<40x24xf32>
  %g = kernel.input "g" : memref<24xf32>
  %y = kernel.output "y" : memref<40x24xf32>
  kernel.launch @scale(%x, %g, %y) : memref<40x24xf32>, memref<24xf32>, memref<40x24xf32>
}
