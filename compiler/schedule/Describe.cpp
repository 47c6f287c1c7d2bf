// In:  a kernel.func. Out: its KernelInfo.
// 1. Axes and buffers from the function's arguments.
// 2. Accesses and reductions in body order, with the linear part of every index.
// 3. The shape: a softmax makes it Attend, else a contraction Contract (the one with most operations), else a
//    reduction Reduce, else Map. Axes of contractions get roles from which operand depends on them.
// 4. Operations: of contractions two a product, else one an operation and point. Bytes: of each buffer the
//    points its accesses can reach, at most all of it.
#include "compiler/schedule/Describe.h"
#include "compiler/kernel/transforms/Access.h"
#include "compiler/schedule/Choices.h"
#include "compiler/schedule/Windows.h"

#include "compiler/affine/Ranges.h"

#include "compiler/kernel/Canonical.h"
#include "compiler/support/Error.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/TypeSwitch.h"
#include <algorithm>

using namespace mlir;
using llvm::SmallBitVector;

namespace tgc {

ElementType elementTypeOf(Type type) {
  if (type.isF64())
    return ElementType::F64;
  if (type.isF32())
    return ElementType::F32;
  if (type.isF16())
    return ElementType::F16;
  if (type.isBF16())
    return ElementType::BF16;
  if (type.isFloat8E4M3FN())
    return ElementType::F8E4M3;
  if (type.isInteger(64))
    return ElementType::I64;
  if (type.isInteger(32))
    return ElementType::I32;
  if (type.isInteger(16))
    return ElementType::I16;
  if (type.isInteger(8))
    return ElementType::I8;
  if (type.isInteger(1))
    return ElementType::I1;
  std::string text;
  llvm::raw_string_ostream(text) << type;
  unsupported("values of type {}", text);
}

bool addLinear(AffineExpr expr, int64_t factor, LinearIndex &index) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
    index.offset += factor * constant.getValue();
    return true;
  }
  if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
    index.coefficients[dim.getPosition()] += factor;
    return true;
  }
  auto binary = cast<AffineBinaryOpExpr>(expr);
  if (binary.getKind() == AffineExprKind::Add) {
    bool left = addLinear(binary.getLHS(), factor, index);
    return addLinear(binary.getRHS(), factor, index) && left;
  }
  if (binary.getKind() == AffineExprKind::Mul)
    if (auto constant = dyn_cast<AffineConstantExpr>(binary.getRHS()))
      return addLinear(binary.getLHS(), factor * constant.getValue(), index);
  expr.walk([&](AffineExpr part) {
    if (auto dim = dyn_cast<AffineDimExpr>(part); dim && index.coefficients[dim.getPosition()] == 0)
      index.coefficients[dim.getPosition()] = 1;
  });
  return false;
}

bool isZero(Attribute number) {
  if (auto real = dyn_cast<FloatAttr>(number))
    return real.getValue().isZero() && !real.getValue().isNegative();
  auto integer = dyn_cast<IntegerAttr>(number);
  return integer && integer.getValue().isZero();
}

namespace {

/// Adds factor · expr to `index`, whose coefficients become those of the linear part; false if there is more in it than
/// quotients of linear expressions.
bool addQuotients(AffineExpr expr, int64_t factor, LinearIndex &index) {
  LinearIndex straight{std::vector<int64_t>(index.coefficients.size())};
  if (addLinear(expr, factor, straight)) {
    for (auto [sum, more] : llvm::zip(index.coefficients, straight.coefficients))
      sum += more;
    index.offset += straight.offset;
    return true;
  }
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return false;
  if (binary.getKind() == AffineExprKind::Add)
    return addQuotients(binary.getLHS(), factor, index) && addQuotients(binary.getRHS(), factor, index);
  auto constant = dyn_cast<AffineConstantExpr>(binary.getRHS());
  if (!constant)
    return false;
  if (binary.getKind() == AffineExprKind::Mul)
    return addQuotients(binary.getLHS(), factor * constant.getValue(), index);
  LinearIndex inner{std::vector<int64_t>(index.coefficients.size())};
  if (binary.getKind() != AffineExprKind::FloorDiv || !addLinear(binary.getLHS(), 1, inner))
    return false;
  index.floors.push_back({inner.coefficients, inner.offset, constant.getValue(), factor});
  return true;
}

std::vector<bool> toVector(const SmallBitVector &set) {
  std::vector<bool> bits(set.size());
  for (unsigned axis : set.set_bits())
    bits[axis] = true;
  return bits;
}

class Describe {
public:
  explicit Describe(kernel::FuncOp func) : func(func), sets(func) {}

