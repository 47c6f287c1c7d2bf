// The kernel dialect: pure functions from buffers to buffers over named axes, and the program that launches them.
#ifndef TGC_KERNEL_TD
#define TGC_KERNEL_TD

include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/IR/OpAsmInterface.td"

def Kernel_Dialect : Dialect {
  let name = "kernel";
  let cppNamespace = "::tgc::kernel";
  let summary = "Scheduled kernels over named axes";
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect"];
  let useDefaultAttributePrinterParser = 1;
  let description = [{
    A value inside kernel.func has a scalar type and, implicitly, a set of axes: the axes that its loads and
    coordinates name, less those that a reduction took. Combining two values broadcasts over the union of
    their axes. Axes are the `index` arguments of kernel.func; buffers are its memref arguments.
  }];
}

class Kernel_Op<string mnemonic, list<Trait> traits = []> : Op<Kernel_Dialect, mnemonic, traits>;

def Kernel_Scalar : AnyTypeOf<[AnyFloat, AnySignlessInteger]>;
def Kernel_Buffer : MemRefOf<[AnyFloat, AnySignlessInteger]>;

def AffineMapArray : TypedArrayAttrBase<AffineMapAttr, "affine maps">;
def AnySet : Attr<CPred<"::llvm::isa<::mlir::IntegerSetAttr>($_self)">, "integer set"> {
  let storageType = [{ ::mlir::IntegerSetAttr }];
  let returnType = [{ ::mlir::IntegerSet }];
  let constBuilderCall = "::mlir::IntegerSetAttr::get($0)";
}
def IntegerSetArray : TypedArrayAttrBase<AnySet, "integer sets">;

def Kernel_FuncOp : Kernel_Op<"func", [Symbol, IsolatedFromAbove, SingleBlock, NoTerminator, OpAsmOpInterface]> {
  let summary = "one kernel: buffers, named axes, and the values stored";
  let description = [{
    ```
    kernel.func @up(%x: memref<4x16xbf16>, %w: memref<8x16xbf16> {free}, %y: memref<4x8xbf16>)
        axes(%m = 4, %n = 8, %k = 16) attributes {schedule = "upcast(n,8)"} {
      %a = kernel.load %x[%m, %k] : memref<4x16xbf16>
      …
    }
    ```
    `free` marks a weight whose physical order the compiler may choose. The body has no terminator; its
    effects are its stores. Every buffer is loaded from or stored to, never both.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, DenseI64ArrayAttr:$extents, StrArrayAttr:$buffer_names,
                       StrArrayAttr:$axis_names, DenseBoolArrayAttr:$free, OptionalAttr<StrAttr>:$schedule);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    unsigned getNumBuffers() { return getBody().getNumArguments() - getExtents().size(); }
    unsigned getNumAxes() { return getExtents().size(); }
    ::mlir::MutableArrayRef<::mlir::BlockArgument> getBuffers() {
      return getBody().getArguments().take_front(getNumBuffers());
    }
    ::mlir::MutableArrayRef<::mlir::BlockArgument> getAxes() {
      return getBody().getArguments().drop_front(getNumBuffers());
    }
    ::mlir::Block *getBlock() { return &getBody().front(); }
    /// Position of an axis argument among the axes.
    unsigned axisIndex(::mlir::Value axis) {
      return ::llvm::cast<::mlir::BlockArgument>(axis).getArgNumber() - getNumBuffers();
    }
    int64_t extentOf(::mlir::Value axis) { return getExtents()[axisIndex(axis)]; }
    ::llvm::StringRef axisName(::mlir::Value axis) {
      return ::llvm::cast<::mlir::StringAttr>(getAxisNames()[axisIndex(axis)]).getValue();
    }
    /// Adds an axis at the end; gives its argument.
    ::mlir::BlockArgument addAxis(::llvm::StringRef name, int64_t extent);
    /// Adds a buffer after the other buffers; gives its argument.
    ::mlir::BlockArgument addBuffer(::llvm::StringRef name, ::mlir::MemRefType type, bool free = false);

    // OpAsmOpInterface: block arguments print under their names.
    void getAsmBlockArgumentNames(::mlir::Region &, ::mlir::OpAsmSetValueNameFn setName);
  }];
  let builders = [OpBuilder<(ins "::llvm::StringRef":$name)>];
  let skipDefaultBuilders = 1;
}

