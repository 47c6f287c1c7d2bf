// RUN: tgc-cpu-run %s --fill=iota --print=1 | FileCheck %s
// RUN: tgc-cpu-run %s --fill=iota --print=1 --target=avx2 | FileCheck %s
// RUN: tgc-cpu-run %s --fill=iota --print=1 --target=generic | FileCheck %s

// CHECK: transpose buffer 1: 0 5 10 1 6 11 2 7 12 3 8 13 4 9 14
func.func @transpose(%a: memref<3x5xf32>, %o: memref<5x3xf32>, %begin: index, %end: index) attributes {tgc.kernel} {
  %c0 = arith.constant 0 : index
  %x = vector.load %a[%c0, %c0] : memref<3x5xf32>, vector<3x5xf32>
  %y = vector.transpose %x, [1, 0] : vector<3x5xf32> to vector<5x3xf32>
  vector.store %y, %o[%c0, %c0] : memref<5x3xf32>, vector<5x3xf32>
  return
}

// CHECK: transpose3 buffer 1: 0 6 12 18 3 9 15 21 1 7 13 19 4 10 16 22 2 8 14 20 5 11 17 23
func.func @transpose3(%a: memref<4x2x3xi32>, %o: memref<3x2x4xi32>, %begin: index, %end: index) attributes {tgc.kernel} {
  %c0 = arith.constant 0 : index
  %x = vector.load %a[%c0, %c0, %c0] : memref<4x2x3xi32>, vector<4x2x3xi32>
  %y = vector.transpose %x, [2, 1, 0] : vector<4x2x3xi32> to vector<3x2x4xi32>
  vector.store %y, %o[%c0, %c0, %c0] : memref<3x2x4xi32>, vector<3x2x4xi32>
  return
}

// A loop and a branch carry a vector of rank 2.
// CHECK: carry buffer 1: 48 54 60 66 148 154 160 166
func.func @carry(%a: memref<12x4xf32>, %o: memref<2x4xf32>, %begin: index, %end: index) attributes {tgc.kernel} {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %c10 = arith.constant 10 : index
  %c12 = arith.constant 12 : index
  %z = arith.constant dense<[[0.0, 0.0, 0.0, 0.0], [100.0, 100.0, 100.0, 100.0]]> : vector<2x4xf32>
  %s = scf.for %i = %c0 to %c12 step %c2 iter_args(%acc = %z) -> vector<2x4xf32> {
    %last = arith.cmpi sge, %i, %c10 : index
    %n = scf.if %last -> vector<2x4xf32> {
      scf.yield %acc : vector<2x4xf32>
    } else {
      %even = vector.load %a[%i, %c0] : memref<12x4xf32>, vector<2x4xf32>
      %half = arith.constant dense<0.3> : vector<2x4xf32>
      %row = vector.extract %even[0] : vector<4xf32> from vector<2x4xf32>
      %both = vector.broadcast %row : vector<4xf32> to vector<2x4xf32>
      %sum = arith.addf %acc, %both : vector<2x4xf32>
      scf.yield %sum : vector<2x4xf32>
    }
    scf.yield %n : vector<2x4xf32>
  }
  %third = arith.constant dense<5.0> : vector<4xf32>
  %old = vector.extract %s[0] : vector<4xf32> from vector<2x4xf32>
  %step = arith.constant dense<[-32.0, -31.0, -30.0, -29.0]> : vector<4xf32>
  %stepped = arith.addf %old, %step : vector<4xf32>
  %old1 = vector.extract %s[1] : vector<4xf32> from vector<2x4xf32>
  %stepped1 = arith.addf %old1, %step : vector<4xf32>
  %t = vector.insert %stepped, %s [0] : vector<4xf32> into vector<2x4xf32>
  %u = vector.insert %stepped1, %t [1] : vector<4xf32> into vector<2x4xf32>
  vector.store %u, %o[%c0, %c0] : memref<2x4xf32>, vector<2x4xf32>
  return
}

// Rows 2 to 5 of 4 and columns 3 to 6 of 5; what is outside is -1.
// CHECK: edges buffer 1: 13 14 -1 -1 18 19 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1
func.func @edges(%a: memref<4x5xf32>, %o: memref<4x4xf32>, %begin: index, %end: index) attributes {tgc.kernel} {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %pad = arith.constant -1.0 : f32
  %x = vector.transfer_read %a[%c2, %c3], %pad {in_bounds = [false, false]} : memref<4x5xf32>, vector<4x4xf32>
  vector.transfer_write %x, %o[%c0, %c0] {in_bounds = [true, true]} : vector<4x4xf32>, memref<4x4xf32>
  return
}