  KernelInfo run() {
    info.name = func.getSymName().str();
    describeAxes();
    describeBuffers();
    for (Operation &op : *func.getBlock())
      describeOp(op);
    describeShape();
    countBytes();
    info.hash = kernel::stableHash(kernel::canonicalText(func));
    return std::move(info);
  }

private:
  void describeAxes() {
    for (auto [name, extent] : llvm::zip(func.getAxisNames(), func.getExtents()))
      info.axes.push_back({cast<StringAttr>(name).getValue().str(), extent});
    for (Operation &op : *func.getBlock()) {
      if (auto remap = dyn_cast<kernel::RemapOp>(op))
        info.axes[func.axisIndex(remap.getAxis())].remapped = true;
      for (Value axis : kernel::reducedAxes(&op))
        info.axes[func.axisIndex(axis)].reduced = true;
      if (auto store = dyn_cast<kernel::StoreOp>(op))
        for (unsigned axis : sets.of(store).set_bits())
          info.axes[axis].stored = true;
    }
  }

  void describeBuffers() {
    for (auto [i, argument] : llvm::enumerate(func.getBuffers())) {
      auto type = cast<MemRefType>(argument.getType());
      BufferInfo &buffer = info.buffers.emplace_back();
      buffer.name = cast<StringAttr>(func.getBufferNames()[i]).getValue().str();
      buffer.type = elementTypeOf(type.getElementType());
      buffer.shape.assign(type.getShape().begin(), type.getShape().end());
      SmallVector<int64_t> strides;
      if (failed(getStridesAndOffset(type, strides, buffer.offset)) || ShapedType::isDynamicShape(strides) ||
          ShapedType::isDynamic(buffer.offset))
        internalError("buffer {} of kernel {} has no static strides", buffer.name, info.name);
      buffer.strides.assign(strides.begin(), strides.end());
      buffer.free = func.getFree()[i];
      buffer.stored =
          llvm::any_of(argument.getUsers(), [](Operation *user) { return isa<kernel::StoreOp>(user); });
    }
  }

  Access makeAccess(Value buffer, ValueRange axes, AffineMap map, IntegerSet condition) {
    Access access;
    access.buffer = cast<BlockArgument>(buffer).getArgNumber();
    access.uses.assign(info.axes.size(), false);
    std::vector<int> axisOf;
    for (Value axis : axes)
      axisOf.push_back(func.axisIndex(axis));
    for (AffineExpr expr : map.getResults()) {
      LinearIndex byDim{std::vector<int64_t>(axes.size())};
      byDim.linear = addLinear(expr, 1, byDim);
      LinearIndex &index = access.indices.emplace_back();
      auto overAxes = [&](ArrayRef<int64_t> byDim) {
        std::vector<int64_t> coefficients(info.axes.size(), 0);
        for (auto [d, axis] : llvm::enumerate(axisOf))
          coefficients[axis] += byDim[d];
        return coefficients;
      };
      index.offset = byDim.offset;
      index.linear = byDim.linear;
      index.coefficients = overAxes(byDim.coefficients);
      LinearIndex parts{std::vector<int64_t>(axes.size())};
      if (byDim.linear || !addQuotients(expr, 1, parts))
        continue;
      index.offset = parts.offset;
      index.direct = overAxes(parts.coefficients);
      for (FloorTerm &term : parts.floors) {
        term.coefficients = overAxes(term.coefficients);
        index.floors.push_back(std::move(term));
      }
    }
    for (auto [d, axis] : llvm::enumerate(axisOf)) {
      bool used = map.isFunctionOfDim(d);
      if (condition)
        for (AffineExpr constraint : condition.getConstraints())
          used |= constraint.isFunctionOfDim(d);
      access.uses[axis] = access.uses[axis] || used;
    }
    return access;
  }

