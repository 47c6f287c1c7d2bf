// The loop generator's state: evaluation of a kernel's values in scopes.
#pragma once
#include "compiler/kernel/Kernel.h"
#include "compiler/loop/Scope.h"
#include "compiler/tile/Tile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinTypes.h"
#include "search/Plan.h"

namespace tgc::loop {

/// How an axis is laid out, from its plan.
struct AxisLayout {
  int64_t extent = 1;
  llvm::SmallVector<LoopLevel> registers; ///< unrolled levels, outermost first
  int64_t registerCount = 1;              ///< their product
  int64_t innermost = 1;                  ///< registers side by side, inside all else
  llvm::SmallVector<LoopLevel> threads;   ///< levels of threads, outermost first
  int64_t step = 1;                       ///< of the innermost loop: registers times threads times lanes
  int64_t serial = 1;                     ///< steps of the block's loop
  int64_t grid = 1;                       ///< blocks along the axis
  bool hasLanes = false;
  int64_t steps() const { return (extent + step - 1) / step; } ///< to walk all of it
  bool ragged() const { return extent % step != 0; }
};

/// An address of a flat buffer for one register, all lanes.
struct Address {
  int64_t stride = 0;                   ///< elements from lane to lane
  mlir::Value base;                     ///< of lane 0, unless `lanes` is there
  llvm::SmallVector<mlir::Value> lanes; ///< where lanes have no constant stride
};

/// Registers of one axis whose elements follow each other in memory while lanes are strided.
struct Neighbours {
  llvm::SmallVector<Registers> registers; ///< in the order of memory
  mlir::AffineExpr base;                  ///< of the first, lane 0
  int64_t stride = 1;                     ///< of lanes
};

/// A condition made into values; both null: it always holds.
struct Guard {
  bool never = false;
  mlir::Value uniform; ///< i1 for all lanes
  mlir::Value mask;    ///< vector of i1
  bool always() const { return !never && !uniform && !mask; }
};

/// Open to this folder's files, closed to others, which see GenerateLoop.h alone.
struct Generator {
  Generator(mlir::OpBuilder &builder, kernel::FuncOp kernel, const KernelInfo &info, const LoopPlan &plan,
            tile::FuncOp target);
  void run();

  // Generator.cpp: axes, scopes of values, element-wise work.

  /// The value for one register, all lanes: a vector, or a scalar where all lanes agree.
  mlir::Value evaluate(mlir::Value value, const Registers &registers, Scope *from);
  mlir::Value compute(mlir::Operation *op, mlir::Value value, const Registers &registers, Scope *scope);
  mlir::Value computeElementwise(mlir::Operation *op, const Registers &registers, Scope *scope);
  mlir::Value computeRemap(kernel::RemapOp op, const Registers &registers, Scope *scope);
  /// The innermost scope that binds one of the axes.
  Scope *boundIn(const llvm::SmallBitVector &set, Scope *from);
  /// The scope in which a value of these axes is computed when it is needed in `from`.
  Scope *homeOf(const llvm::SmallBitVector &set, Scope *from);
  Scope *scopeOfAxis(int axis, Scope *from);
  const Binding &bindingOf(int axis, Scope *from) { return scopeOfAxis(axis, from)->bindings[axis]; }
  /// Whether the registers of the axis take part in `from`.
  bool spreads(int axis, Scope *from);
  bool isFrozen(int axis, Scope *from);
  bool usesLanes(const llvm::SmallBitVector &set, Scope *from);
  Registers restricted(const Registers &registers, const llvm::SmallBitVector &set, Scope *from);
  /// Every combination of registers of the axes of `set` that are free in `from`; the others as in `fixed`.
  llvm::SmallVector<Registers> allRegisters(const llvm::SmallBitVector &set, const Registers &fixed,
                                            Scope *from);
  mlir::AffineExpr coordinate(int axis, const Registers &registers, Scope *from);
  mlir::AffineExpr substitute(mlir::AffineExpr expr, mlir::ValueRange axes, const Registers &registers,
                              Scope *from);
  mlir::Value broadcast(mlir::Value value);
  mlir::Value toVectorIf(mlir::Value value, bool vector) { return vector ? broadcast(value) : value; }
  mlir::Type vectorOf(mlir::Type scalar) { return mlir::VectorType::get({lanes}, scalar); }
  mlir::Value constantOf(mlir::TypedAttr attribute, bool vector);
  mlir::Location startOp(mlir::Operation *op);

