// Blocks of memory: what lies outside of the surface is read as 0 and not written.
//  1. A surface is the dimension of the rows and the last one of a box; the others move its beginning. Rows begin at
//     multiples of 64 bytes: what lies between that and the box's own beginning are columns before the first.
//  2. A dimension that moves the beginning and that the box may leave: there the row is far behind the last.
//  3. A fragment is read in blocks of at most 32 rows and 64 bytes. The function puts its elements into the thread's own
//     memory, from which they are loaded as vectors; the compiler keeps all of that in registers.
//  Left operands are read as they lie; right ones whose rows are steps of the depth with the rows of a word (4 of 1 byte, 2
//  of 2) put into it, and those whose columns are, as words of so many steps, transposed.
#include "codegen/spirv/pipe/PipeLowering.h"

#include "compiler/support/Error.h"
#include "mlir/IR/Matchers.h"
#include <fmt/format.h>

using namespace mlir;

namespace tgc::spv {

namespace {

constexpr int64_t baseBytes = 64, blockRows = 32, rowBytes = 64;
/// Behind the last row of every surface.
constexpr int64_t farRow = int64_t(1) << 24;

size_t rowsOf(tile::BoxOp box) {
  ArrayRef<int64_t> points = box.getBox();
  for (size_t d = points.size() - 1; d-- > 0;)
    if (points[d] > 1)
      return d;
  return points.size() - 2;
}

int64_t stepOf(tile::BoxOp box, size_t d) { return box.getSteps() ? (*box.getSteps())[d] : 1; }

int64_t elementBytes(tile::BoxOp box) {
  return cast<MemRefType>(box.getBuffer().getType()).getElementTypeBitWidth() / 8;
}

/// Name of the function under which Intel's compilers know the access.
std::string blockFunction(StringRef kind, int64_t bits, int64_t rows, int64_t columns, int64_t blocks,
                          bool data) {
  std::string name =
      fmt::format("intel_sub_group_2d_block_{}_{}b_{}r{}x{}c", kind.str(), bits, rows, columns, blocks);
  bool words = kind == "read_transform" || kind == "read_transpose" || bits == 32;
  return fmt::format("_Z{}{}PU3AS1viiiDv2_i{}", name.size(), name,
                     data ? (words                         ? "Pj"
                             : bits == 16 || columns == 32 ? "Pt" // of 32 columns of 1 byte a thread has two
                                                           : "Ph")
                          : "");
}

} // namespace

Value PipeLowering::pointerTo(Value memref) {
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  if (element.isBF16())
    element = builder.getI16Type();
  auto pointer = spirv::PointerType::get(element, spirv::StorageClass::CrossWorkgroup);
  auto untyped = spirv::PointerType::get(builder.getI8Type(), spirv::StorageClass::CrossWorkgroup);
  Value base = builder.create<UnrealizedConversionCastOp>(loc, pointer, memref).getResult(0);
  return pointer == untyped ? base : builder.create<spirv::BitcastOp>(loc, untyped, base).getResult();
}

Value PipeLowering::behind(Value pointer, Value bytes) {
  Value offset = builder.create<arith::IndexCastOp>(loc, builder.getI64Type(), bytes);
  return builder.create<spirv::PtrAccessChainOp>(loc, pointer.getType(), pointer, offset, ValueRange());
}

Surface PipeLowering::surfaceOf(tile::BoxOp box, ValueRange coords, std::optional<ArrayRef<int64_t>> clipped,
                                int64_t down) {
  size_t rank = box.getSizes().size(), rows = rowsOf(box);
  int64_t bytes = elementBytes(box), begin = box.getOffset();
  auto number = [&](int64_t value) -> Value { return builder.create<arith::ConstantIndexOp>(loc, value); };
  auto add = [&](Value a, Value b) -> Value {
    return a ? builder.createOrFold<arith::AddIOp>(loc, a, b) : b;
  };

  Value place, inside, x, y, height; // the place in elements from `begin`
  bool between = begin * bytes % baseBytes != 0;
  for (size_t d = 0; d < rank; ++d) {
    Value at = mapping.lookup(coords[d]);
    int64_t stride = box.getStrides()[d], step = stepOf(box, d);
    if (d + 1 == rank) {
      x = toI32(at);
      continue;
    }
    if (d == rows) {
      if (step > 1) {
        // Rows are every step-th: their beginning says which.
        Value every = number(step);
        Value first = builder.create<arith::RemUIOp>(
            loc, builder.create<arith::AddIOp>(loc, at, number(step * farRow)), every);
        Value left = builder.create<arith::SubIOp>(loc, number(box.getSizes()[d] + step - 1), first);
        height = toI32(builder.create<arith::DivUIOp>(loc, left, every));
        place = add(place, builder.create<arith::MulIOp>(loc, first, number(stride)));
        between |= stride * bytes % baseBytes != 0;
        at = builder.create<arith::SubIOp>(loc, at, first);
        at = builder.create<arith::DivSIOp>(loc, at, every); // without a rest
      }
      y = toI32(at);
      continue;
    }
    // Boxes of several rows of blocks: this block's digit.
    if (box.getBox()[d] > 1) {
      int64_t inner = 1;
      for (size_t e = d + 1; e < rows; ++e)
        inner *= box.getBox()[e];
      at = builder.createOrFold<arith::AddIOp>(loc, at, number(down / inner % box.getBox()[d] * step));
    }
    if (box.getSizes()[d] > 1) {
      between |= stride * bytes % baseBytes != 0;
      place = add(place, builder.createOrFold<arith::MulIOp>(loc, at, number(stride)));
    }
    if (!clipped || llvm::is_contained(*clipped, int64_t(d))) {
      // Without a sign what lies before the beginning is far behind the end.
      Value here =
          builder.create<arith::CmpIOp>(loc, arith::CmpIPredicate::ult, at, number(box.getSizes()[d]));
      inside = inside ? builder.createOrFold<arith::AndIOp>(loc, inside, here) : here;
    }
  }
  if (inside)
    y = builder.create<arith::SelectOp>(loc, inside, y, i32(farRow));

  Value base = pointerTo(mapping.lookup(box.getBuffer()));
  int64_t size = box.getSizes().back() * bytes;
  Surface surface;
  int64_t pitch = box.getStrides()[rows] * stepOf(box, rows) * bytes;
  if (!between) {
    if (place)
      place = builder.create<arith::MulIOp>(loc, add(place, number(begin)), number(bytes));
    else if (begin != 0)
      place = number(begin * bytes);
    surface.width = i32(size);
  } else {
    place = builder.createOrFold<arith::MulIOp>(loc, add(place, number(begin)), number(bytes));
    Value low = builder.create<arith::AndIOp>(loc, place, number(baseBytes - 1));
    place = builder.create<arith::SubIOp>(loc, place, low);
    low = toI32(low);
    surface.width = builder.create<arith::AddIOp>(loc, low, i32(size));
    x = builder.create<arith::AddIOp>(loc, x, builder.create<arith::DivUIOp>(loc, low, i32(bytes)));
  }
  surface.base = place ? behind(base, place) : base;
  surface.height = height ? height : i32(box.getSizes()[rows]);
  surface.pitch = i32(pitch);
  surface.x = x;
  surface.y = y;
  return surface;
}

void PipeLowering::callBlock(StringRef kind, int64_t bits, int64_t rows, int64_t columns, int64_t blocks,
                             const Surface &surface, int64_t right, int64_t down, Value data) {
  auto shifted = [&](Value at, int64_t by) -> Value {
    return by == 0 ? at : builder.create<arith::AddIOp>(loc, at, i32(by)).getResult();
  };
  Value place =
      builder.create<vector::FromElementsOp>(loc, VectorType::get({2}, builder.getI32Type()),
                                             ValueRange{shifted(surface.x, right), shifted(surface.y, down)});
  SmallVector<Value> operands{surface.base, surface.width, surface.height, surface.pitch, place};
  if (data)
    operands.push_back(data);
  call(blockFunction(kind, bits, rows, columns, blocks, bool(data)), operands);
}

Value PipeLowering::variable(int64_t count, Type element) {
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&function.front());
  auto array = spirv::ArrayType::get(VectorType::get({4}, element), unsigned(count / 4));
  return builder.create<spirv::VariableOp>(loc, spirv::PointerType::get(array, spirv::StorageClass::Function),
                                           spirv::StorageClass::Function, Value());
}

