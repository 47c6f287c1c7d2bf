// The text of schedules, the legality of options, and the loop planner, on kernels described by hand.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>

#include "compiler/support/Error.h"
#include "search/Plan.h"
#include "search/options/Option.h"
#include "search/plan/Boxes.h"
#include "search/plan/Planners.h"
#include <random>

using namespace tgc;

namespace {

DeviceInfo cpuDevice() {
  DeviceInfo device;
  device.kind = "cpu";
  device.name = "test";
  device.units = 2;
  device.vectorBytes = 64;
  device.registers = 32;
  device.copyKinds = {"plain", "pack"};
  Atom fma;
  fma.name = "fma";
  fma.a = fma.b = fma.accumulator = ElementType::F32;
  fma.m = 12;
  fma.n = 32;
  device.atoms = {fma};
  return device;
}

LinearIndex along(size_t axes, int axis, int64_t coefficient = 1) {
  LinearIndex index{std::vector<int64_t>(axes)};
  index.coefficients[axis] = coefficient;
  return index;
}

Access access(int buffer, bool store, std::vector<LinearIndex> indices) {
  Access made;
  made.buffer = buffer;
  made.store = store;
  made.indices = std::move(indices);
  for (size_t axis = 0; axis < made.indices.front().coefficients.size(); ++axis)
    made.uses.push_back(std::any_of(made.indices.begin(), made.indices.end(),
                                    [&](const LinearIndex &index) { return index.coefficients[axis] != 0; }));
  return made;
}

/// y[m,n] = Σ_k x[m,k] · w[n,k]
KernelInfo matmul(int64_t m, int64_t n, int64_t k) {
  KernelInfo kernel;
  kernel.name = "matmul";
  kernel.shape = KernelShape::Contract;
  kernel.axes = {{"m", m, true, false}, {"n", n, true, false}, {"k", k, false, true}};
  kernel.buffers = {{"x", ElementType::F32, {m, k}, {k, 1}},
                    {"w", ElementType::F32, {n, k}, {k, 1}, 0, true},
                    {"y", ElementType::F32, {m, n}, {n, 1}, 0, false, true}};
  kernel.accesses = {access(0, false, {along(3, 0), along(3, 2)}),
                     access(1, false, {along(3, 1), along(3, 2)}),
                     access(2, true, {along(3, 0), along(3, 1)})};
  kernel.reductions = {{ReductionKind::Contract, {2}, {true, true, false}, ElementType::F32}};
  ContractInfo contract;
  contract.m = {0};
  contract.n = {1};
  contract.k = {2};
  contract.lhs = {ElementType::F32, {0}, true};
  contract.rhs = {ElementType::F32, {1}, true};
  kernel.contract = contract;
  kernel.flops = 2.0 * double(m * n * k);
  return kernel;
}

std::string reasonOf(const KernelInfo &kernel, const char *schedule) {
  return makePlan(kernel, parseSchedule(schedule), cpuDevice()).reason;
}

} // namespace

TEST_CASE("every option of the grammar parses and prints as itself") {
  for (const char *text :
       {"", "upcast(m,4) upcast(n,4) local(n,16) local(m,16) unroll(k,4)",
        "padto(m,64) padto(n,8) order(n,m) nolocals",
        "tc(wgmma) tile(k,64) tile(m,128) tile(n,192) warps(2+1) pingpong copy(w,tma) "
        "copy(x,tma) stage(4) persistent "
        "raster(m,16) slots(3) pack(w,nk)",
        "hold(q) tc(dpas) flip warps(8x4) overlap stage(0) cluster(m,2) prefetch(3)", "warps(2x1+1)",
        "group(k,32) split(c,5) split(r,3) join(launch)", "winograd(4)", "unfold(w) unfold(x)"}) {
    Schedule schedule = parseSchedule(text);
    std::string printed = printSchedule(schedule);
    INFO(text << " -> " << printed);
    CHECK(parseSchedule(printed) == schedule);
    CHECK(printSchedule(parseSchedule(printed)) == printed);
    CHECK(std::string(text).size() == printed.size() + (std::string(text) == "warps(2x1+1)" ? 2 : 0));
  }
}

TEST_CASE("order of free options does not matter, order of loop options does") {
  CHECK(parseSchedule("stage(2) tile(n,4) tc(fma)") == parseSchedule("tc(fma) tile(n,4) stage(2)"));
  CHECK(parseSchedule("upcast(n,4) unroll(k,2) upcast(n,8)") !=
        parseSchedule("upcast(n,8) unroll(k,2) upcast(n,4)"));
  CHECK(parseSchedule(" upcast( n , 4 )\n").loops == std::vector<LoopSplit>{{SplitKind::Upcast, "n", 4}});
}

