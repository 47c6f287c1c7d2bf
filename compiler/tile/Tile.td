// The tile dialect: one block's program.
#ifndef TGC_TILE_TD
#define TGC_TILE_TD

include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Tile_Dialect : Dialect {
  let name = "tile";
  let cppNamespace = "::tgc::tile";
  let summary = "What one block does with its tiles";
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let extraClassDeclaration = "void registerTypes();";
  let description = [{
    A tile is a memref of static shape over the coordinates of the computation (m, k), whose layout says where
    they lie: none or `strided<…>` for plain rows and columns, `#tile.layout<…>` for panels. Between the tile
    operations stand arith, math, affine, scf, vector and memref.
  }];
}

class Tile_Op<string mnemonic, list<Trait> traits = []> : Op<Tile_Dialect, mnemonic, traits>;

def Tile_LayoutAttr : AttrDef<Tile_Dialect, "Layout", [DeclareAttrInterfaceMethods<MemRefLayoutAttrInterface, ["isIdentity", "verifyLayout"]>]> {
  let mnemonic = "layout";
  let summary = "nested shapes and strides of a tile's coordinates";
  let description = [{
    For every coordinate its parts as `shape:stride`, innermost first; an element lies at the sum over all
    coordinates and parts of part index times stride. Panels of 12 rows over 384 columns, [12][384][12]:
    ```
    memref<144x384xf32, #tile.layout<[12:1, 12:4608], [384:12]>>
    ```
  }];
  // parts[d] pairs of shapes and strides belong to coordinate d.
  let parameters = (ins ArrayRefParameter<"int64_t">:$parts, ArrayRefParameter<"int64_t">:$shapes,
                        ArrayRefParameter<"int64_t">:$strides);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    struct Part { int64_t shape, stride; };
    static LayoutAttr get(::mlir::MLIRContext *context, ::llvm::ArrayRef<::llvm::SmallVector<Part>> dims);
    /// The parts of one coordinate, innermost first.
    ::llvm::SmallVector<Part> getDim(unsigned dim);
    /// Elements from the first to behind the last.
    int64_t getSpan();
  }];
}