  /// Whether the store's condition says no more than that its index is in range.
  bool isInside(kernel::StoreOp store) {
    SmallVector<int64_t> extents;
    for (Value axis : store.getAxes())
      extents.push_back(func.getExtents()[func.axisIndex(axis)]);
    AffineMap map = store.getMap();
    MLIRContext *context = map.getContext();
    auto all = IntegerSet::get(map.getNumDims(), 0, {getAffineConstantExpr(0, context)}, {true});
    auto shape = cast<MemRefType>(store.getBuffer().getType()).getShape();
    IntegerSet inside = tgc::affine::withBounds(all, map, shape, extents);
    return kernel::isAlwaysTrue(tgc::affine::simplifyGiven(store.getCondition(), inside, extents));
  }

  void addAccess(Operation &op, Access access) {
    accessesOf[&op].push_back(int(info.accesses.size()));
    info.accesses.push_back(std::move(access));
  }

  void describeOp(Operation &op) {
    SmallBitVector points(info.axes.size());
    for (Value operand : op.getOperands())
      points |= sets.of(operand);
    double count = 1;
    for (unsigned axis : points.set_bits())
      count *= double(info.axes[axis].extent);
    if (auto load = dyn_cast<kernel::LoadOp>(op)) {
      for (unsigned i = 0; i < load.getNumPieces(); ++i) {
        Access access =
            makeAccess(load.getBuffers()[i], load.getAxes(), load.getMap(i), load.getCondition(i));
        access.guarded = bool(load.getFill());
        access.zeroOutside = load.getNumPieces() == 1 && load.getFill() && isZero(*load.getFill()) &&
                             kernel::isAlwaysTrue(load.getCondition(i));
        if (!access.guarded || access.zeroOutside)
          access.windows = windowsOf(kernel::accessOf(func, &op).maps[i], access.indices, info.axes);
        addAccess(op, std::move(access));
      }
    } else if (auto gather = dyn_cast<kernel::GatherOp>(op)) {
      Access access = makeAccess(gather.getBuffer(), gather.getAxes(), gather.getMap(), IntegerSet());
      access.guarded = true;
      LinearIndex &index = access.indices[gather.getDim()];
      index.linear = false;
      for (unsigned axis : sets.of(gather.getIndex()).set_bits()) {
        access.uses[axis] = true;
        index.coefficients[axis] = 1;
      }
      addAccess(op, std::move(access));
    } else if (auto store = dyn_cast<kernel::StoreOp>(op)) {
      Access access = makeAccess(store.getBuffer(), store.getAxes(), store.getMap(), store.getCondition());
      access.store = true;
      access.guarded = !kernel::isAlwaysTrue(store.getCondition());
      access.clipped = access.guarded && isInside(store);
      addAccess(op, std::move(access));
    } else if (!kernel::reducedAxes(&op).empty()) {
      describeReduction(op, count);
    } else if (!isa<arith::ConstantOp, kernel::CoordOp, kernel::TestOp, kernel::RemapOp>(op)) {
      info.flops += count;
    }
  }