  // Conditions.cpp: conditions, coordinates.

  /// Adds `axis` < extent for the axes of `set` whose registers or lanes may lie beyond.
  void addInside(Condition &condition, const llvm::SmallBitVector &set, const Registers &registers,
                 Scope *from);
  Condition conditionOf(mlir::IntegerSet set, mlir::ValueRange axes, const Registers &registers, Scope *from);
  Guard guardOf(const Condition &condition, Scope *scope);
  mlir::Value maskOf(mlir::AffineExpr expr, bool equality, Scope *scope);
  mlir::Value scalarTest(mlir::AffineExpr expr, bool equality, Scope *scope);
  mlir::Value both(mlir::Value a, mlir::Value b);
  mlir::Value computeTest(kernel::TestOp op, const Registers &registers, Scope *scope);
  mlir::Value computeCoord(kernel::CoordOp op, const Registers &registers, Scope *scope);
  mlir::Value coordinateValue(mlir::AffineExpr expr, mlir::Type integer, Scope *scope);
  mlir::Value laneOf(mlir::Value vector, int64_t lane);
  mlir::Value fromLanes(llvm::ArrayRef<mlir::Value> lanes);

  // Threads.cpp: the threads of the block.

  /// Splits the thread's number into the digits that the plan gives to axes.
  void bindThreads(const Plan &plan);
  bool usesThreads(mlir::AffineExpr expr) const;
  bool usesThreads(const Condition &condition) const;
  /// Replaces the values by what all threads that share the axes of `over` make of them together; `combine`
  /// joins two sets of them.
  using Combine = llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::ValueRange, mlir::ValueRange)>;
  void combineThreads(llvm::MutableArrayRef<mlir::Value> values, const llvm::SmallBitVector &over,
                      Scope *scope, Combine combine);

  // Wide.cpp: registers that are neighbours in memory, in one access.

  /// Items that one access serves, in the order of memory. `offsets` are of one item, by piece; only items of
  /// one `kind` go together.
  struct WideItem {
    llvm::SmallVector<mlir::AffineExpr, 1> offsets;
    size_t kind = 0;
  };
  /// One access: elements `before` … `before` + width - 1 from the first item on, item i at places[i] of them.
  struct WideGroup {
    std::vector<size_t> items;
    std::vector<int64_t> places;
    int64_t width = 1, before = 0;
  };
  /// With `gaps` some of an access's elements may be nobody's; every piece's buffer then has `spans` elements.
  std::vector<WideGroup> groupNeighbours(llvm::ArrayRef<WideItem> items, mlir::Type element,
                                         llvm::ArrayRef<int64_t> spans = {});
  mlir::Value wideLoad(kernel::LoadOp op, const Registers &registers, Scope *scope);
  /// `width` elements, the register's element behind the first `before` ones.
  mlir::Value emitWideLoad(kernel::LoadOp op, const Registers &first, int64_t before, int64_t width,
                           Scope *scope);
  void emitWideStore(mlir::ValueRange values, mlir::Value buffer, mlir::AffineExpr offset, Scope *scope);

  // Access.cpp: loads, gathers, stores of one register.

  /// Where piece `piece` of the load is taken, in the scope.
  Condition pieceCondition(kernel::LoadOp op, unsigned piece, const Registers &registers, Scope *scope);

