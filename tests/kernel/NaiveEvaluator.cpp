#include "NaiveEvaluator.h"

#include "compiler/kernel/Elements.h"
#include <catch2/catch.hpp>

#include <cmath>

using namespace mlir;

namespace tgc::kernel::test {

ParsedModule::ParsedModule() {
  registry.insert<arith::ArithDialect, math::MathDialect, memref::MemRefDialect, KernelDialect>();
  context = std::make_unique<MLIRContext>(registry);
}

FuncOp ParsedModule::func(const std::string &text) {
  module = parseSourceString<ModuleOp>(text, context.get());
  REQUIRE(module);
  return *module->getOps<FuncOp>().begin();
}

std::vector<std::vector<char>> randomBuffers(FuncOp func, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  std::vector<std::vector<char>> buffers;
  for (BlockArgument argument : func.getBuffers()) {
    auto type = cast<MemRefType>(argument.getType());
    Type element = type.getElementType();
    int64_t size = elementBytes(element);
    std::vector<char> &bytes = buffers.emplace_back(bufferBytes(type));
    for (size_t at = 0; at < bytes.size(); at += size)
      if (isa<FloatType>(element))
        writeReal(&bytes[at], normal(random), element);
      else
        writeInteger(&bytes[at], int64_t(random() % 7) - 1, element);
  }
  return buffers;
}

std::vector<Bytes> asBytes(const std::vector<std::vector<char>> &buffers) {
  return {buffers.begin(), buffers.end()};
}

namespace {

class Naive {
public:
  Naive(FuncOp func, const std::vector<Bytes> &buffers) : func(func), buffers(buffers) {}

  using Point = std::vector<int64_t>;

  int64_t index(AffineExpr expr, ValueRange axes, const Point &point) {
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      return point[func.axisIndex(axes[dim.getPosition()])];
    if (auto constant = dyn_cast<AffineConstantExpr>(expr))
      return constant.getValue();
    auto binary = cast<AffineBinaryOpExpr>(expr);
    int64_t a = index(binary.getLHS(), axes, point), b = index(binary.getRHS(), axes, point);
    int64_t quotient = int64_t(std::floor(double(a) / double(b)));
    return expr.getKind() == AffineExprKind::Add   ? a + b
           : expr.getKind() == AffineExprKind::Mul ? a * b
           : expr.getKind() == AffineExprKind::Mod ? a - b * quotient
                                                   : quotient;
  }
  bool holds(IntegerSet set, ValueRange axes, const Point &point) {
    for (auto [expr, equality] : llvm::zip(set.getConstraints(), set.getEqFlags())) {
      int64_t value = index(expr, axes, point);
      if (equality ? value != 0 : value < 0)
        return false;
    }
    return true;
  }

  /// NaN-boxed nothing: an index outside the shape.
  std::optional<double> element(Value buffer, ArrayRef<int64_t> indices) {
    auto type = cast<MemRefType>(buffer.getType());
    SmallVector<int64_t> strides;
    int64_t offset;
    REQUIRE(succeeded(getStridesAndOffset(type, strides, offset)));
    for (auto [i, stride, size] : llvm::zip(indices, strides, type.getShape())) {
      if (i < 0 || i >= size)
        return std::nullopt;
      offset += i * stride;
    }
    const char *at = buffers[cast<BlockArgument>(buffer).getArgNumber()].data() +
                     offset * elementBytes(type.getElementType());
    return isa<FloatType>(type.getElementType()) ? readReal(at, type.getElementType())
                                                 : double(readInteger(at, type.getElementType()));
  }

  static double number(Attribute attribute) {
    if (auto real = dyn_cast<FloatAttr>(attribute))
      return real.getValueAsDouble();
    return double(cast<IntegerAttr>(attribute).getInt());
  }

  std::vector<Point> pointsOver(ValueRange over, const Point &point) {
    std::vector<Point> points{point};
    for (Value axis : over) {
      std::vector<Point> next;
      for (const Point &base : points)
        for (int64_t i = 0; i < func.extentOf(axis); ++i) {
          next.push_back(base);
          next.back()[func.axisIndex(axis)] = i;
        }
      points = next;
    }
    return points;
  }

