// The graph dialect: what is computed, on whole tensors. Element-wise work is arith and math on tensors.
#ifndef TGC_GRAPH_TD
#define TGC_GRAPH_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Graph_Dialect : Dialect {
  let name = "graph";
  let cppNamespace = "::tgc::graph";
  let summary = "Whole-tensor computation with views as index maps";
  let useDefaultAttributePrinterParser = 1;
}

def AnyIntegerSetAttr : Attr<CPred<"::llvm::isa<::mlir::IntegerSetAttr>($_self)">, "integer set"> {
  let storageType = [{ ::mlir::IntegerSetAttr }];
  let returnType = [{ ::mlir::IntegerSet }];
  let constBuilderCall = "::mlir::IntegerSetAttr::get($0)";
}

class Graph_Op<string mnemonic, list<Trait> traits = []> : Op<Graph_Dialect, mnemonic, traits>;

def Graph_ExternalAttr : AttrDef<Graph_Dialect, "External"> {
  let mnemonic = "external";
  let summary = "raw little-endian bytes in a file: path (relative to the model), byte offset, byte length";
  let parameters = (ins StringRefParameter<>:$path, "int64_t":$offset, "int64_t":$length);
  let assemblyFormat = "`<` $path `,` $offset `,` $length `>`";
}

def Graph_WeightOp : Graph_Op<"weight", [Pure]> {
  let summary = "a named constant tensor whose bytes are bound later";
  let description = [{
    `source` says where the bytes come from: `#graph.external<…>`, a dense attribute for data kept in the
    package, or nothing when the application must bind it (or a seed fills it).
    ```
    %w = graph.weight "conv_in.weight" from(#graph.external<"unet.weights", 0, 46080>) : tensor<320x4x3x3xf32>
    ```
  }];
  let arguments = (ins StrAttr:$name, OptionalAttr<AnyAttr>:$source);
  let results = (outs AnyStaticShapeTensor:$result);
  let assemblyFormat = "$name (`from` `(` $source^ `)`)? attr-dict `:` type($result)";
}

