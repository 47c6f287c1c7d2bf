// Operations of asynchronous pipelines: rings of fills, boxes, roles, dots in flight, turns and slots.
#ifndef TGC_TILE_PIPE_TD
#define TGC_TILE_PIPE_TD

include "compiler/tile/Tile.td"

class Tile_Type<string name, string typeMnemonic> : TypeDef<Tile_Dialect, name> { let mnemonic = typeMnemonic; }

def Tile_FragmentType : Tile_Type<"Fragment", "fragment"> {
  let summary = "a tile in the registers of a group of threads";
  let description = [{
    The layout is named; which thread's register holds which element is the target's constant. One coordinate:
    a value a row, known to all threads of the row. `!tile.fragment<128x192xf32, sums>`
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape, "::mlir::Type":$elementType, "::mlir::StringAttr":$layout);
  let hasCustomAssemblyFormat = 1;
}

def Tile_SharedType : Tile_Type<"Shared", "shared"> {
  let summary = "a tile in block memory as copy engines and matrix instructions see it";
  let description = [{
    Rows of `swizzle` bytes, which are exchanged in pieces of 16 bytes; what does not fit a row lies behind all rows:
    128x128 of 2 bytes under 128 is [2][128][64]. `!tile.shared<128x64xbf16, 128>`
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape, "::mlir::Type":$elementType, "int64_t":$swizzle);
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    int64_t getBytes();
    /// Elements of a row of `swizzle` bytes.
    int64_t getRowElements();
  }];
}

def Tile_RingType : Tile_Type<"Ring", "ring"> {
  let summary = "a ring of fills, each of some shared tiles";
  let parameters = (ins ArrayRefParameter<"::tgc::tile::SharedType">:$parts);
  let assemblyFormat = "`<` $parts `>`";
  let extraClassDeclaration = "int64_t getFillBytes();";
}

def Tile_SlotsType : Tile_Type<"Slots", "slots"> {
  let summary = "staging tiles of one consumer's stores";
  let parameters = (ins "::tgc::tile::SharedType":$slot);
  let assemblyFormat = "`<` $slot `>`";
}

def Tile_BoxType : Tile_Type<"Box", "box"> { let summary = "a buffer as a copy engine reads or writes it"; }
def Tile_TurnsType : Tile_Type<"Turns", "turns"> { let summary = "whose turn it is"; }

def Tile_BoxOp : Tile_Op<"box", [Pure]> {
  let summary = "a buffer in boxes";
  let description = [{
    Dimensions outermost first, strides in elements, the last one 1; `steps` is the distance of neighbours in a box.
    Outside of `sizes` a fetch reads 0 and a store writes nothing.
    ```
    %bx = tile.box %x offset 0 sizes [4096, 3072] strides [3072, 1] box [128, 64] swizzle 128 : memref<4096x3072xbf16>
    ```
  }];
  let arguments = (ins AnyStaticShapeMemRef:$buffer, I64Attr:$offset, DenseI64ArrayAttr:$sizes,
                       DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$box, OptionalAttr<DenseI64ArrayAttr>:$steps,
                       I64Attr:$swizzle);
  let results = (outs Tile_BoxType:$result);
  let assemblyFormat = [{
    $buffer `offset` $offset `sizes` $sizes `strides` $strides `box` $box (`steps` $steps^)? `swizzle` $swizzle
    attr-dict `:` type($buffer)
  }];
  let hasVerifier = 1;
}

def Tile_RingOp : Tile_Op<"ring"> {
  let summary = "block memory for several fills in flight";
  let description = [{
    Fills are counted from the kernel's start; fill p lies in stage p mod `stages`, and `freed_by` releases of it
    make place for fill p + `stages`; with `subgroups` every subgroup of a releasing group counts as done when
    it comes by, else the group's first one speaks for all. With `cluster` n a fill is freed when the groups of all n
    blocks of the cluster have released it.
    ```
    %ring = tile.ring stages 4 freed_by 1 : !tile.ring<!tile.shared<128x64xbf16, 128>, !tile.shared<192x64xbf16, 128>>
    ```
  }];
  let arguments = (ins I64Attr:$stages, I64Attr:$freed_by, UnitAttr:$subgroups, DefaultValuedAttr<I64Attr, "1">:$cluster);
  let results = (outs Tile_RingType:$result);
  let assemblyFormat = [{
    `stages` $stages `freed_by` $freed_by (`subgroups` $subgroups^)? (`cluster` $cluster^)? attr-dict `:` type($result)
  }];
  let hasVerifier = 1;
}