TEST_CASE("what is no schedule is refused with the word that is wrong") {
  for (auto [text, word] : {std::pair("upcats(n,4)", "upcats"), std::pair("upcast(n)", "2 arguments"),
                            std::pair("upcast(n,x)", "'x'"), std::pair("upcast(n,1)", "factor"),
                            std::pair("tile(n,4", "not closed"), std::pair("warps(+1)", "MxN+P"),
                            std::pair("tile(n,4) tile(n,8)", "twice"), std::pair("join(later)", "later"),
                            std::pair("winograd(3)", "2 or 4"), std::pair("stage(-1)", "-1"),
                            std::pair("flip(n)", "0 arguments")}) {
    INFO(text);
    try {
      parseSchedule(text);
      FAIL("parsed");
    } catch (const Error &error) {
      CHECK(error.kind() == ErrorKind::Usage);
      CHECK_THAT(error.what(), Catch::Contains(word));
    }
  }
}

TEST_CASE("options say why they are illegal") {
  KernelInfo kernel = matmul(100, 64, 48);
  CHECK_THAT(reasonOf(kernel, "upcast(q,4)"), Catch::Contains("no axis q"));
  CHECK_THAT(reasonOf(kernel, "upcast(m,8)"), Catch::Contains("does not divide"));
  CHECK_THAT(reasonOf(kernel, "upcast(k,8)"), Catch::Contains("only reduced"));
  CHECK_THAT(reasonOf(kernel, "unroll(n,8)"), Catch::Contains("not reduced"));
  CHECK_THAT(reasonOf(kernel, "local(n,8)"), Catch::Contains("one thread"));
  CHECK_THAT(reasonOf(kernel, "tc(wgmma)"), Catch::Contains("no such atom"));
  CHECK_THAT(reasonOf(kernel, "tc(fma) upcast(m,4)"), Catch::Contains("exclude"));
  CHECK_THAT(reasonOf(kernel, "padto(n,8)"), Catch::Contains("multiple already"));
  CHECK_THAT(reasonOf(kernel, "hold(y)"), Catch::Contains("stores it"));
  CHECK_THAT(reasonOf(kernel, "split(k,2)"), Catch::Contains("join"));
  CHECK_THAT(reasonOf(kernel, "join(launch)"), Catch::Contains("no split"));
  CHECK_THAT(reasonOf(kernel, "winograd(4)"), Catch::Contains("3 taps"));
  CHECK_THAT(reasonOf(kernel, "winograd(4) order(m)"), Catch::Contains("stands alone"));
  CHECK_THAT(reasonOf(kernel, "unfold(x) order(m)"), Catch::Contains("stands alone"));
  CHECK_THAT(reasonOf(kernel, "unfold(y)"), Catch::Contains("no operand"));
  CHECK_THAT(reasonOf(kernel, "unfold(x)"), Catch::Contains("lies along the depth"));
  CHECK_THAT(reasonOf(kernel, "order(k)"), Catch::Contains("no place in the grid"));
  CHECK_THAT(reasonOf(kernel, "tile(m,6) upcast(m,4)"), Catch::Contains("not a multiple"));
  CHECK_THAT(reasonOf(kernel, "tile(k,6)"), Catch::Contains("walked whole"));
  CHECK_THAT(reasonOf(kernel, "upcast(n,64) upcast(m,50)"), Catch::Contains("at most"));
  CHECK_THAT(reasonOf(kernel, "copy(x,tma)"), Catch::Contains("needs tc"));
  CHECK(reasonOf(kernel, "padto(m,8) upcast(m,8)").empty());
}

TEST_CASE("lanes lie along the contiguous axis, the rest of its factor in registers") {
  KernelInfo kernel = matmul(100, 64, 48);
  PlanResult result = makePlan(kernel, parseSchedule("unroll(k,48) upcast(m,4) upcast(n,2)"), cpuDevice());
  REQUIRE(result);
  const LoopPlan &plan = std::get<LoopPlan>(result.plan->body);
  CHECK(plan.vectorAxis == 2);
  CHECK(plan.vectorWidth == 16);
  const std::vector<LoopLevel> &k = plan.axes[2].levels;
  REQUIRE(k.size() == 2);
  CHECK((k[0].kind == LoopLevel::Unroll && k[0].count == 3 && k[0].step == 16));
  CHECK((k[1].kind == LoopLevel::Vector && k[1].count == 16 && k[1].step == 1));
  const std::vector<LoopLevel> &m = plan.axes[0].levels;
  REQUIRE(m.size() == 2);
  CHECK((m[0].kind == LoopLevel::Grid && m[0].count == 25 && m[0].step == 4));
  CHECK(result.plan->launches.front().blocks == 25 * 32);
  CHECK(plan.gridOrder == std::vector<int>{1, 0});
}