  void describeReduction(Operation &op, double count) {
    ReductionInfo reduction;
    using Kind = ReductionKind;
    if (auto reduce = dyn_cast<kernel::ReduceOp>(op)) {
      switch (reduce.getKind()) {
      case kernel::ReduceKind::Add:
        reduction.kind = Kind::Add;
        break;
      case kernel::ReduceKind::Mul:
        reduction.kind = Kind::Mul;
        break;
      case kernel::ReduceKind::Max:
        reduction.kind = Kind::Max;
        break;
      case kernel::ReduceKind::Min:
        reduction.kind = Kind::Min;
        break;
      case kernel::ReduceKind::ArgMax:
        reduction.kind = Kind::ArgMax;
        break;
      case kernel::ReduceKind::ArgMin:
        reduction.kind = Kind::ArgMin;
        break;
      }
    } else {
      reduction.kind = isa<kernel::ContractOp>(op)  ? Kind::Contract
                       : isa<kernel::SoftmaxOp>(op) ? Kind::Softmax
                                                    : Kind::Moments;
    }
    for (Value axis : kernel::reducedAxes(&op))
      reduction.over.push_back(int(func.axisIndex(axis)));
    reduction.result = toVector(sets.of(op.getResult(0)));
    reduction.accumulator = elementTypeOf(op.getResult(0).getType());
    for (Operation *behind : sliceOf(op.getResult(0)))
      if (auto it = reductionOf.find(behind); it != reductionOf.end())
        reduction.level = std::max(reduction.level, info.reductions[it->second].level + 1);
    double each = reduction.kind == Kind::Contract || reduction.kind == Kind::Softmax ? 2
                  : reduction.kind == Kind::Moments                                   ? 3
                                                                                      : 1;
    info.flops += each * count;
    work[&op] = count;
    reductionOf[&op] = int(info.reductions.size());
    info.reductions.push_back(std::move(reduction));
  }

  /// All operations a value is made of.
  llvm::SetVector<Operation *> sliceOf(Value value) const {
    llvm::SetVector<Operation *> slice;
    std::vector<Value> work{value};
    while (!work.empty()) {
      Operation *op = work.back().getDefiningOp();
      work.pop_back();
      if (op && slice.insert(op))
        work.insert(work.end(), op->operand_begin(), op->operand_end());
    }
    return slice;
  }

  OperandInfo operandOf(Value value) const {
    OperandInfo operand;
    operand.type = elementTypeOf(value.getType());
    for (Operation *op : sliceOf(value)) {
      if (auto it = accessesOf.find(op); it != accessesOf.end())
        operand.accesses.insert(operand.accesses.end(), it->second.begin(), it->second.end());
      operand.reduced |= reductionOf.count(op) != 0;
    }
    std::sort(operand.accesses.begin(), operand.accesses.end());
    auto load = value.getDefiningOp<kernel::LoadOp>();
    operand.plain = load && load.getNumPieces() == 1;
    operand.choices = choicesOf(func, value, [&](Operation *op) { return accessesOf.at(op).front(); });
    return operand;
  }

  /// Axes over which values that depend on `result` are reduced or remapped.
  std::vector<int> completeAxes(Value result) const {
    llvm::SetVector<Operation *> users;
    std::vector<Value> work{result};
    while (!work.empty()) {
      Value value = work.back();
      work.pop_back();
      for (Operation *user : value.getUsers())
        if (users.insert(user))
          work.insert(work.end(), user->result_begin(), user->result_end());
    }
    SmallBitVector complete(info.axes.size());
    for (Operation *user : users) {
      for (Value axis : kernel::reducedAxes(user))
        complete.set(func.axisIndex(axis));
      if (auto remap = dyn_cast<kernel::RemapOp>(user))
        if (sets.of(remap.getSource()).test(func.axisIndex(remap.getAxis())))
          complete.set(func.axisIndex(remap.getAxis()));
    }
    return std::vector<int>(complete.set_bits_begin(), complete.set_bits_end());
  }

  ContractInfo contractOf(kernel::ContractOp op, const SmallBitVector &stored) const {
    ContractInfo contract;
    contract.complete = completeAxes(op.getResult());
    contract.tf32 = op.getTf32();
    contract.reduction = reductionOf.at(op);
    contract.lhs = operandOf(op.getLhs());
    contract.rhs = operandOf(op.getRhs());
    SmallBitVector left = sets.of(op.getLhs()), right = sets.of(op.getRhs());
    for (Value axis : op.getOver())
      contract.k.push_back(int(func.axisIndex(axis)));
    for (unsigned axis = 0; axis < info.axes.size(); ++axis) {
      if (llvm::is_contained(contract.k, int(axis)))
        continue;
      if (left.test(axis) && !right.test(axis))
        contract.m.push_back(int(axis));
      else if (right.test(axis) && !left.test(axis))
        contract.n.push_back(int(axis));
      else if ((left.test(axis) && right.test(axis)) || stored.test(axis))
        contract.batch.push_back(int(axis));
    }
    return contract;
  }