class Tile_FillOp<string mnemonic> : Tile_Op<mnemonic> {
  let arguments = (ins Tile_RingType:$ring, Index:$fill);
  let assemblyFormat = "$ring `[` $fill `]` attr-dict `:` type($ring)";
}
def Tile_RingAcquireOp : Tile_FillOp<"ring.acquire"> {
  let summary = "waits until the fill's stage is free, and announces all bytes of the fill";
}
def Tile_RingWaitOp : Tile_FillOp<"ring.wait"> { let summary = "waits until the fill has come"; }
def Tile_RingReleaseOp : Tile_FillOp<"ring.release"> {
  let summary = "one of the releases of a fill: this group reads it no more";
}

def Tile_RingPartOp : Tile_Op<"ring.part", [Pure]> {
  let summary = "a tile of a fill, from a row and column on";
  let description = "`%a = tile.ring.part %ring[%p] 0 at [%row, %column] : !tile.ring<…> -> !tile.shared<64x64xbf16, 128>`";
  let arguments = (ins Tile_RingType:$ring, Index:$fill, I64Attr:$part, Index:$row, Index:$column);
  let results = (outs Tile_SharedType:$result);
  let assemblyFormat = [{
    $ring `[` $fill `]` $part `at` `[` $row `,` $column `]` attr-dict `:` type($ring) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Tile_RingCommitOp : Tile_Op<"ring.commit"> {
  let summary = "in tile.groups: what was fetched since the last commit is one fill, which may be none";
  let arguments = (ins Tile_RingType:$ring);
  let assemblyFormat = "$ring attr-dict `:` type($ring)";
}
def Tile_RingAwaitOp : Tile_Op<"ring.await"> {
  let summary = "in tile.groups: waits until all but the last `pending` commits have come, of all groups";
  let description = [{
    All groups meet here, so that what they read before may be overwritten behind.
    `tile.ring.await %ring[%p] pending 2 : !tile.ring<…>`
  }];
  let arguments = (ins Tile_RingType:$ring, Index:$fill, I64Attr:$pending);
  let assemblyFormat = "$ring `[` $fill `]` `pending` $pending attr-dict `:` type($ring)";
}

def Tile_FetchOp : Tile_Op<"fetch"> {
  let summary = "an asynchronous copy of one box into a part of a fill";
  let description = [{
    The box's bytes go to the part's bytes from `offset` on. In tile.groups all threads copy, and check the dimensions
    that the box may leave, `clipped`. `multicast` brings it to the same place in all blocks of the ring's cluster.
    `tile.fetch %bx[%m0, %k0] -> %ring[%p] 0 offset 0 clipped [0] : …`
  }];
  let arguments = (ins Tile_BoxType:$box, Variadic<Index>:$coords, Tile_RingType:$ring, Index:$fill, I64Attr:$part,
                       I64Attr:$offset, OptionalAttr<DenseI64ArrayAttr>:$clipped, UnitAttr:$multicast);
  let assemblyFormat = [{
    $box `[` $coords `]` `->` $ring `[` $fill `]` $part `offset` $offset (`clipped` $clipped^)? (`multicast` $multicast^)?
    attr-dict `:` type($ring)
  }];
}

def Tile_BlockReadOp : Tile_Op<"block.read"> {
  let summary = "a fragment straight from memory";
  let description = [{
    The box at these coordinates, rows × columns or with `transposed` columns × rows of the fragment, which is an
    operand: `left` is rows × depth, `right` columns × depth. What lies outside is 0; dimensions that the box may leave
    are `clipped`, all if they are not named.
    ```
    %a = tile.block.read %bx[%m0, %k] : !tile.fragment<32x32xbf16, left>
    %b = tile.block.read %bw[%k, %n0] transposed : !tile.fragment<64x32xbf16, right>
    ```
  }];
  let arguments = (ins Tile_BoxType:$box, Variadic<Index>:$coords, UnitAttr:$transposed,
                       OptionalAttr<DenseI64ArrayAttr>:$clipped);
  let results = (outs Tile_FragmentType:$result);
  let assemblyFormat = [{
    $box `[` $coords `]` (`transposed` $transposed^)? (`clipped` $clipped^)? attr-dict `:` type($result)
  }];
}

def Tile_BlockPrefetchOp : Tile_Op<"block.prefetch"> {
  let summary = "asks the cache for a box; what lies outside is not asked for";
  let arguments = (ins Tile_BoxType:$box, Variadic<Index>:$coords, OptionalAttr<DenseI64ArrayAttr>:$clipped);
  let assemblyFormat = "$box `[` $coords `]` (`clipped` $clipped^)? attr-dict";
}

def Tile_BlockWriteOp : Tile_Op<"block.write", [AttrSizedOperandSegments]> {
  let summary = "a fragment's elements to a box straight from registers, but for what lies outside";
  let description = "`tile.block.write %e -> %by[%m, %n] : !tile.fragment<8x16xbf16, sums>`";
  let arguments = (ins Tile_FragmentType:$fragment, Tile_BoxType:$box, Variadic<Index>:$coords, Optional<I1>:$condition);
  let assemblyFormat = "$fragment `->` $box `[` $coords `]` (`if` $condition^)? attr-dict `:` type($fragment)";
}

def Tile_RolesOp : Tile_Op<"roles", [NoTerminator, OpAsmOpInterface]> {
  let summary = "groups of threads with different work";
  let description = [{
    `producer` is run by one thread of its group; `consumer` by every thread of each of `consumers` groups, with the
    group's number. Registers are a thread's.
    ```
    tile.roles producer threads 128 registers 40 { … } consumers 2 threads 128 registers 232 { ^bb0(%c: index): … }
    ```
  }];
  let arguments = (ins I64Attr:$producer_threads, I64Attr:$producer_registers, I64Attr:$consumers,
                       I64Attr:$consumer_threads, I64Attr:$consumer_registers);
  let regions = (region SizedRegion<1>:$producer, SizedRegion<1>:$consumer);
  let assemblyFormat = [{
    `producer` `threads` $producer_threads `registers` $producer_registers $producer
    `consumers` $consumers `threads` $consumer_threads `registers` $consumer_registers $consumer attr-dict
  }];
  let extraClassDeclaration = [{
    void getAsmBlockArgumentNames(::mlir::Region &region, ::mlir::OpAsmSetValueNameFn setName);
  }];
  let hasVerifier = 1;
}

def Tile_GroupsOp : Tile_Op<"groups", [NoTerminator, OpAsmOpInterface]> {
  let summary = "groups of threads with the same work, copies included";
  let description = [{
    The body is run by every thread of each group, with the group's number. Registers are a thread's, where a kernel
    says how many it wants.
    `tile.groups 4 threads 32 { ^bb0(%c: index): … }`
  }];
  let arguments = (ins I64Attr:$groups, I64Attr:$threads, OptionalAttr<I64Attr>:$registers);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$groups `threads` $threads (`registers` $registers^)? $body attr-dict";
  let extraClassDeclaration = [{
    void getAsmBlockArgumentNames(::mlir::Region &region, ::mlir::OpAsmSetValueNameFn setName);
  }];
  let hasVerifier = 1;
}

def Tile_TurnsOp : Tile_Op<"turns"> {
  let summary = "turns among two groups; nobody has the first";
  let arguments = (ins I64Attr:$count);
  let results = (outs Tile_TurnsType:$result);
  let assemblyFormat = "$count attr-dict";
}
def Tile_TurnWaitOp : Tile_Op<"turn.wait"> {
  let summary = "waits until the turn has been passed";
  let arguments = (ins Tile_TurnsType:$turns, Index:$turn);
  let assemblyFormat = "$turns `[` $turn `]` attr-dict";
}
def Tile_TurnPassOp : Tile_Op<"turn.pass"> {
  let summary = "passes a turn, without waiting";
  let arguments = (ins Tile_TurnsType:$turns, Index:$turn, Optional<I1>:$condition);
  let assemblyFormat = "$turns `[` $turn `]` (`if` $condition^)? attr-dict";
}

class Tile_FragmentDot<string mnemonic> : Tile_Op<mnemonic> {
  let arguments = (ins AnyTypeOf<[Tile_SharedType, Tile_FragmentType]>:$left,
                       AnyTypeOf<[Tile_SharedType, Tile_FragmentType]>:$right,
                       Optional<Tile_FragmentType>:$sums, UnitAttr:$transpose_left, UnitAttr:$transpose_right);
  let results = (outs Tile_FragmentType:$result);
  let assemblyFormat = [{
    $left (`transposed` $transpose_left^)? `,` $right (`transposed` $transpose_right^)? (`into` $sums^ `:` type($sums) `,` `operands`)?
    attr-dict `:` type($left) `,` type($right) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Tile_DotAsyncOp : Tile_FragmentDot<"dot.async"> {
  let summary = "starts sums (+)= left · right by matrix instructions; one group in flight";
  let description = [{
    Left is rows × depth, or depth × rows with `transpose_left`; right is columns × depth, or depth × columns with
    `transpose_right`. Without sums it starts from zero. The sums may be read after a `tile.dot.wait`.
    ```
    %acc = tile.dot.async %a, %b : !tile.shared<…>, !tile.shared<…> -> !tile.fragment<128x192xf32, sums>
    %next = tile.dot.async %a, %b into %acc : …
    ```
  }];
}

def Tile_DotGroupOp : Tile_FragmentDot<"dot.group"> {
  let summary = "sums (+)= left · right by matrix instructions of one group that its threads wait for";
  let description = "As `tile.dot.async`, but the sums may be read at once. A right fragment is columns × depth.";
}

def Tile_DotWaitOp : Tile_Op<"dot.wait"> {
  let summary = "waits until at most `pending` dots are in flight, and gives the sums of those that are done";
  let arguments = (ins I64Attr:$pending, Variadic<Tile_FragmentType>:$sums);
  let results = (outs Variadic<Tile_FragmentType>:$results);
  let assemblyFormat = "`pending` $pending ($sums^ `:` type($sums) `->` type($results))? attr-dict";
  let hasVerifier = 1;
}

def Tile_EachOp : Tile_Op<"each", [OpAsmOpInterface]> {
  let summary = "runs its body for every element of a fragment's piece that a thread holds";
  let description = [{
    The piece is `shape` from `origin` on, of fragments of that layout; the body gets row and column in the fragment.
    With lanes(n) it serves n neighbours in a row. What it yields makes a new fragment of the piece's shape; it
    may store instead.
    ```
    %e = tile.each (%m, %n) in [64, 64] from [0, 128] lanes 2 layout "sums" {
      %x = tile.element %acc[%m, %n] : !tile.fragment<128x192xf32, sums> -> vector<2xf32>
      tile.yield %x : vector<2xf32>
    } -> !tile.fragment<64x64xf32, sums>
    ```
  }];
  let arguments = (ins DenseI64ArrayAttr:$shape, DenseI64ArrayAttr:$origin, I64Attr:$lanes, StrAttr:$layout);
  let results = (outs Optional<Tile_FragmentType>:$result);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $shape `from` $origin `lanes` $lanes `layout` $layout $body (`->` type($result)^)? attr-dict
  }];
  let extraClassDeclaration = [{
    void getAsmBlockArgumentNames(::mlir::Region &region, ::mlir::OpAsmSetValueNameFn setName);
  }];
  let hasVerifier = 1;
}

def Tile_ElementOp : Tile_Op<"element", [Pure]> {
  let summary = "an element, or two neighbours, of a fragment at coordinates inside tile.each";
  let description = [{
    The coordinates are those of the body plus what is the same for all threads. A fragment with one coordinate is
    read at its row.
  }];
  let arguments = (ins Tile_FragmentType:$fragment, Variadic<Index>:$coords);
  let results = (outs AnyType:$result);
  let assemblyFormat = "$fragment `[` $coords `]` attr-dict `:` type($fragment) `->` type($result)";
}

def Tile_FoldOp : Tile_Op<"fold", [Pure]> {
  let summary = "folds the rows of a fragment to one value each";
  let description = [{
    `max` ignores NaN, `add` adds, `first` takes the first column. With `partial` every thread folds only what it holds, and `tile.fold.join` finishes that.
    ```
    %m = tile.fold max %s : !tile.fragment<64x128xf32, sums> -> !tile.fragment<64xf32, rows>
    ```
  }];
  let arguments = (ins StrAttr:$kind, Tile_FragmentType:$source, UnitAttr:$partial);
  let results = (outs Tile_FragmentType:$result);
  let assemblyFormat = "$kind (`partial` $partial^)? $source attr-dict `:` type($source) `->` type($result)";
}
def Tile_FoldJoinOp : Tile_Op<"fold.join", [Pure]> {
  let summary = "finishes a partial fold: all threads of a row get its value";
  let arguments = (ins StrAttr:$kind, Tile_FragmentType:$source);
  let results = (outs Tile_FragmentType:$result);
  let assemblyFormat = "$kind $source attr-dict `:` type($source) `->` type($result)";
}

def Tile_ZeroOp : Tile_Op<"zero", [Pure]> {
  let summary = "a fragment of zeros";
  let results = (outs Tile_FragmentType:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
}

def Tile_ConvertOp : Tile_Op<"convert", [Pure]> {
  let summary = "the same elements in another layout or type";
  let arguments = (ins Tile_FragmentType:$source);
  let results = (outs Tile_FragmentType:$result);
  let assemblyFormat = "$source attr-dict `:` type($source) `->` type($result)";
}

def Tile_GatherOp : Tile_Op<"load"> {
  let summary = "a fragment from a shared tile";
  let arguments = (ins Tile_SharedType:$source);
  let results = (outs Tile_FragmentType:$result);
  let assemblyFormat = "$source attr-dict `:` type($source) `->` type($result)";
}

def Tile_SlotsOp : Tile_Op<"slots"> {
  let summary = "staging tiles for stores by the copy engine, of each consumer its own";
  let arguments = (ins I64Attr:$count);
  let results = (outs Tile_SlotsType:$result);
  let assemblyFormat = "$count attr-dict `:` type($result)";
}
def Tile_SlotsAcquireOp : Tile_Op<"slots.acquire"> {
  let summary = "waits until at most `pending` stores still read their slots";
  let arguments = (ins Tile_SlotsType:$slots, I64Attr:$pending);
  let assemblyFormat = "$slots `pending` $pending attr-dict `:` type($slots)";
}
def Tile_SlotsPutOp : Tile_Op<"slots.put"> {
  let summary = "writes a fragment into a slot, rows as rows or (transposed) as columns";
  let description = "The slot's bytes from `offset` on hold rows of `swizzle` bytes.";
  let arguments = (ins Tile_FragmentType:$fragment, Tile_SlotsType:$slots, I64Attr:$slot, I64Attr:$offset,
                       I64Attr:$swizzle, UnitAttr:$transposed);
  let assemblyFormat = [{
    $fragment (`transposed` $transposed^)? `->` $slots `[` $slot `]` `offset` $offset `swizzle` $swizzle attr-dict `:`
    type($fragment) `,` type($slots)
  }];
  let hasVerifier = 1;
}
def Tile_SlotsPublishOp : Tile_Op<"slots.publish"> {
  let summary = "what the group has put may be stored";
  let arguments = (ins Tile_SlotsType:$slots);
  let assemblyFormat = "$slots attr-dict `:` type($slots)";
}
def Tile_SlotsStoreOp : Tile_Op<"slots.store", [AttrSizedOperandSegments]> {
  let summary = "starts an asynchronous store of a box from a slot";
  let arguments = (ins Tile_SlotsType:$slots, I64Attr:$slot, I64Attr:$offset, Tile_BoxType:$box,
                       Variadic<Index>:$coords, Optional<I1>:$condition);
  let assemblyFormat = [{
    $slots `[` $slot `]` `offset` $offset `->` $box `[` $coords `]` (`if` $condition^)? attr-dict `:` type($slots)
  }];
}
def Tile_SlotsCommitOp : Tile_Op<"slots.commit"> {
  let summary = "the stores since the last commit are one group, that acquire counts";
  let arguments = (ins Tile_SlotsType:$slots);
  let assemblyFormat = "$slots attr-dict `:` type($slots)";
}
def Tile_SlotsDrainOp : Tile_Op<"slots.drain"> {
  let summary = "waits until all stores are done";
  let arguments = (ins Tile_SlotsType:$slots);
  let assemblyFormat = "$slots attr-dict `:` type($slots)";
}

#endif