TEST_CASE("tile is the block's part of an axis, and the last block may be smaller") {
  KernelInfo kernel = matmul(100, 64, 48);
  PlanResult result =
      makePlan(kernel, parseSchedule("upcast(m,4) tile(m,32) tile(n,64) order(m)"), cpuDevice());
  REQUIRE(result);
  const LoopPlan &plan = std::get<LoopPlan>(result.plan->body);
  const std::vector<LoopLevel> &m = plan.axes[0].levels;
  REQUIRE(m.size() == 3);
  CHECK((m[0].kind == LoopLevel::Grid && m[0].count == 4 && m[0].step == 32));
  CHECK((m[1].kind == LoopLevel::Serial && m[1].count == 8 && m[1].step == 4));
  CHECK(plan.axes[0].padded == 100);
  CHECK(result.plan->launches.front().blocks == 4);
}

TEST_CASE("candidates are legal for themselves and one use further") {
  KernelInfo kernel = matmul(100, 64, 48);
  DeviceInfo device = cpuDevice();
  std::mt19937_64 random(7);
  for (int walk = 0; walk < 50; ++walk) {
    Schedule schedule;
    for (int step = 0; step < 5; ++step)
      for (const Option *option : options()) {
        std::vector<Schedule> next = option->candidates({kernel, device}, schedule);
        for (const Schedule &candidate : next) {
          INFO(printSchedule(schedule) << " -> " << printSchedule(candidate));
          CHECK(option->illegal({kernel, device}, candidate).empty());
          CHECK(candidate != schedule);
          CHECK(parseSchedule(printSchedule(candidate)) == candidate);
        }
        if (!next.empty() && random() % 4 == 0)
          schedule = next[random() % next.size()];
      }
  }
}

TEST_CASE("the heuristic has a legal schedule for every size") {
  for (int64_t m : {1, 3, 17, 100, 4096})
    for (int64_t n : {1, 5, 16, 33, 1000})
      for (int64_t k : {1, 7, 48, 3072}) {
        KernelInfo kernel = matmul(m, n, k);
        Schedule schedule = heuristicSchedule(kernel, cpuDevice());
        INFO(m << "x" << n << "x" << k << ": " << printSchedule(schedule));
        CHECK(makePlan(kernel, schedule, cpuDevice()));
        CHECK(schedule == heuristicSchedule(kernel, cpuDevice()));
      }
}

// Copies for the tap s = 3 of 3 must bring zeros: where (r, s) were one dimension of 9, it would be the next r's first.
TEST_CASE("dimensions are not merged where boxes lie behind the inner one's end") {
  KernelInfo kernel;
  kernel.axes = {
      {"o", 32, true, false}, {"r", 3, false, true}, {"s", 3, false, true}, {"c", 72, false, true}};
  kernel.buffers = {{"f", ElementType::BF16, {32, 3, 3, 72}, {648, 216, 72, 1}}};
  Access filter = access(0, false, {along(4, 0), along(4, 1), along(4, 2), along(4, 3)});
  auto sizes = [&](const std::vector<int> &beyond) {
    BoxPlan plan;
    CHECK(planBox(kernel, filter, {32, 1, 1, 64}, {0, 3}, beyond, plan).empty());
    std::sort(plan.sizes.begin(), plan.sizes.end());
    return plan.sizes;
  };
  CHECK(sizes({}) == std::vector<int64_t>{9, 32, 72});
  CHECK(sizes({1}) == std::vector<int64_t>{9, 32, 72});
  CHECK(sizes({2}) == std::vector<int64_t>{3, 3, 32, 72});
  Side taps{{{1, 3, 1}, {2, 3, 2}, {3, 72, 64}}};
  CHECK(axesBeyond(taps, {1, 1, 64}) == std::vector<int>{2});
  CHECK(axesBeyond(taps, {1, 2, 64}).empty());
}