  mlir::Value computeLoad(kernel::LoadOp op, const Registers &registers, Scope *scope);
  mlir::Value sharedLoad(kernel::LoadOp op, const Registers &registers, Scope *scope);
  void storeInterleaved(kernel::StoreOp op, const Neighbours &group, Scope *scope);
  mlir::Value computeGather(kernel::GatherOp op, const Registers &registers, Scope *scope);
  mlir::Value flat(mlir::Value buffer);
  mlir::AffineExpr offsetOf(mlir::Value buffer, mlir::AffineMap map);
  Address addressOf(mlir::AffineExpr offset, Scope *scope);
  mlir::Value emitLoad(mlir::Value buffer, const Address &address, mlir::Value mask, mlir::Value otherwise);
  void emitStore(mlir::Value value, mlir::Value buffer, const Address &address, mlir::Value mask);

  // Shuffle.cpp: strided lanes out of whole vectors.

  std::optional<Neighbours> neighbours(mlir::ValueRange accessAxes, const Registers &registers, Scope *scope,
                                       llvm::function_ref<mlir::AffineExpr(const Registers &)> offsetAt);
  void transpose(llvm::MutableArrayRef<mlir::Value> rows);
  llvm::SmallVector<mlir::Value> deinterleave(llvm::ArrayRef<mlir::Value> vectors);
  llvm::SmallVector<mlir::Value> interleave(llvm::ArrayRef<mlir::Value> vectors);
  mlir::Value pick(llvm::ArrayRef<mlir::Value> vectors, llvm::ArrayRef<int64_t> places);

  // Reduce.cpp: reductions.

  mlir::Value computeReduction(mlir::Operation *op, mlir::Value value, const Registers &registers,
                               Scope *scope);
  mlir::Value computeSoftmax(kernel::SoftmaxOp op, const Registers &fixed, Scope *scope);
  /// To another width of the same kind of number.
  mlir::Value convert(mlir::Value value, mlir::Type scalar);
  /// A constant of the type of `like`, splat for a vector.
  mlir::Value numberLike(mlir::Value like, double number);
  /// A floating-point operation that may be fused with its neighbours.
  template <typename Op>
  mlir::Value contracted(mlir::Value a, mlir::Value b) {
    return builder.create<Op>(loc, a, b, mlir::arith::FastMathFlags::contract);
  }

  // Stores.cpp: the block's loops.

  struct StoreItem {
    kernel::StoreOp op;
    llvm::SmallBitVector axes;
  };
  void bindGrid();
  void emitStores(llvm::ArrayRef<StoreItem> stores, const llvm::SmallBitVector &opened, Scope *scope);
  void emitStoresInside(llvm::ArrayRef<StoreItem> stores, int axis, const llvm::SmallBitVector &opened,
                        Scope *scope);
  void emitStoreHere(const StoreItem &store, Scope *scope);
  std::optional<int> nextAxis(llvm::ArrayRef<StoreItem> stores, const llvm::SmallBitVector &opened);

  mlir::OpBuilder &builder;
  kernel::FuncOp kernel;
  const KernelInfo &info;
  kernel::AxisSets sets;
  tile::FuncOp target;
  std::vector<AxisLayout> axes;
  int vectorAxis;
  int64_t lanes;
  int64_t accessBytes; ///< of the widest access to neighbouring registers
  std::vector<int> gridOrder;
  Scopes scopes;
  std::vector<mlir::AffineExpr> gridIndex; ///< by axis; null: no grid
  llvm::DenseMap<mlir::Value, mlir::Value> flats, broadcasts;
  /// A thread's number along an axis: the dimension with that digit.
  struct ThreadDigit {
    int axis;
    LoopLevel level;
    mlir::AffineExpr dim;
  };
  std::vector<ThreadDigit> threadDigits;
  std::vector<mlir::AffineExpr> threadIndex; ///< by axis, in steps of its levels; null: no threads
  /// Registers that are loaded together, and how.
  struct WideRegisters {
    llvm::SmallVector<Registers> registers;
    WideGroup group;
  };
  std::map<std::tuple<mlir::Operation *, Scope *, Registers>, std::shared_ptr<WideRegisters>>
      wideLoads;                                 ///< as far as known
  llvm::DenseMap<mlir::Operation *, int> levels; ///< of reductions: how many stand one behind the other
  mlir::Location loc;
};

} // namespace tgc::loop
