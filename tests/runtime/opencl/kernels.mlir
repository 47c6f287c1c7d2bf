// The functions of ../kernels.c as SPIR-V; mlir-translate makes the module that the tests load.
spirv.module Physical64 OpenCL
    requires #spirv.vce<v1.2, [Kernel, Addresses, Int64, Int64Atomics, Float16], []> {
  spirv.GlobalVariable @block built_in("WorkgroupId") : !spirv.ptr<vector<3xi64>, Input>
  spirv.GlobalVariable @blocks built_in("NumWorkgroups") : !spirv.ptr<vector<3xi64>, Input>
  spirv.GlobalVariable @item built_in("GlobalInvocationId") : !spirv.ptr<vector<3xi64>, Input>

  // (x, w, y): y = x + w, 16 elements a block, one a thread.
  spirv.func @add(%x: !spirv.ptr<f32, CrossWorkgroup>, %w: !spirv.ptr<f32, CrossWorkgroup>,
                  %y: !spirv.ptr<f32, CrossWorkgroup>) "None" {
    %items = spirv.mlir.addressof @item : !spirv.ptr<vector<3xi64>, Input>
    %loaded = spirv.Load "Input" %items : vector<3xi64>
    %i = spirv.CompositeExtract %loaded[0 : i32] : vector<3xi64>
    %px = spirv.PtrAccessChain %x[%i] : !spirv.ptr<f32, CrossWorkgroup>, i64
    %pw = spirv.PtrAccessChain %w[%i] : !spirv.ptr<f32, CrossWorkgroup>, i64
    %py = spirv.PtrAccessChain %y[%i] : !spirv.ptr<f32, CrossWorkgroup>, i64
    %a = spirv.Load "CrossWorkgroup" %px : f32
    %b = spirv.Load "CrossWorkgroup" %pw : f32
    %sum = spirv.FAdd %a, %b : f32
    spirv.Store "CrossWorkgroup" %py, %sum : f32
    spirv.Return
  }

  // (x, y): y = exp(x), 16 elements a block, one a thread.
  spirv.func @exponential(%x: !spirv.ptr<f32, CrossWorkgroup>, %y: !spirv.ptr<f32, CrossWorkgroup>) "None" {
    %items = spirv.mlir.addressof @item : !spirv.ptr<vector<3xi64>, Input>
    %loaded = spirv.Load "Input" %items : vector<3xi64>
    %i = spirv.CompositeExtract %loaded[0 : i32] : vector<3xi64>
    %px = spirv.PtrAccessChain %x[%i] : !spirv.ptr<f32, CrossWorkgroup>, i64
    %py = spirv.PtrAccessChain %y[%i] : !spirv.ptr<f32, CrossWorkgroup>, i64
    %a = spirv.Load "CrossWorkgroup" %px : f32
    %e = spirv.CL.exp %a : f32
    spirv.Store "CrossWorkgroup" %py, %e : f32
    spirv.Return
  }

  // (w, p, rows, columns, counter in host memory): p = transpose of w, a row of p a block.
  spirv.func @transpose(%w: !spirv.ptr<f32, CrossWorkgroup>, %p: !spirv.ptr<f32, CrossWorkgroup>, %rows: i64,
                        %columns: i64, %counter: i64) "None" {
    %zero = spirv.Constant 0 : i64
    %one = spirv.Constant 1 : i64
    %items = spirv.mlir.addressof @block : !spirv.ptr<vector<3xi64>, Input>
    %loaded = spirv.Load "Input" %items : vector<3xi64>
    %j = spirv.CompositeExtract %loaded[0 : i32] : vector<3xi64>
    %start = spirv.IMul %j, %rows : i64
    spirv.Branch ^head(%zero : i64)
  ^head(%i: i64):
    %more = spirv.SLessThan %i, %rows : i64
    spirv.BranchConditional %more, ^body, ^exit
  ^body:
    %row = spirv.IMul %i, %columns : i64
    %from = spirv.IAdd %row, %j : i64
    %to = spirv.IAdd %start, %i : i64
    %pw = spirv.PtrAccessChain %w[%from] : !spirv.ptr<f32, CrossWorkgroup>, i64
    %pp = spirv.PtrAccessChain %p[%to] : !spirv.ptr<f32, CrossWorkgroup>, i64
    %v = spirv.Load "CrossWorkgroup" %pw : f32
    spirv.Store "CrossWorkgroup" %pp, %v : f32
    %next = spirv.IAdd %i, %one : i64
    spirv.Branch ^head(%next : i64)
  ^exit:
    %pointer = spirv.ConvertUToPtr %counter : i64 to !spirv.ptr<i64, CrossWorkgroup>
    %old = spirv.AtomicIAdd <Device> <None> %pointer, %one : !spirv.ptr<i64, CrossWorkgroup>
    spirv.Return
  }

  // (x, p, b, y, inner, columns): y[m] = x[m] p + b, a row a block; the grid has two dimensions.
  spirv.func @matmul(%x: !spirv.ptr<f32, CrossWorkgroup>, %p: !spirv.ptr<f32, CrossWorkgroup>,
                     %b: !spirv.ptr<f32, CrossWorkgroup>, %y: !spirv.ptr<f32, CrossWorkgroup>, %inner: i64,
                     %columns: i64) "None" {
    %zero = spirv.Constant 0 : i64
    %one = spirv.Constant 1 : i64
    %pblock = spirv.mlir.addressof @block : !spirv.ptr<vector<3xi64>, Input>
    %block = spirv.Load "Input" %pblock : vector<3xi64>
    %pblocks = spirv.mlir.addressof @blocks : !spirv.ptr<vector<3xi64>, Input>
    %blocks = spirv.Load "Input" %pblocks : vector<3xi64>
    %bx = spirv.CompositeExtract %block[0 : i32] : vector<3xi64>
    %by = spirv.CompositeExtract %block[1 : i32] : vector<3xi64>
    %width = spirv.CompositeExtract %blocks[0 : i32] : vector<3xi64>
    %above = spirv.IMul %by, %width : i64
    %m = spirv.IAdd %above, %bx : i64
    %xrow = spirv.IMul %m, %inner : i64
    %yrow = spirv.IMul %m, %columns : i64
    spirv.Branch ^column(%zero : i64)
  ^column(%n: i64):
    %moreColumns = spirv.SLessThan %n, %columns : i64
    spirv.BranchConditional %moreColumns, ^start, ^exit
  ^start:
    %pb = spirv.PtrAccessChain %b[%n] : !spirv.ptr<f32, CrossWorkgroup>, i64
    %bias = spirv.Load "CrossWorkgroup" %pb : f32
    spirv.Branch ^term(%zero, %bias : i64, f32)
  ^term(%k: i64, %sum: f32):
    %moreTerms = spirv.SLessThan %k, %inner : i64
    spirv.BranchConditional %moreTerms, ^body, ^store
  ^body:
    %ix = spirv.IAdd %xrow, %k : i64
    %prow = spirv.IMul %k, %columns : i64
    %ip = spirv.IAdd %prow, %n : i64
    %px = spirv.PtrAccessChain %x[%ix] : !spirv.ptr<f32, CrossWorkgroup>, i64
    %pp = spirv.PtrAccessChain %p[%ip] : !spirv.ptr<f32, CrossWorkgroup>, i64
    %vx = spirv.Load "CrossWorkgroup" %px : f32
    %vp = spirv.Load "CrossWorkgroup" %pp : f32
    %product = spirv.FMul %vx, %vp : f32
    %total = spirv.FAdd %sum, %product : f32
    %nextTerm = spirv.IAdd %k, %one : i64
    spirv.Branch ^term(%nextTerm, %total : i64, f32)
  ^store:
    %iy = spirv.IAdd %yrow, %n : i64
    %py = spirv.PtrAccessChain %y[%iy] : !spirv.ptr<f32, CrossWorkgroup>, i64
    spirv.Store "CrossWorkgroup" %py, %sum : f32
    %nextColumn = spirv.IAdd %n, %one : i64
    spirv.Branch ^column(%nextColumn : i64)
  ^exit:
    spirv.Return
  }

  // (counts): counts[block] += 1
  spirv.func @count(%counts: !spirv.ptr<i32, CrossWorkgroup>) "None" {
    %one = spirv.Constant 1 : i32
    %pblock = spirv.mlir.addressof @block : !spirv.ptr<vector<3xi64>, Input>
    %block = spirv.Load "Input" %pblock : vector<3xi64>
    %pblocks = spirv.mlir.addressof @blocks : !spirv.ptr<vector<3xi64>, Input>
    %blocks = spirv.Load "Input" %pblocks : vector<3xi64>
    %bx = spirv.CompositeExtract %block[0 : i32] : vector<3xi64>
    %by = spirv.CompositeExtract %block[1 : i32] : vector<3xi64>
    %bz = spirv.CompositeExtract %block[2 : i32] : vector<3xi64>
    %nx = spirv.CompositeExtract %blocks[0 : i32] : vector<3xi64>
    %ny = spirv.CompositeExtract %blocks[1 : i32] : vector<3xi64>
    %z = spirv.IMul %bz, %ny : i64
    %zy = spirv.IAdd %z, %by : i64
    %rows = spirv.IMul %zy, %nx : i64
    %i = spirv.IAdd %rows, %bx : i64
    %place = spirv.PtrAccessChain %counts[%i] : !spirv.ptr<i32, CrossWorkgroup>, i64
    %old = spirv.Load "CrossWorkgroup" %place : i32
    %new = spirv.IAdd %old, %one : i32
    spirv.Store "CrossWorkgroup" %place, %new : i32
    spirv.Return
  }

  // (y, index): y[0] = 1, 2, 4 or 8
  spirv.func @lookup(%y: !spirv.ptr<f32, CrossWorkgroup>, %index: i64) "None" {
    %one = spirv.Constant 1 : i64
    %three = spirv.Constant 3 : i64
    %low = spirv.BitwiseAnd %index, %three : i64
    %power = spirv.ShiftLeftLogical %one, %low : i64, i64
    %value = spirv.ConvertSToF %power : i64 to f32
    spirv.Store "CrossWorkgroup" %y, %value : f32
    spirv.Return
  }

  // (x, y): y[0] += x[0]
  spirv.func @accumulate(%x: !spirv.ptr<f32, CrossWorkgroup>, %y: !spirv.ptr<f32, CrossWorkgroup>) "None" {
    %a = spirv.Load "CrossWorkgroup" %x : f32
    %b = spirv.Load "CrossWorkgroup" %y : f32
    %sum = spirv.FAdd %a, %b : f32
    spirv.Store "CrossWorkgroup" %y, %sum : f32
    spirv.Return
  }

  spirv.EntryPoint "Kernel" @add, @item
  spirv.EntryPoint "Kernel" @exponential, @item
  spirv.EntryPoint "Kernel" @transpose, @block
  spirv.EntryPoint "Kernel" @matmul, @block, @blocks
  spirv.EntryPoint "Kernel" @count, @block, @blocks
  spirv.EntryPoint "Kernel" @lookup
  spirv.EntryPoint "Kernel" @accumulate
}
