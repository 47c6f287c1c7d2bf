// In:  tile.walk at an ordinal below the product of its counts. Out: its body, inline.
// 1. Without raster the coordinates are the ordinal's mixed-radix digits, the first fastest.
// 2. With raster(p, n) groups of n tiles of coordinate p (the last group may be smaller) take turns: inside a
//    group coordinate p is the fastest digit, then the ones in front of it.
#include "compiler/tile/LowerWalk.h"

#include "compiler/tile/Tile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <numeric>

using namespace mlir;

namespace tgc::tile {

namespace {

class Digits {
public:
  explicit Digits(WalkOp walk) : walk(walk), builder(walk), loc(walk.getLoc()), counts(walk.getCounts()) {}

  SmallVector<Value> compute() {
    coords.resize(counts.size());
    Value rest = walk.getOrdinal();
    if (auto raster = walk.getRaster())
      rest = rasterDigits(rest, (*raster)[0], (*raster)[1]);
    split(rest, walk.getRaster() ? (*walk.getRaster())[0] + 1 : 0, counts.size());
    return coords;
  }

private:
  Value number(int64_t value) { return builder.create<arith::ConstantIndexOp>(loc, value); }
  Value divide(Value a, Value b) { return builder.createOrFold<arith::DivUIOp>(loc, a, b); }
  Value modulo(Value a, Value b) { return builder.createOrFold<arith::RemUIOp>(loc, a, b); }

  /// Coordinates `from` … `to`-1 are the digits of `rest`.
  void split(Value rest, int64_t from, int64_t to) {
    for (int64_t i = from; i < to; ++i) {
      bool last = i + 1 == to;
      if (counts[i] == 1) {
        coords[i] = number(0);
        continue;
      }
      coords[i] = last ? rest : modulo(rest, number(counts[i]));
      rest = last ? rest : divide(rest, number(counts[i]));
    }
  }

  /// Sets coordinates 0 … position; gives the digits above.
  Value rasterDigits(Value ordinal, int64_t position, int64_t tiles) {
    int64_t fast =
        std::accumulate(counts.begin(), counts.begin() + position, int64_t(1), std::multiplies<>());
    int64_t slow = counts[position];
    Value inside = modulo(ordinal, number(fast * slow));
    Value group = divide(inside, number(tiles * fast));
    Value first = builder.createOrFold<arith::MulIOp>(loc, group, number(tiles));
    Value size = builder.create<arith::MinUIOp>(loc, number(tiles),
                                                builder.create<arith::SubIOp>(loc, number(slow), first));
    Value within = modulo(inside, number(tiles * fast));
    coords[position] = builder.create<arith::AddIOp>(loc, first, modulo(within, size));
    split(divide(within, size), 0, position);
    return divide(ordinal, number(fast * slow));
  }

  WalkOp walk;
  OpBuilder builder;
  Location loc;
  ArrayRef<int64_t> counts;
  SmallVector<Value> coords;
};

} // namespace

void lowerWalks(Operation *root) {
  root->walk([](WalkOp walk) {
    SmallVector<Value> coords = Digits(walk).compute();
    Block *body = walk.getBlock();
    for (auto [argument, coord] : llvm::zip(body->getArguments(), coords))
      argument.replaceAllUsesWith(coord);
    Block *outside = walk->getBlock();
    outside->getOperations().splice(Block::iterator(walk), body->getOperations());
    walk.erase();
  });
}

} // namespace tgc::tile
