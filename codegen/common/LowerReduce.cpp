// In:  tile.reduce, with the digits of the thread's number that are combined.
// Out: gpu.shuffle, and for digits that reach beyond a subgroup shared memory between two barriers.
// 1. Of every digit the part that is some bits of the number inside the subgroup is combined by a butterfly:
//    all threads get the result of all.
// 2. What is left of the digits: one thread of each set that agrees by now writes its values to shared memory.
// 3. Behind a barrier every thread reads the values of all threads that differ from it in those digits.
// 4. Reductions share two parts of the memory in turns: the barrier of one lies between the reads of the one before
//    it and the writes of the one behind it. In loops and branches, which may repeat or miss one, more barriers
//    stand around it instead.
#include "codegen/common/LowerReduce.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace tgc {
namespace {

struct Digit {
  int64_t count, stride;
};

class ReduceLowering {
public:
  ReduceLowering(tile::ReduceOp op, Value thread, int64_t threads, int64_t subgroup)
      : op(op), builder(op), loc(op.getLoc()), thread(thread), threads(threads), subgroup(subgroup) {
    for (auto [count, stride] : llvm::zip(op.getCounts(), op.getStrides())) {
      int64_t within = 1;
      while (llvm::isPowerOf2_64(stride) && count / within % 2 == 0 && stride * within * 2 <= subgroup)
        within *= 2;
      if (within > 1)
        agreed.push_back({within, stride});
      if (count > within)
        left.push_back({count / within, stride * within});
    }
  }

  int64_t places() const {
    int64_t places = threads;
    for (Digit digit : agreed)
      places /= digit.count;
    return places;
  }

  /// Of shared memory; 0 if shuffles are enough.
  int64_t bytes() {
    if (left.empty())
      return 0;
    int64_t bytes = 0;
    for (Value value : op.getValues())
      bytes += llvm::alignTo(places() * bytesOf(value.getType()), 16);
    return bytes;
  }

  /// Whether the block may come by several times, or not at all.
  bool nested() { return !isa<func::FuncOp>(op->getParentOp()); }

  void run(SharedMemory &shared, int64_t offset) {
    SmallVector<Value> values(op.getValues());
    for (auto [count, stride] : agreed)
      for (int64_t distance = stride; distance < stride * count; distance *= 2) {
        SmallVector<Value> others =
            llvm::map_to_vector(values, [&](Value value) { return shuffle(value, distance); });
        values = combine(values, others);
      }
    if (!left.empty())
      values = throughMemory(values, shared, offset);
    op.replaceAllUsesWith(values);
    op.erase();
  }

private:
  static int64_t bytesOf(Type type) { return std::max(8u, type.getIntOrFloatBitWidth()) / 8; }

  SmallVector<Value> combine(ValueRange a, ValueRange b) {
    IRMapping mapping;
    for (auto [argument, value] : llvm::zip(op.getBlock()->getArguments().take_front(a.size()), a))
      mapping.map(argument, value);
    for (auto [argument, value] : llvm::zip(op.getBlock()->getArguments().drop_front(a.size()), b))
      mapping.map(argument, value);
    for (Operation &inner : op.getBlock()->without_terminator())
      builder.clone(inner, mapping);
    return llvm::map_to_vector(op.getBlock()->getTerminator()->getOperands(),
                               [&](Value value) { return mapping.lookupOrDefault(value); });
  }

  /// As 32-bit words, which is what all devices move between threads.
  Value shuffle(Value value, int64_t distance) {
    Type type = value.getType(), word = builder.getI32Type();
    unsigned bits = type.getIntOrFloatBitWidth();
    Type whole = builder.getIntegerType(bits);
    if (type != whole)
      value = builder.create<arith::BitcastOp>(loc, whole, value);
    auto move = [&](Value part) -> Value {
      return builder
          .create<gpu::ShuffleOp>(loc, part, int32_t(distance), int32_t(subgroup), gpu::ShuffleMode::XOR)
          .getShuffleResult();
    };
    Value moved;
    if (bits == 64) {
      Value shift = builder.create<arith::ConstantIntOp>(loc, 32, 64);
      Value low = builder.create<arith::TruncIOp>(loc, word, value);
      Value high =
          builder.create<arith::TruncIOp>(loc, word, builder.create<arith::ShRUIOp>(loc, value, shift));
      Value upper = builder.create<arith::ExtUIOp>(loc, whole, move(high));
      moved = builder.create<arith::OrIOp>(loc, builder.create<arith::ExtUIOp>(loc, whole, move(low)),
                                           builder.create<arith::ShLIOp>(loc, upper, shift));
    } else if (bits < 32) {
      moved =
          builder.create<arith::TruncIOp>(loc, whole, move(builder.create<arith::ExtUIOp>(loc, word, value)));
    } else {
      moved = move(value);
    }
    return type == whole ? moved : builder.create<arith::BitcastOp>(loc, type, moved).getResult();
  }

  Value number(int64_t value) { return builder.create<arith::ConstantIndexOp>(loc, value); }

