// What the threads of one block do together in plain loops: their numbers and reductions across them.
#ifndef TGC_TILE_THREADS_TD
#define TGC_TILE_THREADS_TD

def Tile_ThreadOp : Tile_Op<"thread", [Pure]> {
  let summary = "this thread's number in its block, from 0";
  let results = (outs Index:$result);
  let assemblyFormat = "attr-dict";
  let builders = [OpBuilder<(ins), [{ build($_builder, $_state, $_builder.getIndexType()); }]>];
}

def Tile_ReduceOp : Tile_Op<"reduce", [SingleBlock]> {
  let summary = "combines values of several threads; all of them get the result";
  let description = [{
    Every pair (count, stride) is a digit of the thread's number, `thread floordiv stride mod count`. Threads
    that differ in these digits alone are combined; the order is free, but the same in every run. The body
    combines two sets of the values. All threads of the block must come by.
    ```
    %sum = tile.reduce %partial over [32, 4] at [1, 128] : (f32) -> f32 {
    ^bb0(%a: f32, %b: f32):
      %c = arith.addf %a, %b : f32
      tile.yield %c : f32
    }
    ```
  }];
  let arguments = (ins Variadic<AnyType>:$values, DenseI64ArrayAttr:$counts, DenseI64ArrayAttr:$strides);
  let results = (outs Variadic<AnyType>:$results);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $values `over` $counts `at` $strides attr-dict `:` functional-type($values, $results) $body
  }];
  let hasVerifier = 1;
  let skipDefaultBuilders = 1;
  let builders = [OpBuilder<(ins "::mlir::ValueRange":$values, "::llvm::ArrayRef<int64_t>":$counts,
                                 "::llvm::ArrayRef<int64_t>":$strides)>];
  let extraClassDeclaration = [{ ::mlir::Block *getBlock() { return &getBody().front(); } }];
}

#endif