Value PipeLowering::elementOf(Value variable) {
  Value zero = builder.create<spirv::ConstantOp>(loc, builder.getI32Type(), builder.getI32IntegerAttr(0));
  return builder.create<spirv::AccessChainOp>(loc, variable, ValueRange{zero, zero});
}

Value PipeLowering::loadVector(Value variable, int64_t number, int64_t count) {
  SmallVector<Value> halves;
  for (int64_t half = 0; half < count / 4; ++half) {
    Value at = builder.create<spirv::ConstantOp>(
        loc, builder.getI32Type(), builder.getI32IntegerAttr(int32_t(count / 4 * number + half)));
    halves.push_back(builder.create<spirv::LoadOp>(
        loc, builder.create<spirv::AccessChainOp>(loc, variable, ValueRange(at))));
  }
  if (count == 4)
    return halves.front();
  auto four = cast<VectorType>(halves[0].getType());
  return builder.create<spirv::VectorShuffleOp>(loc, VectorType::get({8}, four.getElementType()), halves[0],
                                                halves[1], builder.getI32ArrayAttr({0, 1, 2, 3, 4, 5, 6, 7}));
}

void PipeLowering::storeEight(Value variable, Value eight) {
  auto type = cast<VectorType>(eight.getType());
  for (int32_t half = 0; half < 2; ++half) {
    int32_t from = 4 * half;
    Value four =
        builder.create<spirv::VectorShuffleOp>(loc, VectorType::get({4}, type.getElementType()), eight, eight,
                                               builder.getI32ArrayAttr({from, from + 1, from + 2, from + 3}));
    Value at = builder.create<spirv::ConstantOp>(loc, builder.getI32Type(), builder.getI32IntegerAttr(half));
    builder.create<spirv::StoreOp>(loc, builder.create<spirv::AccessChainOp>(loc, variable, ValueRange(at)),
                                   four);
  }
}