def Kernel_LoadOp : Kernel_Op<"load", [Pure, AttrSizedOperandSegments]> {
  let summary = "an element of a buffer, or of the first piece whose condition holds";
  let description = [{
    Indices and conditions are quasi-affine in the axes. Without `else` every index is provably in range and
    there is one unconditional piece. With `else`: where no piece's condition holds with its index in range
    the value is the fill and no memory is touched.
    ```
    %a = kernel.load %x[%m, %k] : memref<4x16xf32>
    %b = kernel.load %in[%y + %r - 1, %c] if (%r - %s >= 0, %p == 0) : memref<8x3xf32> else 0.0 : f32
    %c = kernel.load %u[%c] if (639 - %c >= 0) : memref<640xf32>, %k[%c - 640] : memref<320xf32> else 0.0 : f32
    ```
  }];
  // maps[i] and conditions[i] are over `axes`, used as dimensions; an empty condition always holds.
  let arguments = (ins Variadic<Kernel_Buffer>:$buffers, Variadic<Index>:$axes, AffineMapArray:$maps,
                       IntegerSetArray:$conditions, OptionalAttr<TypedAttrInterface>:$fill);
  let results = (outs Kernel_Scalar:$result);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    unsigned getNumPieces() { return getBuffers().size(); }
    ::mlir::AffineMap getMap(unsigned piece) {
      return ::llvm::cast<::mlir::AffineMapAttr>(getMaps()[piece]).getValue();
    }
    ::mlir::IntegerSet getCondition(unsigned piece) {
      return ::llvm::cast<::mlir::IntegerSetAttr>(getConditions()[piece]).getValue();
    }
  }];
  let builders = [
    // One unconditional piece.
    OpBuilder<(ins "::mlir::Value":$buffer, "::mlir::ValueRange":$axes, "::mlir::AffineMap":$map)>,
    OpBuilder<(ins "::mlir::ValueRange":$buffers, "::mlir::ValueRange":$axes,
                   "::llvm::ArrayRef<::mlir::AffineMap>":$maps,
                   "::llvm::ArrayRef<::mlir::IntegerSet>":$conditions, "::mlir::TypedAttr":$fill)>];
}

def Kernel_GatherOp : Kernel_Op<"gather", [Pure]> {
  let summary = "an element of a buffer with one index known only at run time";
  let description = [{
    The map gives 0 for dimension `dim`, whose index is the integer operand; out of range is the fill, never
    a fault.
    ```
    %e = kernel.gather %table[0, %c] dim 0 at %i : memref<1000x64xf32>, i64 else 0.0 : f32
    ```
  }];
  let arguments = (ins Kernel_Buffer:$buffer, Variadic<Index>:$axes, AffineMapAttr:$map, I64Attr:$dim,
                       AnySignlessInteger:$index, TypedAttrInterface:$fill);
  let results = (outs Kernel_Scalar:$result);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

def Kernel_StoreOp : Kernel_Op<"store", []> {
  let summary = "writes a value over an injective map of the axes";
  let description = [{
    Stores wherever the condition holds, for every point of the axes the map and condition name. The domains
    of all stores to one buffer are disjoint.
    ```
    kernel.store %v, %y[%m, %n] if (%n - 4 >= 0) : memref<4x8xf32>
    ```
  }];
  let arguments = (ins Kernel_Scalar:$value, Kernel_Buffer:$buffer, Variadic<Index>:$axes, AffineMapAttr:$map,
                       AnySet:$condition);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "::mlir::Value":$value, "::mlir::Value":$buffer, "::mlir::ValueRange":$axes,
                                 "::mlir::AffineMap":$map)>];
}