def Tile_FuncOp : Tile_Op<"func", [Symbol, IsolatedFromAbove, SingleBlock, NoTerminator, OpAsmOpInterface]> {
  let summary = "the program of one block of a launch";
  let description = [{
    Arguments: the kernel's buffers (memrefs), then the block's index in the linear grid (index).
    ```
    tile.func @f(%x: memref<4x16xf32>, %y: memref<4x16xf32>) block %b of 4 threads(1) {
      …
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrArrayAttr:$buffer_names, I64Attr:$blocks, I64Attr:$threads);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::MutableArrayRef<::mlir::BlockArgument> getBuffers() { return getBody().getArguments().drop_back(); }
    ::mlir::BlockArgument getBlockIndex() { return getBody().getArguments().back(); }
    ::mlir::Block *getBlock() { return &getBody().front(); }
    void getAsmBlockArgumentNames(::mlir::Region &, ::mlir::OpAsmSetValueNameFn setName);
  }];
  let builders = [OpBuilder<(ins "::llvm::StringRef":$name, "::mlir::TypeRange":$buffers,
                                 "::llvm::ArrayRef<::mlir::Attribute>":$bufferNames, "int64_t":$blocks,
                                 "int64_t":$threads)>];
  let skipDefaultBuilders = 1;
}

def Tile_ScratchOp : Tile_Op<"scratch", []> {
  let summary = "memory of this block, undefined at its start";
  let description = [{
    Shared memory on a GPU; on a CPU a part of the thread's private scratch. `%s = tile.scratch : memref<144x256xf32>`
  }];
  let results = (outs AnyStaticShapeMemRef:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
}

def Tile_WalkOp : Tile_Op<"walk", [SingleBlock, NoTerminator, OpAsmOpInterface]> {
  let summary = "the tiles of a block: coordinates on the grid of tiles";
  let description = [{
    The body runs for the tile whose ordinal is `ordinal`; the first coordinate runs fastest. With `raster(p, n)`
    n tiles of coordinate p (not the first) are walked before the ones in front of it move on, which keeps
    both operands' tiles in a shared cache.
    ```
    tile.walk (%n, %m, %b) in (10, 32, 2) raster(1, 4) at %block {
      …
    }
    ```
  }];
  let arguments = (ins Index:$ordinal, StrArrayAttr:$names, DenseI64ArrayAttr:$counts,
                       OptionalAttr<DenseI64ArrayAttr>:$raster);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let skipDefaultBuilders = 1;
  let builders = [OpBuilder<(ins "::mlir::Value":$ordinal, "::llvm::ArrayRef<::llvm::StringRef>":$names,
                                 "::llvm::ArrayRef<int64_t>":$counts, "::mlir::DenseI64ArrayAttr":$raster)>];
  let extraClassDeclaration = [{
    ::mlir::Block *getBlock() { return &getBody().front(); }
    void getAsmBlockArgumentNames(::mlir::Region &, ::mlir::OpAsmSetValueNameFn setName);
  }];
}

def Tile_ViewOp : Tile_Op<"view", [Pure]> {
  let summary = "a tile of a buffer or of scratch, in place";
  let description = [{
    The tile's element at its first coordinates is the source's element at the indices; the others follow by
    the result's layout, which counts in elements of memory.
    ```
    %a = tile.view %x[%m0, %k0] : memref<4096x320xf32> to memref<144x320xf32, strided<[320, 1], offset: ?>>
    %b = tile.view %w[%p, %k0, 0] : memref<10x320x32xf32> to memref<320x320xf32, #tile.layout<[320:32], [32:1, 10:10240]>>
    ```
  }];
  let arguments = (ins AnyStaticShapeMemRef:$source, Variadic<Index>:$indices);
  let results = (outs AnyStaticShapeMemRef:$result);
  let assemblyFormat = "$source `[` $indices `]` attr-dict `:` type($source) `to` type($result)";
  let hasVerifier = 1;
}

class Tile_Nest<string mnemonic, list<Trait> traits = []> : Tile_Op<mnemonic, traits # [OpAsmOpInterface]> {
  let regions = (region SizedRegion<1>:$body, AnyRegion:$tail);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let skipDefaultBuilders = 1;
}

def Tile_MapOp : Tile_Nest<"map"> {
  let summary = "runs its body at every point of a box of tile coordinates";
  let description = [{
    With `lanes(n)` one run of the body serves n points along the last coordinate, which is the first of them;
    `tail` serves the points that are left, one at a time, and may be absent when there are none. Order is
    free, and what the body reads is never written by another point, so that what does not depend on the
    inner coordinates may be computed once.
    ```
    tile.map (%m, %n) to (%rows, 320) lanes(16) {
      %s = vector.load %acc[%m, %n] : memref<144x320xf32>, vector<16xf32>
      …
      tile.yield
    }
    ```
  }];
  let arguments = (ins Variadic<Index>:$bounds, DenseI64ArrayAttr:$static_bounds, StrArrayAttr:$names,
                       I64Attr:$lanes);
  let builders = [OpBuilder<(ins "::llvm::ArrayRef<::mlir::OpFoldResult>":$bounds,
                                 "::llvm::ArrayRef<::llvm::StringRef>":$names, "int64_t":$lanes, "bool":$tail)>];
  let extraClassDeclaration = [{
    unsigned getNumCoords() { return getStaticBounds().size(); }
    ::llvm::SmallVector<::mlir::OpFoldResult> getMixedBounds();
    void getAsmBlockArgumentNames(::mlir::Region &, ::mlir::OpAsmSetValueNameFn setName);
  }];
}

def Tile_CopyKind : I32EnumAttr<"CopyKind", "how a tile is brought near", [I32EnumAttrCase<"Pack", 0, "pack">]> {
  let cppNamespace = "::tgc::tile";
  let genSpecializedAttr = 0;
}
def Tile_CopyKindAttr : EnumAttr<Tile_Dialect, Tile_CopyKind, "copy_kind">;

def Tile_CopyOp : Tile_Nest<"copy"> {
  let summary = "fills a tile";
  let description = [{
    `pack`: the body computes the element (with `lanes(n)`, n elements along the last coordinate) that goes to
    the tile's place; the coordinates are as for tile.map. So conversions, conditions with their fill and
    element-wise work come with the copy.
    ```
    tile.copy pack (%y, %x, %c) to (2, 64, 320) lanes(16) -> %a[%y * 64 + %x, %c] : memref<128x320xf32> {
      …
      tile.yield %v : vector<16xf32>
    }
    ```
  }];
  let arguments = (ins Tile_CopyKindAttr:$kind, AnyStaticShapeMemRef:$target, Variadic<Index>:$bounds,
                       AffineMapAttr:$map, DenseI64ArrayAttr:$static_bounds, StrArrayAttr:$names,
                       I64Attr:$lanes);
  let builders = [OpBuilder<(ins "::mlir::Value":$target, "::mlir::AffineMap":$map,
                                 "::llvm::ArrayRef<::mlir::OpFoldResult>":$bounds,
                                 "::llvm::ArrayRef<::llvm::StringRef>":$names, "int64_t":$lanes, "bool":$tail)>];
  let extraClassDeclaration = [{
    unsigned getNumCoords() { return getStaticBounds().size(); }
    ::llvm::SmallVector<::mlir::OpFoldResult> getMixedBounds();
    void getAsmBlockArgumentNames(::mlir::Region &, ::mlir::OpAsmSetValueNameFn setName);
  }];
}

def Tile_YieldOp : Tile_Op<"yield", [Pure, Terminator, ParentOneOf<["MapOp", "CopyOp", "ReduceOp", "EachOp"]>]> {
  let summary = "ends the body of a map, a copy, a reduce or an each";
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "attr-dict ($values^ `:` type($values))?";
  let builders = [OpBuilder<(ins), [{}]>];
}

def Tile_DotOp : Tile_Op<"dot", [AttrSizedOperandSegments]> {
  let summary = "sums[m, n] += Σ_k left[m, k] · right[k, n] by a matrix instruction";
  let description = [{
    `fma<12x32>` names the atom and its register tile. Columns are padded to whole register tiles in `right`
    and `sums`. `rows` and `depth` bound m and k where a tile is not full. `from_zero` starts the sums from
    zero, `fresh(%i1)` does where the bit is set.
    ```
    tile.dot fma<12x32> %a, %b -> %acc rows(%r) fresh(%first) : memref<144x384xf32>, memref<…>, memref<144x320xf32>
    ```
  }];
  let arguments = (ins StrAttr:$atom, I64Attr:$atom_m, I64Attr:$atom_n, AnyStaticShapeMemRef:$left,
                       AnyStaticShapeMemRef:$right, AnyStaticShapeMemRef:$sums, Optional<Index>:$rows,
                       Optional<Index>:$depth, Optional<I1>:$fresh, UnitAttr:$from_zero);
  let assemblyFormat = [{
    custom<Atom>($atom, $atom_m, $atom_n) $left `,` $right `->` $sums (`rows` `(` $rows^ `)`)?
    (`depth` `(` $depth^ `)`)? (`fresh` `(` $fresh^ `)`)? (`from_zero` $from_zero^)? attr-dict `:` type($left) `,`
    type($right) `,` type($sums)
  }];
  let hasVerifier = 1;
}

include "compiler/tile/Threads.td"

#endif