BlockReader::BlockReader(PipeLowering &lowering, PieceReads all)
    : lowering(lowering), pieces(std::move(all)),
      read(*llvm::find_if(llvm::reverse(pieces.reads), [](tile::BlockReadOp op) { return bool(op); })),
      box(read.getBox().getDefiningOp<tile::BoxOp>()), width(lowering.width) {
  tile::FragmentType type = read.getResult().getType();
  left = type.getLayout().getValue() == "left";
  points = type.getShape()[0];
  depth = type.getShape()[1];
  atomDepth = atomDepthOf(type);
  bytes = elementBytes(box);
  together = box.getBox()[rowsOf(box)];
  if (width != 16 || (left && read.getTransposed()))
    internalError("no block read of such a fragment");
  registers.resize((left ? points / atomRows : points / width) * (depth / atomDepth));
}

int64_t BlockReader::stepsAtOnce() {
  if (left)
    return std::min<int64_t>(2, depth / atomDepth);
  return read.getTransposed() ? std::min(blockRows, depth) / atomDepth : 1;
}
int64_t BlockReader::columnsAtOnce() {
  return !left && read.getTransposed() ? std::min(rowBytes / bytes, points) / width : 1;
}

const Surface &BlockReader::surface(int64_t row) {
  auto [found, fresh] = surfaces.try_emplace(row / together);
  if (fresh) {
    auto surfaceOf = [&](tile::BlockReadOp piece) {
      return lowering.surfaceOf(piece.getBox().getDefiningOp<tile::BoxOp>(), piece.getCoords(),
                                piece.getClipped(), row / together);
    };
    Surface chosen;
    for (size_t i = pieces.reads.size(); i-- > 0;) {
      // A row behind the last is 0 in any surface.
      Surface piece = chosen;
      if (pieces.reads[i])
        piece = surfaceOf(pieces.reads[i]);
      else if (chosen.base)
        piece.y = lowering.i32(farRow);
      if (!chosen.base) {
        chosen = piece;
        if (piece.base && i < pieces.conditions.size())
          chosen.y = lowering.builder.create<arith::SelectOp>(lowering.loc, pieces.conditions[i], piece.y,
                                                              lowering.i32(farRow));
        continue;
      }
      for (Value Surface::*part :
           {&Surface::base, &Surface::width, &Surface::height, &Surface::pitch, &Surface::x, &Surface::y})
        if (chosen.*part != piece.*part)
          chosen.*part = lowering.builder.create<spirv::SelectOp>(
              lowering.loc, (chosen.*part).getType(), pieces.conditions[i], piece.*part, chosen.*part);
    }
    found->second = chosen;
    if (!left && !read.getTransposed() && bytes < 4) // words of several steps of the depth each
      found->second.x = lowering.builder.create<arith::ShRUIOp>(lowering.loc, found->second.x,
                                                                lowering.i32(bytes == 1 ? 2 : 1));
  }
  return found->second;
}