// Stores stay inside too.
// CHECK: edge_store buffer 1: 0 1 2 3 4 5 6 0 8 9 10 2
func.func @edge_store(%a: memref<8xf32>, %o: memref<3x4xf32>, %begin: index, %end: index) attributes {tgc.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %x = vector.load %a[%c0] : memref<8xf32>, vector<8xf32>
  %y = vector.shape_cast %x : vector<8xf32> to vector<4x2xf32>
  vector.transfer_write %y, %o[%c1, %c3] {in_bounds = [false, false]} : vector<4x2xf32>, memref<3x4xf32>
  return
}

// CHECK: masks buffer 1: 5 6 7 3 4 12 12 12
func.func @masks(%a: memref<16xf32>, %o: memref<8xf32>, %begin: index, %end: index) attributes {tgc.kernel} {
  %c0 = arith.constant 0 : index
  %c3 = arith.constant 3 : index
  %c5 = arith.constant 5 : index
  %m3 = vector.create_mask %c3 : vector<8xi1>
  %m5 = vector.create_mask %c5 : vector<8xi1>
  %twelve = arith.constant dense<12.0> : vector<8xf32>
  %x = vector.maskedload %a[%c0], %m5, %twelve : memref<16xf32>, vector<8xi1>, vector<8xf32> into vector<8xf32>
  vector.store %x, %o[%c0] : memref<8xf32>, vector<8xf32>
  %y = vector.load %a[%c5] : memref<16xf32>, vector<8xf32>
  vector.maskedstore %o[%c0], %m3, %y : memref<8xf32>, vector<8xi1>, vector<8xf32>
  return
}

// CHECK: gathered buffer 1: 3 10 17 24 -1 -1 -1 -1
func.func @gathered(%a: memref<64xf32>, %o: memref<8xf32>, %begin: index, %end: index) attributes {tgc.kernel} {
  %c0 = arith.constant 0 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %mask = vector.create_mask %c4 : vector<8xi1>
  %steps = vector.step : vector<8xindex>
  %seven = arith.constant dense<7> : vector<8xindex>
  %at = arith.muli %steps, %seven : vector<8xindex>
  %pad = arith.constant dense<-1.0> : vector<8xf32>
  %x = vector.gather %a[%c3] [%at], %mask, %pad : memref<64xf32>, vector<8xindex>, vector<8xi1>, vector<8xf32> into vector<8xf32>
  vector.store %x, %o[%c0] : memref<8xf32>, vector<8xf32>
  return
}

// CHECK: reductions buffer 1: 6 22 38 0 4 8 24 28 32 36
func.func @reductions(%a: memref<3x4xf32>, %o: memref<10xf32>, %begin: index, %end: index) attributes {tgc.kernel} {
  %c0 = arith.constant 0 : index
  %c3 = arith.constant 3 : index
  %c6 = arith.constant 6 : index
  %x = vector.load %a[%c0, %c0] : memref<3x4xf32>, vector<3x4xf32>
  %z3 = arith.constant dense<0.0> : vector<3xf32>
  %i3 = arith.constant dense<100.0> : vector<3xf32>
  %rows = vector.multi_reduction <add>, %x, %z3 [1] : vector<3x4xf32> to vector<3xf32>
  %least = vector.multi_reduction <minimumf>, %x, %i3 [1] : vector<3x4xf32> to vector<3xf32>
  %twelve = arith.constant dense<12.0> : vector<4xf32>
  %columns = vector.multi_reduction <add>, %x, %twelve [0] : vector<3x4xf32> to vector<4xf32>
  %one = arith.constant dense<1.0> : vector<4xf32>
  %scale = arith.constant dense<[1.0, 1.0, 1.0, 1.0]> : vector<4xf32>
  %product = arith.mulf %columns, %scale : vector<4xf32>
  %shift = arith.constant dense<[0.0, 1.0, 2.0, 3.0]> : vector<4xf32>
  %more = arith.addf %product, %shift : vector<4xf32>
  vector.store %rows, %o[%c0] : memref<10xf32>, vector<3xf32>
  vector.store %least, %o[%c3] : memref<10xf32>, vector<3xf32>
  vector.store %more, %o[%c6] : memref<10xf32>, vector<4xf32>
  return
}

// CHECK: outer buffer 1: 0 0 0 4 5 6 8 10 12
func.func @outer(%a: memref<8xf32>, %o: memref<3x3xf32>, %begin: index, %end: index) attributes {tgc.kernel} {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %x = vector.load %a[%c0] : memref<8xf32>, vector<3xf32>
  %y = vector.load %a[%c4] : memref<8xf32>, vector<3xf32>
  %p = vector.outerproduct %x, %y : vector<3xf32>, vector<3xf32>
  vector.store %p, %o[%c0, %c0] : memref<3x3xf32>, vector<3x3xf32>
  return
}