def Graph_ViewOp : Graph_Op<"view", [Pure]> {
  let summary = "any movement of one tensor: an index map with a validity domain and a fill value";
  let description = [{
    result[d] = (d in `where` and map(d) inside the source's shape) ? source[map(d)] : fill.
    Without a fill, `where` is absent and the map stays inside the source for every d. Reshape, permute,
    expand, slice, pad, nearest resize and strided gathers are all this; floordiv and mod by constants occur.
    ```
    %p = graph.view %x[affine_map<(d0, d1) -> (d0, d1 - 1)>] else(0.0 : f32) : tensor<4x6xf32> -> tensor<4x8xf32>
    ```
  }];
  let arguments = (ins AnyStaticShapeTensor:$source, AffineMapAttr:$map, OptionalAttr<AnyIntegerSetAttr>:$where,
                       OptionalAttr<TypedAttrInterface>:$fill);
  let results = (outs AnyStaticShapeTensor:$result);
  let assemblyFormat = [{
    $source `[` $map `]` (`where` $where^)? (`else` `(` $fill^ `)`)? attr-dict `:` type($source) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Graph_PieceOp : Graph_Op<"piece", [Pure]> {
  let summary = "a tensor put together from pieces under conditions";
  let description = [{
    result[d] is sources[i][maps[i](d)] of the first piece i with d in wheres[i] and the index in range,
    else fill. Concat, pad, stack and ScatterND with constant indices are this. A fill is needed unless the
    pieces cover the result.
    ```
    %c = graph.piece(%a, %b) maps [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0 - 4)>]
           wheres [affine_set<(d0) : (3 - d0 >= 0)>, affine_set<(d0) : (d0 - 4 >= 0)>]
           : (tensor<4xf32>, tensor<2xf32>) -> tensor<6xf32>
    ```
  }];
  let arguments = (ins Variadic<AnyStaticShapeTensor>:$sources, TypedArrayAttrBase<AffineMapAttr, "maps">:$maps,
                       TypedArrayAttrBase<AnyIntegerSetAttr, "sets">:$wheres,
                       OptionalAttr<TypedAttrInterface>:$fill);
  let results = (outs AnyStaticShapeTensor:$result);
  let assemblyFormat = [{
    `(` $sources `)` `maps` $maps `wheres` $wheres (`else` `(` $fill^ `)`)? attr-dict
    `:` functional-type($sources, $result)
  }];
  let hasVerifier = 1;
}

def Graph_ContractKind : I32EnumAttr<"ContractKind", "how the products are combined", [
    I32EnumAttrCase<"Sum", 0, "sum">, I32EnumAttrCase<"Softmax", 1, "softmax">]> {
  let cppNamespace = "::tgc::graph";
  let genSpecializedAttr = 0;
}
def Graph_ContractKindAttr : EnumAttr<Graph_Dialect, Graph_ContractKind, "kind">;

def Graph_ContractOp : Graph_Op<"contract", [Pure]> {
  let summary = "sum of products with one index map per operand";
  let description = [{
    The iteration space has `extents`; its first rank(result) dimensions index the result in order, the others
    are reduced. `sum`: result[o] = Σ_r lhs[lhsMap(o,r)] · rhs[rhsMap(o,r)], accumulated in the result's type.
    `softmax`: result[o] = Σ_r softmax_r(lhs[…]) · rhs[…]. Matmul, batched matmul and grouped 1/2/3-D
    convolution differ only in their maps. Maps stay inside the operands (padding is a view with fill 0). With `tf32`,
    operands of f32 may be rounded to 10 bits behind the point.
    ```
    %y = graph.contract sum %a, %b extents [4, 8, 16] maps affine_map<(m, n, k) -> (m, k)>,
           affine_map<(m, n, k) -> (k, n)> : tensor<4x16xbf16>, tensor<16x8xbf16> -> tensor<4x8xf32>
    ```
  }];
  let arguments = (ins Graph_ContractKindAttr:$kind, AnyStaticShapeTensor:$lhs, AnyStaticShapeTensor:$rhs,
                       DenseI64ArrayAttr:$extents, AffineMapAttr:$lhsMap, AffineMapAttr:$rhsMap, UnitAttr:$tf32);
  let results = (outs AnyStaticShapeTensor:$result);
  let assemblyFormat = [{
    $kind $lhs `,` $rhs `extents` $extents `maps` $lhsMap `,` $rhsMap (`tf32` $tf32^)? attr-dict
    `:` type($lhs) `,` type($rhs) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Graph_ReduceKind : I32EnumAttr<"ReduceKind", "associative reduction", [
    I32EnumAttrCase<"Add", 0, "add">, I32EnumAttrCase<"Mul", 1, "mul">, I32EnumAttrCase<"Max", 2, "max">,
    I32EnumAttrCase<"Min", 3, "min">, I32EnumAttrCase<"ArgMax", 4, "argmax">,
    I32EnumAttrCase<"ArgMin", 5, "argmin">]> {
  let cppNamespace = "::tgc::graph";
  let genSpecializedAttr = 0;
}
def Graph_ReduceKindAttr : EnumAttr<Graph_Dialect, Graph_ReduceKind, "reduce_kind">;

def Graph_ReduceOp : Graph_Op<"reduce", [Pure]> {
  let summary = "reduction over dimensions, which disappear from the result";
  let description = [{
    max and min propagate NaN. argmax and argmin take one dimension and give the lowest index of the extreme
    value (NaN is the extreme) as i64. On signless integers max and min are signed unless `unsigned` is set.
    ```
    %s = graph.reduce add %x dims [1] : tensor<4x16xf32> -> tensor<4xf32>
    ```
  }];
  let arguments = (ins Graph_ReduceKindAttr:$kind, AnyStaticShapeTensor:$source, DenseI64ArrayAttr:$dims,
                       UnitAttr:$is_unsigned);
  let results = (outs AnyStaticShapeTensor:$result);
  let assemblyFormat = [{
    $kind $source `dims` $dims (`unsigned` $is_unsigned^)? attr-dict `:` type($source) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Graph_MomentsOp : Graph_Op<"moments", [Pure]> {
  let summary = "mean and population variance over dimensions, which disappear from the results";
  let arguments = (ins AnyStaticShapeTensor:$source, DenseI64ArrayAttr:$dims);
  let results = (outs AnyStaticShapeTensor:$mean, AnyStaticShapeTensor:$variance);
  let assemblyFormat = [{
    $source `dims` $dims attr-dict `:` type($source) `->` type($mean) `,` type($variance)
  }];
  let hasVerifier = 1;
}

def Graph_GatherOp : Graph_Op<"gather", [Pure]> {
  let summary = "indexing by values known only at run time";
  let description = [{
    result[d] = source[map(d) with dimension `axis` replaced by indices[indexMap(d)]]; an index outside the
    dimension gives fill (zero when absent). map gives 0 for `axis`.
    ```
    %e = graph.gather %table[affine_map<(d0, d1) -> (0, d1)>] axis 0 by %ids[affine_map<(d0, d1) -> (d0)>]
           : tensor<1000x64xf32>, tensor<7xi64> -> tensor<7x64xf32>
    ```
  }];
  let arguments = (ins AnyStaticShapeTensor:$source, AffineMapAttr:$map, I64Attr:$axis,
                       AnyStaticShapeTensor:$indices, AffineMapAttr:$indexMap,
                       OptionalAttr<TypedAttrInterface>:$fill);
  let results = (outs AnyStaticShapeTensor:$result);
  let assemblyFormat = [{
    $source `[` $map `]` `axis` $axis `by` $indices `[` $indexMap `]` (`else` `(` $fill^ `)`)? attr-dict
    `:` type($source) `,` type($indices) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Graph_CoordOp : Graph_Op<"coord", [Pure]> {
  let summary = "an affine expression of the element's own coordinates, as an integer";
  let description = [{
    result[d] = map(d), one expression, in the result's integer type.
    ```
    %i = graph.coord affine_map<(d0, d1) -> (d0 * 2 + d1)> : tensor<4x2xi64>
    ```
  }];
  let arguments = (ins AffineMapAttr:$map);
  let results = (outs AnyStaticShapeTensor:$result);
  let assemblyFormat = "$map attr-dict `:` type($result)";
  let hasVerifier = 1;
}

#endif
