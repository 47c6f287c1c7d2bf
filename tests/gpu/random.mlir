// Random weights as they are: the device's must be those of the host, bit by bit.
kernel.func @wide(%w: memref<300x700xf32>, %y: memref<300x700xf32>) axes(%m = 300, %n = 700) {
  %v = kernel.load %w[%m, %n] : memref<300x700xf32>
  kernel.store %v, %y[%m, %n] : memref<300x700xf32>
}
kernel.func @half(%w: memref<300x700xf16>, %y: memref<300x700xf16>) axes(%m = 300, %n = 700) {
  %v = kernel.load %w[%m, %n] : memref<300x700xf16>
  kernel.store %v, %y[%m, %n] : memref<300x700xf16>
}
kernel.func @brain(%w: memref<300x700xbf16>, %y: memref<300x700xbf16>) axes(%m = 300, %n = 700) {
  %v = kernel.load %w[%m, %n] : memref<300x700xbf16>
  kernel.store %v, %y[%m, %n] : memref<300x700xbf16>
}
kernel.func @flat(%w: memref<1000xf32>, %y: memref<1000xf32>) axes(%m = 1000) {
  %v = kernel.load %w[%m] : memref<1000xf32>
  kernel.store %v, %y[%m] : memref<1000xf32>
}
kernel.program @main {
  %a = kernel.weight "wide" : memref<300x700xf32>
  %b = kernel.weight "half" : memref<300x700xf16>
  %c = kernel.weight "brain" : memref<300x700xbf16>
  %d = kernel.weight "flat" : memref<1000xf32>
  %w = kernel.output "wide_out" : memref<300x700xf32>
  %x = kernel.output "half_out" : memref<300x700xf16>
  %y = kernel.output "brain_out" : memref<300x700xbf16>
  %z = kernel.output "flat_out" : memref<1000xf32>
  kernel.launch @wide(%a, %w) : memref<300x700xf32>, memref<300x700xf32>
  kernel.launch @half(%b, %x) : memref<300x700xf16>, memref<300x700xf16>
  kernel.launch @brain(%c, %y) : memref<300x700xbf16>, memref<300x700xbf16>
  kernel.launch @flat(%d, %z) : memref<1000xf32>, memref<1000xf32>
}
