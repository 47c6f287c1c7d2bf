// The graph evaluator on operations written as text: results worked out by hand.
#include "compiler/graph/Evaluate.h"
#include "compiler/support/Error.h"
#include "frontends/onnx/Import.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include <catch2/catch.hpp>
#include <cmath>

using namespace tgc;
using graph::HostTensor;

namespace {

class Graph {
public:
  explicit Graph(const std::string &body) {
    onnx::loadDialects(context);
    module = mlir::parseSourceString<mlir::ModuleOp>(body, &context);
    REQUIRE(module);
  }

  std::vector<graph::HostTensorPtr> run(std::vector<std::vector<double>> arguments,
                                        graph::EvaluateOptions options = {}) {
    auto function = module->lookupSymbol<mlir::func::FuncOp>("main");
    std::vector<graph::HostTensorPtr> tensors;
    for (size_t i = 0; i < arguments.size(); ++i) {
      auto type = mlir::cast<mlir::RankedTensorType>(function.getArgument(unsigned(i)).getType());
      HostTensor tensor = HostTensor::zeros(type.getShape(), type.getElementType());
      if (tensor.isFloat())
        tensor.floats = arguments[i];
      else
        tensor.ints.assign(arguments[i].begin(), arguments[i].end());
      tensors.push_back(std::make_shared<HostTensor>(tensor));
    }
    return graph::evaluate(function, tensors, options);
  }
  std::vector<double> floats(std::vector<std::vector<double>> arguments) { return run(arguments)[0]->floats; }
  std::vector<int64_t> ints(std::vector<std::vector<double>> arguments) { return run(arguments)[0]->ints; }

private:
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

using Floats = std::vector<double>;
using Ints = std::vector<int64_t>;

} // namespace

TEST_CASE("a view reads through its map and fills outside") {
  Graph g(R"(func.func @main(%x: tensor<3xf32>) -> tensor<6xf32> {
    %v = graph.view %x[affine_map<(d0) -> (d0 - 1)>] else(9.0 : f32) : tensor<3xf32> -> tensor<6xf32>
    return %v : tensor<6xf32> })");
  CHECK(g.floats({{1, 2, 3}}) == Floats{9, 1, 2, 3, 9, 9});
}

TEST_CASE("a view that leaves its source without a fill is an internal error") {
  Graph g(R"(func.func @main(%x: tensor<3xf32>) -> tensor<4xf32> {
    %v = graph.view %x[affine_map<(d0) -> (d0)>] : tensor<3xf32> -> tensor<4xf32>
    return %v : tensor<4xf32> })");
  CHECK_THROWS_AS(g.floats({{1, 2, 3}}), Error);
}

TEST_CASE("a piece takes the first source whose condition holds and whose index is inside") {
  Graph g(R"(func.func @main(%x: tensor<2xf32>, %y: tensor<6xf32>) -> tensor<6xf32> {
    %v = graph.piece(%x, %y) maps [affine_map<(d0) -> (d0 floordiv 2)>, affine_map<(d0) -> (d0)>]
      wheres [affine_set<(d0) : (d0 mod 2 == 0)>, affine_set<(d0) : (0 == 0)>]
      : (tensor<2xf32>, tensor<6xf32>) -> tensor<6xf32>
    return %v : tensor<6xf32> })");
  CHECK(g.floats({{1, 2}, {10, 11, 12, 13, 14, 15}}) == Floats{1, 11, 2, 13, 14, 15});
}

TEST_CASE("a contraction sums products over its inner dimensions") {
  Graph g(R"(func.func @main(%a: tensor<2x3xf32>, %b: tensor<3x2xf32>) -> tensor<2x2xf32> {
    %c = graph.contract sum %a, %b extents [2, 2, 3] maps affine_map<(m, n, k) -> (m, k)>,
      affine_map<(m, n, k) -> (k, n)> : tensor<2x3xf32>, tensor<3x2xf32> -> tensor<2x2xf32>
    return %c : tensor<2x2xf32> })");
  CHECK(g.floats({{1, 2, 3, 4, 5, 6}, {1, 0, 0, 1, 1, 1}}) == Floats{4, 5, 10, 11});
}

TEST_CASE("a softmax contraction weighs without overflow") {
  Graph g(R"(func.func @main(%t: tensor<2x2xf32>, %v: tensor<2xf32>) -> tensor<2xf32> {
    %c = graph.contract softmax %t, %v extents [2, 2] maps affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (n)>
      : tensor<2x2xf32>, tensor<2xf32> -> tensor<2xf32>
    return %c : tensor<2xf32> })");
  Floats y = g.floats({{1000, 1000, 0, std::log(3.0)}, {2, 4}});
  CHECK(y[0] == Approx(3));
  CHECK(y[1] == Approx((2 + 3 * 4) / 4.0));
}

