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
  let useDefaultAttributePrinterParser = 0;
}

class Tile_Op<string mnemonic, list<Trait> traits = []> : Op<Tile_Dialect, mnemonic, traits>;

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

#endif
