// Random kernels mean the same after every pass; the seed of a failure is in its message.
#include "compiler/kernel/Passes.h"
#include "NaiveEvaluator.h"
#include <catch2/catch.hpp>

#include <cmath>

using namespace mlir;
using namespace tgc::kernel;
using namespace tgc::kernel::test;

namespace {

/// Writes a program of two launches of random kernels: the first fills a buffer that the second reads in
/// part.
class RandomProgram {
public:
  explicit RandomProgram(unsigned seed) : random_(seed) {}

  std::string text() {
    extents_ = {number(1, 3) * 2, number(1, 4), pick({4, 6, 8}), number(2, 3)};
    names_ = {"%a", "%b", "%c", "%k"};
    int64_t outer = extents_[0] * extents_[1], inner = extents_[2];
    std::string type = "memref<" + std::to_string(outer) + "x" + std::to_string(inner) + "xf64>";
    std::string flat = "memref<" + std::to_string(outer * inner) + "xf64>";
    std::string deep = "memref<" + std::to_string(extents_[0]) + "x" + std::to_string(extents_[1]) + "x" +
                       std::to_string(extents_[2]) + "xf64>";
    std::string part = "memref<" + std::to_string(extents_[2]) + "x" + std::to_string(extents_[3]) + "xf64>";
    buffers_ = {{"%x", type, {outer, inner}},
                {"%f", flat, {outer * inner}},
                {"%d", deep, {extents_[0], extents_[1], extents_[2]}},
                {"%w", part, {extents_[2], extents_[3]}}};
    std::string result = kernel("first", deep) + kernel("second", deep);
    std::string types = type + ", " + flat + ", " + deep + ", " + part + ", " + deep;
    result += "kernel.program @main {\n  %x = kernel.input \"x\" : " + type +
              "\n  %f = kernel.input \"f\" : " + flat + "\n  %d = kernel.input \"d\" : " + deep +
              "\n  %w = kernel.weight \"w\" : " + part + "\n  %t = kernel.buffer : " + deep +
              "\n  %y = kernel.output \"y\" : " + deep + "\n" +
              "  kernel.launch @first(%x, %f, %d, %w, %t) : " + types +
              "\n  kernel.launch @second(%x, %f, %t, %w, %y) : " + types + "\n}\n";
    return result;
  }

private:
  struct Buffer {
    std::string name, type;
    std::vector<int64_t> shape;
  };

  int64_t number(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random_);
  }
  int64_t pick(std::vector<int64_t> values) { return values[number(0, values.size() - 1)]; }

  std::string linear(std::vector<unsigned> axes) {
    std::string sum = "0";
    for (unsigned axis : axes)
      sum = "(" + sum + ") * " + std::to_string(extents_[axis]) + " + " + names_[axis];
    return sum;
  }

  /// An index that stays inside `size` as often as not.
  std::string index(int64_t size) {
    std::string expr;
    switch (number(0, 5)) {
    case 0:
      expr = "(" + linear({0, 1, 2}) + ") floordiv " + std::to_string(pick({2, 3, 4, 6}));
      break;
    case 1:
      expr = "(" + linear({1, 2}) + ") mod " + std::to_string(size);
      break;
    case 2:
      expr = names_[number(0, 3)] + " + " + names_[number(0, 3)] + " - " + std::to_string(number(0, 2));
      break;
    case 3:
      expr = "(" + linear({0, 2}) + " + " + std::to_string(number(0, 3)) + ") mod " + std::to_string(size);
      break;
    default:
      expr = names_[number(0, 3)];
    }
    return expr;
  }

  std::string condition() {
    if (number(0, 2) != 0)
      return "";
    std::string axis = names_[number(0, 3)];
    std::string expr = number(0, 1) ? axis + " - " + std::to_string(number(0, 3))
                                    : std::to_string(number(0, 4)) + " - " + axis;
    return " if (" + expr + (number(0, 3) ? " >= 0)" : " == 0)");
  }

  std::string load() {
    std::string text = "  " + fresh() + " = kernel.load ";
    for (int64_t pieces = number(1, 3), i = 0; i < pieces; ++i) {
      const Buffer &buffer = buffers_[number(0, buffers_.size() - 1)];
      text += (i ? ", " : "") + buffer.name + "[";
      // Often the plain way to index it.
      std::vector<std::vector<unsigned>> plain{{0, 1}, {2}};
      for (size_t dim = 0; dim < buffer.shape.size(); ++dim)
        text += (dim ? ", " : "") + (number(0, 1)          ? index(buffer.shape[dim])
                                     : buffer.name == "%x" ? linear(plain[dim])
                                     : buffer.name == "%f" ? linear({0, 1, 2})
                                     : buffer.name == "%w" ? names_[2 + dim]
                                                           : names_[dim]);
      text += "]" + condition() + " : " + buffer.type;
    }
    return text + " else " + std::to_string(number(0, 1)) + ".0\n";
  }