  double value(Value v, const Point &point) {
    Operation *op = v.getDefiningOp();
    auto arg = [&](unsigned i) { return value(op->getOperand(i), point); };
    if (auto load = dyn_cast<LoadOp>(op)) {
      for (unsigned i = 0; i < load.getNumPieces(); ++i) {
        if (!holds(load.getCondition(i), load.getAxes(), point))
          continue;
        SmallVector<int64_t> indices;
        for (AffineExpr expr : load.getMap(i).getResults())
          indices.push_back(index(expr, load.getAxes(), point));
        if (auto found = element(load.getBuffers()[i], indices))
          return *found;
      }
      REQUIRE(load.getFill().has_value());
      return number(*load.getFill());
    }
    if (auto gather = dyn_cast<GatherOp>(op)) {
      SmallVector<int64_t> indices;
      for (AffineExpr expr : gather.getMap().getResults())
        indices.push_back(index(expr, gather.getAxes(), point));
      indices[gather.getDim()] += int64_t(value(gather.getIndex(), point));
      return element(gather.getBuffer(), indices).value_or(number(gather.getFill()));
    }
    if (auto constant = dyn_cast<arith::ConstantOp>(op))
      return number(constant.getValue());
    if (auto coord = dyn_cast<CoordOp>(op))
      return double(index(coord.getMap().getResult(0), coord.getAxes(), point));
    if (auto test = dyn_cast<TestOp>(op))
      return holds(test.getCondition(), test.getAxes(), point);
    if (auto remap = dyn_cast<RemapOp>(op)) {
      Point moved = point;
      moved[func.axisIndex(remap.getAxis())] = index(remap.getMap().getResult(0), remap.getAxes(), point);
      return value(remap.getSource(), moved);
    }
    if (auto contract = dyn_cast<ContractOp>(op)) {
      double sum = 0;
      for (const Point &p : pointsOver(contract.getOver(), point))
        sum += value(contract.getLhs(), p) * value(contract.getRhs(), p);
      return sum;
    }
    if (auto reduce = dyn_cast<ReduceOp>(op))
      return reduction(reduce, point);
    if (auto moments = dyn_cast<MomentsOp>(op)) {
      std::vector<Point> points = pointsOver(moments.getOver(), point);
      double sum = 0, squares = 0;
      for (const Point &p : points)
        sum += value(moments.getSource(), p);
      double mean = sum / double(points.size());
      for (const Point &p : points)
        squares += std::pow(value(moments.getSource(), p) - mean, 2);
      return v == moments.getMean() ? mean : squares / double(points.size());
    }
    if (auto softmax = dyn_cast<SoftmaxOp>(op)) {
      double weights = 0, sum = 0, greatest = -INFINITY;
      std::vector<Point> points = pointsOver(softmax.getOver(), point);
      for (const Point &p : points)
        greatest = std::fmax(greatest, value(softmax.getWeights(), p));
      for (const Point &p : points) {
        double weight = std::exp(value(softmax.getWeights(), p) - greatest);
        weights += weight;
        sum += weight * value(softmax.getValues(), p);
      }
      return sum / weights;
    }
    StringRef name = op->getName().getStringRef();
    if (name == "arith.addf" || name == "arith.addi")
      return arg(0) + arg(1);
    if (name == "arith.subf" || name == "arith.subi")
      return arg(0) - arg(1);
    if (name == "arith.mulf" || name == "arith.muli")
      return arg(0) * arg(1);
    if (name == "arith.divf")
      return arg(0) / arg(1);
    if (name == "arith.negf")
      return -arg(0);
    if (name == "arith.maximumf") {
      double a = arg(0), b = arg(1);
      return std::isnan(a) || std::isnan(b) ? NAN : std::max(a, b);
    }
    if (name == "arith.extf" || name == "arith.truncf" || name == "arith.sitofp" || name == "arith.extsi")
      return arg(0);
    if (name == "arith.select")
      return arg(0) != 0 ? arg(1) : arg(2);
    if (auto compare = dyn_cast<arith::CmpIOp>(op)) {
      REQUIRE(compare.getPredicate() == arith::CmpIPredicate::eq);
      return arg(0) == arg(1);
    }
    if (name == "math.exp")
      return std::exp(arg(0));
    if (name == "math.tanh")
      return std::tanh(arg(0));
    if (name == "math.sqrt")
      return std::sqrt(arg(0));
    if (name == "math.rsqrt")
      return 1 / std::sqrt(arg(0));
    FAIL("the naive evaluator has no " << name.str());
    return 0;
  }

  double reduction(ReduceOp reduce, const Point &point) {
    bool first = true;
    double result = reduce.getKind() == ReduceKind::Mul ? 1 : 0, best = 0;
    int64_t position = 0;
    for (const Point &p : pointsOver(reduce.getOver(), point)) {
      double x = value(reduce.getSource(), p);
      bool nan = std::isnan(x);
      switch (reduce.getKind()) {
      case ReduceKind::Add:
        result += x;
        break;
      case ReduceKind::Mul:
        result *= x;
        break;
      case ReduceKind::Max:
        result = first || nan || (!std::isnan(result) && x > result) ? x : result;
        break;
      case ReduceKind::Min:
        result = first || nan || (!std::isnan(result) && x < result) ? x : result;
        break;
      default: {
        bool greatest = reduce.getKind() == ReduceKind::ArgMax;
        if (first || (!std::isnan(best) && (nan || (greatest ? x > best : x < best)))) {
          best = x;
          result = double(position);
        }
      }
      }
      first = false;
      ++position;
    }
    return result;
  }

  FuncOp func;
  const std::vector<Bytes> &buffers;
};

} // namespace

std::map<unsigned, std::vector<double>> naiveEvaluate(FuncOp func, const std::vector<Bytes> &buffers) {
  Naive naive(func, buffers);
  AxisSets sets(func);
  std::map<unsigned, std::vector<double>> outputs;
  for (StoreOp store : func.getBlock()->getOps<StoreOp>()) {
    auto type = cast<MemRefType>(store.getBuffer().getType());
    auto &output = outputs[cast<BlockArgument>(store.getBuffer()).getArgNumber()];
    output.resize(type.getNumElements(), NAN);
    SmallVector<Value> axes;
    for (unsigned axis : sets.of(store).set_bits())
      axes.push_back(func.getAxes()[axis]);
    for (const auto &point : naive.pointsOver(axes, Naive::Point(func.getNumAxes(), 0))) {
      if (!naive.holds(store.getCondition(), store.getAxes(), point))
        continue;
      int64_t position = 0;
      for (auto [expr, size] : llvm::zip(store.getMap().getResults(), type.getShape()))
        position = position * size + naive.index(expr, store.getAxes(), point);
      output.at(position) = naive.value(store.getValue(), point);
    }
  }
  return outputs;
}

} // namespace tgc::kernel::test