Value &BlockReader::at(int64_t point, int64_t step) { return registers[point * (depth / atomDepth) + step]; }

/// The rows of a block from `row` on, of `all`: a power of two, of neighbours.
int64_t BlockReader::rowsFrom(int64_t row, int64_t all) const {
  int64_t rows = blockRows;
  while (rows > std::min(all - row, together - row % together))
    rows /= 2;
  return rows;
}

Value BlockReader::get(int64_t point, int64_t step) {
  if (Value known = at(point, step))
    return known;
  Type half = lowering.builder.getI16Type(), word = lowering.builder.getI32Type();
  int64_t deep = step * atomDepth;
  if (left) {
    int64_t row = 0, rows = rowsFrom(0, points);
    for (; row + rows <= point * atomRows; rows = rowsFrom(row, points))
      row += rows;
    deep = step / 2 * 2 * atomDepth;
    int64_t blocks = depth - deep >= 2 * atomDepth ? 2 : 1;
    // A row's 32 bytes are 2 of each thread, or 4 where a thread has every other row.
    int64_t count = bytes == 4 ? atomRows / 2 : atomRows;
    Value data = lowering.variable(rows / atomRows * count * blocks, bytes == 4 ? word : half);
    lowering.callBlock("read", 8 * bytes, rows, atomDepth, blocks, surface(row), deep, row % together,
                       lowering.elementOf(data));
    for (int64_t block = 0; block < blocks; ++block)
      for (int64_t i = 0; i < rows / atomRows; ++i)
        at(row / atomRows + i, deep / atomDepth + block) =
            lowering.loadVector(data, block * (rows / atomRows) + i, count);
  } else if (read.getTransposed()) {
    int64_t row = 0, rows = rowsFrom(0, depth);
    for (; row + rows <= deep; rows = rowsFrom(row, depth))
      row += rows;
    int64_t most = rowBytes / bytes / width, column = point / most * most, blocks = most;
    for (; column + blocks > points / width || column + blocks <= point; blocks /= 2)
      column += column + blocks <= point ? blocks : 0;
    column *= width;
    Value data = lowering.variable(rows * bytes / 4 * blocks, word);
    lowering.callBlock(bytes == 4 ? "read" : "read_transform", 8 * bytes, rows, width, blocks, surface(row),
                       column, row % together, lowering.elementOf(data));
    for (int64_t block = 0; block < blocks; ++block)
      for (int64_t i = 0; i < rows / atomDepth; ++i)
        at(column / width + block, row / atomDepth + i) =
            lowering.loadVector(data, block * (rows / atomDepth) + i);
  } else {
    int64_t row = point * width;
    int64_t words = atomDepth * bytes / 4;
    Value data = lowering.variable(words, word);
    lowering.callBlock("read_transpose", 32, width, words, 1, surface(row), deep * bytes / 4, row % together,
                       lowering.elementOf(data));
    at(point, step) = lowering.loadVector(data, 0);
  }
  return at(point, step);
}

bool PipeLowering::readsLate(Value fragment, size_t registers) {
  if (registers <= 8 || !fragment.hasOneUse())
    return false;
  Operation *user = *fragment.user_begin();
  return isa<tile::DotGroupOp>(user) && user->getBlock() == fragment.getDefiningOp()->getBlock();
}

/// The box's points and which of them are rows: pieces that agree in these are read by the same blocks.
static bool areAlike(tile::BlockReadOp one, tile::BlockReadOp other) {
  auto box = one.getBox().getDefiningOp<tile::BoxOp>(), same = other.getBox().getDefiningOp<tile::BoxOp>();
  return one.getTransposed() == other.getTransposed() && elementBytes(box) == elementBytes(same) &&
         box.getBox()[rowsOf(box)] == same.getBox()[rowsOf(same)];
}