def Kernel_CoordOp : Kernel_Op<"coord", [Pure]> {
  let summary = "a quasi-affine expression of the axes as an integer";
  let description = "`%i = kernel.coord(%m * 2 + 1) : i32`";
  let arguments = (ins Variadic<Index>:$axes, AffineMapAttr:$map);
  let results = (outs AnySignlessInteger:$result);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

def Kernel_TestOp : Kernel_Op<"test", [Pure]> {
  let summary = "whether a condition on the axes holds";
  let description = "`%i = kernel.test(%m - 4 >= 0, %p == 0) : i1`";
  let arguments = (ins Variadic<Index>:$axes, AnySet:$condition);
  let results = (outs I1:$result);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

def Kernel_RemapOp : Kernel_Op<"remap", [Pure]> {
  let summary = "a value at another place along one axis";
  let description = [{
    %x with `axis` replaced by an expression of the axes, inside the axis's extent. Only on values that depend
    on a contract or reduce; on all others it is pushed into the loads.
    `%o = kernel.remap %u[%r -> 1 - %r] : f32`
  }];
  let arguments = (ins Kernel_Scalar:$source, Index:$axis, Variadic<Index>:$axes, AffineMapAttr:$map);
  let results = (outs Kernel_Scalar:$result);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

def Kernel_ContractOp : Kernel_Op<"contract", [Pure]> {
  let summary = "sum of products over axes, accumulated in the result's type";
  let description = [{
    `%s = kernel.contract %a, %b over(%k) : bf16, bf16 -> f32`. With `tf32`, operands of f32 may be rounded to 10 bits
    behind the point where a matrix instruction wants that; nothing has to.
  }];
  let arguments = (ins Kernel_Scalar:$lhs, Kernel_Scalar:$rhs, Variadic<Index>:$over, UnitAttr:$tf32);
  let results = (outs Kernel_Scalar:$result);
  let assemblyFormat = [{
    $lhs `,` $rhs `over` `(` $over `)` (`tf32` $tf32^)? attr-dict `:` type($lhs) `,` type($rhs) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Kernel_ReduceKind : I32EnumAttr<"ReduceKind", "associative reduction", [
    I32EnumAttrCase<"Add", 0, "add">, I32EnumAttrCase<"Mul", 1, "mul">, I32EnumAttrCase<"Max", 2, "max">,
    I32EnumAttrCase<"Min", 3, "min">, I32EnumAttrCase<"ArgMax", 4, "argmax">,
    I32EnumAttrCase<"ArgMin", 5, "argmin">]> {
  let cppNamespace = "::tgc::kernel";
  let genSpecializedAttr = 0;
}
def Kernel_ReduceKindAttr : EnumAttr<Kernel_Dialect, Kernel_ReduceKind, "reduce_kind">;

def Kernel_ReduceOp : Kernel_Op<"reduce", [Pure]> {
  let summary = "reduction over axes";
  let description = [{
    `%s = kernel.reduce add %x over(%k) : f32 -> f32`. argmax and argmin run over one axis and give i64; max and
    min propagate NaN and are signed on integers unless `unsigned` is there.
  }];
  let arguments = (ins Kernel_ReduceKindAttr:$kind, Kernel_Scalar:$source, Variadic<Index>:$over,
                       UnitAttr:$is_unsigned);
  let results = (outs Kernel_Scalar:$result);
  let assemblyFormat = [{
    $kind $source `over` `(` $over `)` (`unsigned` $is_unsigned^)? attr-dict `:` type($source) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Kernel_MomentsOp : Kernel_Op<"moments", [Pure]> {
  let summary = "mean and population variance over axes";
  let description = "`%mean, %var = kernel.moments %x over(%c) : f32`";
  let arguments = (ins AnyFloat:$source, Variadic<Index>:$over);
  let results = (outs AnyFloat:$mean, AnyFloat:$variance);
  let assemblyFormat = "$source `over` `(` $over `)` attr-dict `:` type($source) `->` type($mean) `,` type($variance)";
  let hasVerifier = 1;
}

def Kernel_SoftmaxOp : Kernel_Op<"softmax", [Pure]> {
  let summary = "sum over axes of softmax(weights) times values";
  let description = [{
    Σ_over softmax_over(%t) · %v; the maximum may ignore NaN, the sum may not.
    `%r = kernel.softmax %t, %v over(%n) : f32, bf16 -> f32`
  }];
  let arguments = (ins AnyFloat:$weights, AnyFloat:$values, Variadic<Index>:$over);
  let results = (outs AnyFloat:$result);
  let assemblyFormat = [{
    $weights `,` $values `over` `(` $over `)` attr-dict `:` type($weights) `,` type($values) `->` type($result)
  }];
  let hasVerifier = 1;
}

// The program: which buffers there are and which kernels run on them, in order.

def Kernel_ProgramOp : Kernel_Op<"program", [Symbol, SingleBlock, NoTerminator, NoRegionArguments]> {
  let summary = "buffers and launches in order";
  let description = [{
    Launches marked `prepare` depend on weights alone; they run once after weights are bound and come first.
    Buffers are used through memref.reinterpret_cast where a kernel wants another shape or a part of one.
    ```
    kernel.program @main {
      %x = kernel.input "sample" : memref<4x16xf32>
      %w = kernel.weight "fc.weight" from(#graph.external<"m.weights", 0, 512>) : memref<8x16xf32>
      %t = kernel.buffer : memref<4x8xf32>
      kernel.launch @fc(%x, %w, %t) : memref<4x16xf32>, memref<8x16xf32>, memref<4x8xf32>
      …
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name attr-dict-with-keyword $body";
  let extraClassDeclaration = "::mlir::Block *getBlock() { return &getBody().front(); }";
  let hasVerifier = 1;
}

class Kernel_ProgramBuffer<string mnemonic> : Kernel_Op<mnemonic, [HasParent<"ProgramOp">]> {
  let results = (outs Kernel_Buffer:$result);
}
def Kernel_InputOp : Kernel_ProgramBuffer<"input"> {
  let summary = "a buffer that the application fills; dtype tells an unsigned type";
  let arguments = (ins StrAttr:$name, OptionalAttr<StrAttr>:$dtype);
  let assemblyFormat = "$name (`as` $dtype^)? attr-dict `:` type($result)";
}
def Kernel_OutputOp : Kernel_ProgramBuffer<"output"> {
  let summary = "a buffer that the application reads; dtype tells an unsigned type";
  let arguments = (ins StrAttr:$name, OptionalAttr<StrAttr>:$dtype);
  let assemblyFormat = "$name (`as` $dtype^)? attr-dict `:` type($result)";
}
def Kernel_WeightOp : Kernel_ProgramBuffer<"weight"> {
  let summary = "a named constant buffer; `source` as for graph.weight";
  let arguments = (ins StrAttr:$name, OptionalAttr<AnyAttr>:$source);
  let assemblyFormat = "$name (`from` `(` $source^ `)`)? attr-dict `:` type($result)";
}
def Kernel_BufferOp : Kernel_ProgramBuffer<"buffer"> {
  let summary = "an intermediate buffer; one that a prepare launch writes lives as long as the program";
  let assemblyFormat = "attr-dict `:` type($result)";
}
def Kernel_LaunchOp : Kernel_Op<"launch", [HasParent<"ProgramOp">, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "runs a kernel on buffers";
  let description = [{
    Operands have the types of the kernel's arguments. With `offsets`, the kernel gets a pointer that many
    elements behind the operand's base, a multiple of 64 bytes: kernels that differ in the part of a buffer that
    they use are one.
    `kernel.launch @k(%x, %y) at [0, 6144] : memref<64xf32>, memref<64xf32>`
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, Variadic<Kernel_Buffer>:$buffers, UnitAttr:$prepare,
                       OptionalAttr<DenseI64ArrayAttr>:$offsets);
  let assemblyFormat = [{
    (`prepare` $prepare^)? $kernel `(` $buffers `)` (`at` $offsets^)? attr-dict `:` type($buffers)
  }];
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "::llvm::StringRef":$kernel, "::mlir::ValueRange":$buffers, "bool":$prepare)>];
  let extraClassDeclaration = [{
    /// Elements from the base of buffer i to where the kernel's argument starts.
    int64_t offsetOf(unsigned i) { return getOffsets() ? (*getOffsets())[i] : 0; }
  }];
}

#endif