  /// The place of a thread among those that write: its number without the bits in which threads agree.
  Value placeOf(Value writer) {
    SmallVector<Digit> bits(agreed);
    llvm::sort(bits, [](Digit a, Digit b) { return a.stride > b.stride; });
    for (auto [count, stride] : bits) {
      Value above = builder.create<arith::DivUIOp>(loc, writer, number(count * stride));
      Value scaled = builder.create<arith::MulIOp>(loc, above, number(stride));
      Value below = builder.create<arith::RemUIOp>(loc, writer, number(stride));
      writer = builder.create<arith::AddIOp>(loc, scaled, below);
    }
    return writer;
  }

  Value digitOf(Digit digit) {
    Value quotient = builder.create<arith::DivUIOp>(loc, thread, number(digit.stride));
    return builder.create<arith::RemUIOp>(loc, quotient, number(digit.count));
  }

  /// The thread's number with zeros for digits.
  Value without(Value from, ArrayRef<Digit> digits) {
    for (Digit digit : digits)
      from = builder.create<arith::SubIOp>(
          loc, from, builder.create<arith::MulIOp>(loc, digitOf(digit), number(digit.stride)));
    return from;
  }

  SmallVector<Value> throughMemory(ValueRange values, SharedMemory &shared, int64_t offset) {
    SmallVector<Value> memory;
    for (Value value : values) {
      Type type = value.getType();
      memory.push_back(shared.view(offset, type.isInteger(1) ? builder.getI8Type() : type, {places()}));
      offset += llvm::alignTo(places() * bytesOf(type), 16);
    }
    bool guarded = nested();
    if (guarded)
      builder.create<gpu::BarrierOp>(loc);
    Value first = without(thread, agreed), place = placeOf(thread);
    auto write = [&](OpBuilder &at) {
      for (auto [value, buffer] : llvm::zip(values, memory)) {
        Value stored = value;
        if (value.getType().isInteger(1))
          stored = at.create<arith::ExtUIOp>(loc, at.getI8Type(), value);
        at.create<memref::StoreOp>(loc, stored, buffer, place);
      }
    };
    if (agreed.empty()) {
      write(builder);
    } else {
      Value writes = builder.create<arith::CmpIOp>(loc, arith::CmpIPredicate::eq, first, thread);
      auto branch = builder.create<scf::IfOp>(loc, writes, /*withElseRegion=*/false);
      OpBuilder inside = branch.getThenBodyBuilder();
      write(inside);
    }
    builder.create<gpu::BarrierOp>(loc);
    SmallVector<Value> result;
    collect(0, without(first, left), memory, result);
    if (guarded)
      builder.create<gpu::BarrierOp>(loc);
    return result;
  }

  /// Reads all combinations of the digits from the `level`th on and combines them into `result`.
  void collect(size_t level, Value base, ArrayRef<Value> memory, SmallVector<Value> &result) {
    if (level == left.size()) {
      Value place = placeOf(base);
      SmallVector<Value> read;
      for (auto [value, buffer] : llvm::zip(op.getValues(), memory)) {
        Value loaded = builder.create<memref::LoadOp>(loc, buffer, place);
        if (value.getType().isInteger(1))
          loaded = builder.create<arith::TruncIOp>(loc, builder.getI1Type(), loaded);
        read.push_back(loaded);
      }
      result = result.empty() ? read : combine(result, read);
      return;
    }
    Digit digit = left[level];
    constexpr int64_t mostCode = 128; // values read
    if (digit.count * int64_t(memory.size()) <= mostCode) {
      for (int64_t i = 0; i < digit.count; ++i)
        collect(level + 1, builder.create<arith::AddIOp>(loc, base, number(i * digit.stride)), memory,
                result);
      return;
    }
    // The first step starts the sums, a loop does the rest.
    collect(level + 1, base, memory, result);
    auto loop = builder.create<scf::ForOp>(loc, number(1), number(digit.count), number(1), result);
    {
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToStart(loop.getBody());
      SmallVector<Value> state(loop.getRegionIterArgs());
      Value offset = builder.create<arith::MulIOp>(loc, loop.getInductionVar(), number(digit.stride));
      collect(level + 1, builder.create<arith::AddIOp>(loc, base, offset), memory, state);
      builder.create<scf::YieldOp>(loc, state);
    }
    result.assign(loop.getResults().begin(), loop.getResults().end());
  }

  tile::ReduceOp op;
  OpBuilder builder;
  Location loc;
  Value thread;
  int64_t threads, subgroup;
  SmallVector<Digit> agreed, left;
};

} // namespace

void lowerReduces(func::FuncOp function, Value thread, int64_t threads, int64_t subgroup,
                  SharedMemory &shared) {
  SmallVector<ReduceLowering> reductions;
  function.walk([&](tile::ReduceOp op) { reductions.emplace_back(op, thread, threads, subgroup); });
  int64_t most = 0;
  for (ReduceLowering &reduction : reductions)
    most = std::max(most, reduction.bytes());
  int64_t offsets[2] = {};
  if (most > 0)
    for (int64_t &offset : offsets)
      offset = shared.reserve(most);
  int turn = 0;
  for (ReduceLowering &reduction : reductions) {
    bool takesTurn = reduction.bytes() > 0 && !reduction.nested();
    reduction.run(shared, offsets[takesTurn ? turn : 0]);
    turn ^= takesTurn;
  }
}

} // namespace tgc