  std::string kernel(std::string name, std::string out) {
    values_ = 0;
    std::string text = "kernel.func @" + name + "(";
    for (const Buffer &buffer : buffers_)
      text += buffer.name + ": " + buffer.type + ", ";
    text += "%y: " + out + ") axes(";
    for (unsigned i = 0; i < 4; ++i)
      text += (i ? ", " : "") + names_[i] + " = " + std::to_string(extents_[i]);
    text += ") {\n";
    for (int64_t loads = number(2, 4); loads > 0; --loads)
      text += load();
    for (int64_t ops = number(2, 5); ops > 0; --ops) {
      std::string a = old(), b = old();
      switch (number(0, 5)) {
      case 0:
        text += "  " + fresh() + " = arith.addf " + a + ", " + b + " : f64\n";
        break;
      case 1:
        text += "  " + fresh() + " = arith.mulf " + a + ", " + b + " : f64\n";
        break;
      case 2:
        text += "  " + fresh() + " = arith.maximumf " + a + ", " + b + " : f64\n";
        break;
      case 3:
        text += "  " + fresh() + " = kernel.contract " + a + ", " + b + " over(%k) : f64, f64 -> f64\n";
        break;
      case 4:
        text += "  " + fresh() + " = kernel.remap " + a + "[%c -> " +
                (number(0, 1) ? std::to_string(extents_[2] - 1) + " - %c]"
                              : "(%c floordiv 2) * 2 + 1 - %c mod 2]") +
                " : f64\n";
        break;
      default:
        text += "  " + fresh() + " = kernel.reduce " + (number(0, 1) ? "add " : "max ") + a +
                " over(%c) : f64 -> f64\n";
      }
    }
    // Everything is used, the axis k summed away.
    std::string sum = "%v0";
    for (int64_t i = 1, count = values_; i < count; ++i) {
      std::string next = fresh();
      text += "  " + next + " = arith.addf " + sum + ", %v" + std::to_string(i) + " : f64\n";
      sum = next;
    }
    std::string last = fresh();
    text += "  " + last + " = kernel.reduce add " + sum + " over(%k) : f64 -> f64\n";
    return text + "  kernel.store " + last + ", %y[%a, %b, %c] : " + out + "\n}\n";
  }

  std::string fresh() { return "%v" + std::to_string(values_++); }
  std::string old() { return "%v" + std::to_string(number(0, values_ - 1)); }

  std::mt19937 random_;
  std::vector<int64_t> extents_;
  std::vector<std::string> names_;
  std::vector<Buffer> buffers_;
  int64_t values_ = 0;
};

std::vector<double> run(ModuleOp module, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  NamedBytes bound;
  ProgramOp program = *module.getOps<ProgramOp>().begin();
  for (Operation &op : *program.getBlock())
    if (isa<InputOp, WeightOp>(op)) {
      std::vector<double> data(cast<MemRefType>(op.getResult(0).getType()).getNumElements());
      for (double &value : data)
        value = normal(random);
      const char *bytes = reinterpret_cast<const char *>(data.data());
      bound[op.getAttrOfType<StringAttr>("name").str()].assign(bytes, bytes + data.size() * sizeof(double));
    }
  std::vector<char> bytes = evaluateProgram(module, program, bound).at("y");
  std::vector<double> values(bytes.size() / sizeof(double));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

} // namespace

TEST_CASE("random kernels mean the same after every pass") {
  const char *pipelines[] = {
      "kernel.func(kernel-simplify)",
      "kernel.func(kernel-split-axes)",
      "kernel-merge-axes",
      "kernel-window-buffers",
      "kernel-canonical,kernel-dedupe",
      "kernel.func(kernel-simplify,kernel-split-axes,kernel-simplify),kernel-merge-axes",
      "tgc-kernel"};
  static bool registered = (registerKernelPasses(), true);
  (void)registered;
  unsigned usable = 0;
  for (unsigned seed = 0; seed < 300; ++seed) {
    std::string text = RandomProgram(seed).text();
    INFO("seed " << seed << "\n" << text);
    ParsedModule parsed;
    parsed.func(text);
    std::vector<double> expected = run(*parsed.module, seed);
    usable += llvm::all_of(expected, [](double value) { return std::isfinite(value); });
    for (const char *pipeline : pipelines) {
      OwningOpRef<ModuleOp> module(cast<ModuleOp>((*parsed.module)->clone()));
      PassManager passes(parsed.context.get());
      REQUIRE(succeeded(parsePassPipeline(pipeline, passes)));
      REQUIRE(succeeded(passes.run(*module)));
      std::string after;
      llvm::raw_string_ostream(after) << *module;
      INFO(pipeline << "\n" << after);
      std::vector<double> values = run(*module, seed);
      REQUIRE(values.size() == expected.size());
      for (size_t i = 0; i < values.size(); ++i)
        REQUIRE((values[i] == expected[i] ||
                 std::abs(values[i] - expected[i]) <= 1e-9 * (1 + std::abs(expected[i])) ||
                 (std::isnan(values[i]) && std::isnan(expected[i]))));
    }
  }
  CHECK(usable > 260);
}