// CHECK: contracted buffer 1: 10 13 28 40
func.func @contracted(%a: memref<2x3xf32>, %o: memref<2x2xf32>, %begin: index, %end: index) attributes {tgc.kernel} {
  %c0 = arith.constant 0 : index
  %x = vector.load %a[%c0, %c0] : memref<2x3xf32>, vector<2x3xf32>
  %y = vector.shape_cast %x : vector<2x3xf32> to vector<3x2xf32>
  %z = arith.constant dense<0.0> : vector<2x2xf32>
  %p = vector.contract {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                         affine_map<(m, n, k) -> (m, n)>],
                        iterator_types = ["parallel", "parallel", "reduction"]} %x, %y, %z
    : vector<2x3xf32>, vector<3x2xf32> into vector<2x2xf32>
  vector.store %p, %o[%c0, %c0] : memref<2x2xf32>, vector<2x2xf32>
  return
}

// CHECK: moves buffer 1: 0 4 1 5 2 6 3 7 5 2 1 6
func.func @moves(%a: memref<8xi16>, %o: memref<12xi16>, %begin: index, %end: index) attributes {tgc.kernel} {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %x = vector.load %a[%c0] : memref<8xi16>, vector<4xi16>
  %y = vector.load %a[%c4] : memref<8xi16>, vector<4xi16>
  %i = vector.interleave %x, %y : vector<4xi16> -> vector<8xi16>
  vector.store %i, %o[%c0] : memref<12xi16>, vector<8xi16>
  %s = vector.shuffle %x, %y [5, 2, 1, 6] : vector<4xi16>, vector<4xi16>
  %w = vector.bitcast %s : vector<4xi16> to vector<2xi32>
  %v = vector.bitcast %w : vector<2xi32> to vector<4xi16>
  vector.store %v, %o[%c8] : memref<12xi16>, vector<4xi16>
  return
}

// CHECK: slices buffer 1: 5 6 9 10 0 1 2 3
func.func @slices(%a: memref<3x4xf64>, %o: memref<8xf64>, %begin: index, %end: index) attributes {tgc.kernel} {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %x = vector.load %a[%c0, %c0] : memref<3x4xf64>, vector<3x4xf64>
  %s = vector.extract_strided_slice %x {offsets = [1, 1], sizes = [2, 2], strides = [1, 1]} : vector<3x4xf64> to vector<2x2xf64>
  %flat = vector.shape_cast %s : vector<2x2xf64> to vector<4xf64>
  vector.store %flat, %o[%c0] : memref<8xf64>, vector<4xf64>
  %z = arith.constant dense<9.0> : vector<2x4xf64>
  %top = vector.extract_strided_slice %x {offsets = [0], sizes = [1], strides = [1]} : vector<3x4xf64> to vector<1x4xf64>
  %i = vector.insert_strided_slice %top, %z {offsets = [1, 0], strides = [1, 1]} : vector<1x4xf64> into vector<2x4xf64>
  %row = vector.extract %i[1] : vector<4xf64> from vector<2x4xf64>
  vector.store %row, %o[%c4] : memref<8xf64>, vector<4xf64>
  return
}

// Brain floats pass through vectors untouched by arithmetic.
// CHECK: brain buffer 1: 3 2 1 0 3 2 1 0
func.func @brain(%a: memref<4xbf16>, %o: memref<2x4xbf16>, %begin: index, %end: index) attributes {tgc.kernel} {
  %c0 = arith.constant 0 : index
  %x = vector.load %a[%c0] : memref<4xbf16>, vector<4xbf16>
  %r = vector.shuffle %x, %x [3, 2, 1, 0] : vector<4xbf16>, vector<4xbf16>
  %b = vector.broadcast %r : vector<4xbf16> to vector<2x4xbf16>
  vector.store %b, %o[%c0, %c0] : memref<2x4xbf16>, vector<2x4xbf16>
  return
}

// CHECK: scratched buffer 1: 2 4 6 8
func.func @scratched(%a: memref<4xf32>, %o: memref<4xf32>, %scratch: memref<192xi8>, %begin: index, %end: index)
    attributes {tgc.kernel, tgc.scratch_bytes = 192 : i64} {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %one = arith.constant dense<1.0> : vector<4xf32>
  %view = memref.view %scratch[%c64][] : memref<192xi8> to memref<4x8xf32>
  %x = vector.load %a[%c0] : memref<4xf32>, vector<4xf32>
  %y = arith.addf %x, %one : vector<4xf32>
  %flat = memref.reinterpret_cast %view to offset: [0], sizes: [32], strides: [1] : memref<4x8xf32> to memref<32xf32>
  vector.store %y, %flat[%c0] : memref<32xf32>, vector<4xf32>
  %part = memref.subview %view[0, 0] [1, 4] [1, 1] : memref<4x8xf32> to memref<4xf32, strided<[1]>>
  %z = vector.load %part[%c0] : memref<4xf32, strided<[1]>>, vector<4xf32>
  %w = arith.addf %z, %z : vector<4xf32>
  vector.store %w, %o[%c0] : memref<4xf32>, vector<4xf32>
  return
}