bool PipeLowering::lowerPieces(scf::IfOp branch) {
  // Nothing but reads, and what says where and whether.
  SmallVector<tile::BlockReadOp> reads;
  auto find = [&](auto &self, scf::IfOp choice) -> bool {
    if (choice.getNumResults() != 1)
      return false;
    for (Block *side : {choice.thenBlock(), choice.elseBlock()}) {
      Operation *given = side->getTerminator()->getOperand(0).getDefiningOp();
      for (Operation &op : side->without_terminator())
        if (&op != given && !isMemoryEffectFree(&op))
          return false;
      if (!given || given->getBlock() != side)
        return false;
      if (auto read = dyn_cast<tile::BlockReadOp>(given))
        reads.push_back(read);
      else if (isa<tile::ZeroOp>(given))
        reads.push_back({});
      else if (auto inner = dyn_cast<scf::IfOp>(given);
               !inner || side == choice.thenBlock() || !self(self, inner))
        return false;
    }
    return true;
  };
  if (!find(find, branch))
    return false;
  auto first = llvm::find_if(reads, [](tile::BlockReadOp read) { return bool(read); });
  if (first == reads.end() ||
      !llvm::all_of(reads, [&](tile::BlockReadOp read) { return !read || areAlike(read, *first); }))
    return false;
  PieceReads pieces{reads, {}};
  auto lower = [&](auto &self, scf::IfOp choice) -> void {
    pieces.conditions.push_back(mapping.lookup(choice.getCondition()));
    for (Block *side : {choice.thenBlock(), choice.elseBlock()})
      for (Operation &op : side->without_terminator()) {
        if (auto inner = dyn_cast<scf::IfOp>(op))
          self(self, inner);
        else if (!isa<tile::BlockReadOp, tile::ZeroOp>(op))
          lowerOp(op);
      }
  };
  lower(lower, branch);
  lowerRead(branch.getResult(0), std::move(pieces));
  return true;
}

void PipeLowering::lowerRead(Value fragment, PieceReads pieces) {
  auto reader = std::make_unique<BlockReader>(*this, std::move(pieces));
  if (readsLate(fragment, reader->registers.size())) {
    readers[fragment] = std::move(reader);
    return;
  }
  int64_t steps = reader->depth / reader->atomDepth, count = int64_t(reader->registers.size()) / steps;
  for (int64_t point = 0; point < count; ++point)
    for (int64_t step = 0; step < steps; ++step)
      reader->get(point, step);
  fragments[fragment] = std::move(reader->registers);
}

void PipeLowering::lowerPrefetch(tile::BlockPrefetchOp prefetch) {
  auto box = prefetch.getBox().getDefiningOp<tile::BoxOp>();
  Surface surface = surfaceOf(box, prefetch.getCoords(), prefetch.getClipped(), 0);
  int64_t bytes = elementBytes(box), columns = box.getBox().back();
  if (columns * bytes > rowBytes)
    internalError("no prefetch of {} bytes a row", columns * bytes);
  int64_t piece = rowBytes / 2 / bytes;
  callBlock("prefetch", 8 * bytes, box.getBox()[rowsOf(box)], piece, columns / piece, surface, 0, 0, Value());
}

void PipeLowering::lowerWrite(tile::BlockWriteOp write) {
  auto box = write.getBox().getDefiningOp<tile::BoxOp>();
  OpBuilder::InsertionGuard guard(builder);
  if (Value condition = write.getCondition())
    builder.setInsertionPoint(builder.create<scf::IfOp>(loc, mapping.lookup(condition), false).thenYield());
  ArrayRef<int64_t> shape = write.getFragment().getType().getShape();
  Surface surface = surfaceOf(box, write.getCoords(), std::nullopt, 0);
  Type bits = builder.getIntegerType(unsigned(8 * elementBytes(box)));
  ArrayRef<Value> registers = fragments[write.getFragment()];
  for (int64_t row = 0; row < shape[0]; row += atomRows)
    for (int64_t column = 0; column < shape[1]; column += width) {
      Value data = variable(atomRows, bits),
            eight = registers[row / atomRows * (shape[1] / width) + column / width];
      storeEight(data, builder.createOrFold<arith::BitcastOp>(loc, VectorType::get({atomRows}, bits), eight));
      callBlock("write", bits.getIntOrFloatBitWidth(), atomRows, width, 1, surface, column, row,
                elementOf(data));
    }
}

} // namespace tgc::spv