  void describeShape() {
    SmallBitVector stored(info.axes.size());
    for (auto [i, axis] : llvm::enumerate(info.axes))
      if (axis.stored)
        stored.set(i);
    Operation *contract = nullptr, *softmax = nullptr;
    for (Operation &op : *func.getBlock()) {
      if (isa<kernel::SoftmaxOp>(op) && (!softmax || work[&op] > work[softmax]))
        softmax = &op;
      if (isa<kernel::ContractOp>(op) && (!contract || work[&op] > work[contract]))
        contract = &op;
    }
    if (softmax) {
      info.shape = KernelShape::Attend;
      info.attend = attendOf(cast<kernel::SoftmaxOp>(softmax), stored);
    } else if (contract) {
      info.shape = KernelShape::Contract;
      info.contract = contractOf(cast<kernel::ContractOp>(contract), stored);
    } else if (!info.reductions.empty()) {
      info.shape = KernelShape::Reduce;
    }
  }

  AttendInfo attendOf(kernel::SoftmaxOp op, const SmallBitVector &stored) const {
    AttendInfo attend;
    attend.reduction = reductionOf.at(op);
    attend.values = operandOf(op.getValues());
    attend.complete = completeAxes(op.getResult());
    SmallBitVector weights = sets.of(op.getWeights()), values = sets.of(op.getValues());
    SmallBitVector over(info.axes.size());
    for (Value axis : op.getOver()) {
      attend.n.push_back(int(func.axisIndex(axis)));
      over.set(func.axisIndex(axis));
    }
    for (unsigned axis = 0; axis < info.axes.size(); ++axis) {
      if (over.test(axis))
        continue;
      if (weights.test(axis) && !values.test(axis))
        attend.m.push_back(int(axis));
      else if (values.test(axis) && !weights.test(axis))
        attend.e.push_back(int(axis));
      else if (weights.test(axis) || stored.test(axis))
        attend.batch.push_back(int(axis));
    }
    // The scores: the one reduction in the weights, when it is a product of queries with keys.
    kernel::ContractOp scores;
    int reductions = 0;
    for (Operation *part : sliceOf(op.getWeights()))
      if (reductionOf.count(part)) {
        ++reductions;
        scores = dyn_cast<kernel::ContractOp>(part);
      }
    if (reductions != 1 || !scores)
      return attend;
    ContractInfo contract = contractOf(scores, weights);
    auto keysIn = [&](const std::vector<int> &axes) {
      return llvm::count_if(axes, [&](int axis) { return over.test(axis); });
    };
    if (keysIn(contract.m) == int(attend.n.size())) {
      std::swap(contract.m, contract.n);
      std::swap(contract.lhs, contract.rhs);
    }
    if (keysIn(contract.n) == int(attend.n.size())) {
      attend.d = contract.k;
      attend.scores = std::move(contract);
    }
    return attend;
  }

  void countBytes() {
    std::vector<double> reached(info.buffers.size());
    for (const Access &access : info.accesses) {
      double points = 1;
      for (size_t axis = 0; axis < info.axes.size(); ++axis)
        if (access.uses[axis])
          points *= double(info.axes[axis].extent);
      reached[access.buffer] += points;
    }
    for (auto [buffer, points] : llvm::zip(info.buffers, reached))
      info.bytes += std::min(points, double(buffer.elements())) * double(bytesOf(buffer.type));
  }

  mutable kernel::FuncOp func; // its accessors are not const
  kernel::AxisSets sets;
  KernelInfo info;
  std::map<Operation *, std::vector<int>> accessesOf;
  std::map<Operation *, int> reductionOf;
  std::map<Operation *, double> work; // products or points of a reduction
};

} // namespace

KernelInfo describeKernel(kernel::FuncOp kernel) { return Describe(kernel).run(); }

} // namespace tgc