TEST_CASE("reductions: order of dimensions, identities, NaN") {
  auto reduce = [](const char *kind, const char *element) {
    std::string e = element;
    return Graph("func.func @main(%x: tensor<2x3x" + e + ">) -> tensor<3x" + e + "> {\n %r = graph.reduce " +
                 kind + " %x dims [0] : tensor<2x3x" + e + "> -> tensor<3x" + e +
                 ">\n return %r : tensor<3x" + e + "> }");
  };
  CHECK(reduce("add", "f32").floats({{1, 2, 3, 4, 5, 6}}) == Floats{5, 7, 9});
  Floats most = reduce("max", "f32").floats({{1, NAN, 3, 4, 5, -6}});
  CHECK(most[0] == 4);
  CHECK(std::isnan(most[1]));
  CHECK(reduce("mul", "i8").ints({{100, 2, 3, 3, 5, -6}}) == Ints{44, 10, -18});
  CHECK(reduce("min", "i64").ints({{1, 2, 3, -4, 5, 6}}) == Ints{-4, 2, 3});
}

TEST_CASE("argmax gives the first of equal values, NaN is greatest") {
  Graph g(R"(func.func @main(%x: tensor<3x3xf32>) -> tensor<3xi64> {
    %r = graph.reduce argmax %x dims [1] : tensor<3x3xf32> -> tensor<3xi64>
    return %r : tensor<3xi64> })");
  CHECK(g.ints({{1, 7, 7, NAN, 9, NAN, -1, -1, -1}}) == Ints{1, 0, 0});
}

TEST_CASE("moments are the mean and the population variance") {
  Graph g(R"(func.func @main(%x: tensor<4xf32>) -> (tensor<f32>, tensor<f32>) {
    %m, %v = graph.moments %x dims [0] : tensor<4xf32> -> tensor<f32>, tensor<f32>
    return %m, %v : tensor<f32>, tensor<f32> })");
  auto results = g.run({{1, 3, 5, 7}});
  CHECK(results[0]->floats == Floats{4});
  CHECK(results[1]->floats == Floats{5});
}

TEST_CASE("a gather outside its dimension gives the fill") {
  Graph g(R"(func.func @main(%x: tensor<3x2xf32>, %i: tensor<4xi64>) -> tensor<4x2xf32> {
    %v = graph.gather %x[affine_map<(d0, d1) -> (0, d1)>] axis 0 by %i[affine_map<(d0, d1) -> (d0)>] else(-1.0 : f32)
      : tensor<3x2xf32>, tensor<4xi64> -> tensor<4x2xf32>
    return %v : tensor<4x2xf32> })");
  CHECK(g.floats({{1, 2, 3, 4, 5, 6}, {2, 0, 3, -1}}) == Floats{5, 6, 1, 2, -1, -1, -1, -1});
}

TEST_CASE("explicit rounding rounds where the graph says, every rounding after each operation") {
  Graph g(R"(func.func @main(%x: tensor<1xf32>) -> (tensor<1xf32>, tensor<1xf32>) {
    %one = arith.constant dense<1.0> : tensor<1xf32>
    %s = arith.addf %x, %one : tensor<1xf32>
    %d = arith.subf %s, %one : tensor<1xf32>
    %h = arith.truncf %s : tensor<1xf32> to tensor<1xbf16>
    %w = arith.extf %h : tensor<1xbf16> to tensor<1xf32>
    return %d, %w : tensor<1xf32>, tensor<1xf32> })");
  double small = std::ldexp(1.0, -30);
  auto exact = g.run({{small}});
  CHECK(exact[0]->floats[0] == small);
  CHECK(exact[1]->floats[0] == 1);
  graph::EvaluateOptions every;
  every.rounding = graph::Rounding::Every;
  CHECK(g.run({{small}}, every)[0]->floats[0] == 0);
}

TEST_CASE("integers: wrapping, unsigned readings, division by zero") {
  Graph g(
      R"(func.func @main(%a: tensor<2xi8>, %b: tensor<2xi8>) -> (tensor<2xi8>, tensor<2xi8>, tensor<2xi1>) {
    %s = arith.addi %a, %b : tensor<2xi8>
    %d = arith.divui %a, %b : tensor<2xi8>
    %l = arith.cmpi ult, %a, %b : tensor<2xi8>
    return %s, %d, %l : tensor<2xi8>, tensor<2xi8>, tensor<2xi1> })");
  auto results = g.run({{127, -1}, {1, 2}});
  CHECK(results[0]->ints == Ints{-128, 1});
  CHECK(results[1]->ints == Ints{127, 127});
  CHECK(results[2]->ints == Ints{0, 0});
  CHECK_THROWS_AS(g.run({{1, 1}, {1, 0}}), Error);
}

TEST_CASE("arguments of another shape are refused") {
  Graph g(R"(func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> { return %x : tensor<2xf32> })");
  CHECK_THROWS_AS(g.run({}), Error);
}
