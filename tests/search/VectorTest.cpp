// Products of a matrix and a vector on a GPU whose groups read operands straight into registers: plans, the heuristic's
// schedules and what a search starts from, on kernels described by hand.
#include <catch2/catch.hpp>

#include "search/Plan.h"
#include "search/strategies/Space.h"

using namespace tgc;

namespace {

DeviceInfo directDevice(bool blocks) {
  DeviceInfo device;
  device.kind = device.name = device.architecture = "direct";
  device.units = 20;
  device.maxThreads = 1024;
  device.subgroup = 16;
  device.registers = 128;
  device.largeRegisters = 256;
  device.blockRegisters = 1024 * 128;
  device.bandwidth = 456e9;
  device.plainRate = 13e12;
  device.copyKinds = {"plain"};
  if (blocks)
    device.copyKinds.push_back("block2d");
  Atom atom;
  atom.name = "dpas";
  atom.a = atom.b = ElementType::BF16;
  atom.accumulator = ElementType::F32;
  atom.m = 8;
  atom.n = atom.nStep = atom.threads = atom.k = 16;
  atom.nMax = 256;
  atom.neighbours = 1;
  device.atoms = {atom};
  return device;
}

/// Of the axes one, n and k.
Access access(int buffer, bool store, std::vector<int> axes) {
  Access made;
  made.buffer = buffer;
  made.store = store;
  made.uses.assign(3, false);
  for (int axis : axes) {
    LinearIndex index{std::vector<int64_t>(3)};
    index.coefficients[size_t(axis)] = 1;
    made.indices.push_back(index);
    made.uses[size_t(axis)] = true;
  }
  return made;
}

/// y[one,n] = Σ_k x[one,k] · w[n,k] of bf16, or w[k,n] (`across`); with `left` the matrix is the left operand. There is one
/// point of the axis "one", which with `named` is of the vector's side.
KernelInfo product(int64_t n, int64_t k, bool left, bool across, bool named) {
  KernelInfo kernel;
  kernel.name = "product";
  kernel.hash = 1;
  kernel.shape = KernelShape::Contract;
  kernel.axes = {{"one", 1, true}, {"n", n, true}, {"k", k, false, true}};
  kernel.buffers = {{"x", ElementType::BF16, {1, k}, {k, 1}},
                    {"w", ElementType::BF16, {n, k}, {k, 1}, 0, true},
                    {"y", ElementType::BF16, {1, n}, {n, 1}, 0, false, true}};
  kernel.accesses = {access(0, false, {0, 2}), access(1, false, {1, 2}), access(2, true, {0, 1})};
  if (across) {
    kernel.buffers[1].shape = {k, n};
    kernel.buffers[1].strides = {n, 1};
    kernel.accesses[1] = access(1, false, {2, 1});
  }
  kernel.reductions = {{ReductionKind::Contract, {2}, {true, true, false}, ElementType::F32}};
  OperandInfo vector{ElementType::BF16, {0}, true, false, {{0, {}}}},
      matrix{ElementType::BF16, {1}, true, false, {{1, {}}}};
  ContractInfo contract;
  contract.k = {2};
  (left ? contract.m : contract.n) = {1};
  if (named)
    (left ? contract.n : contract.m) = {0};
  else
    contract.batch = {0};
  contract.lhs = left ? matrix : vector;
  contract.rhs = left ? vector : matrix;
  kernel.contract = contract;
  kernel.flops = 2.0 * double(n * k);
  kernel.bytes = 2.0 * double(n * k);
  return kernel;
}

} // namespace

TEST_CASE("products with a vector are the atom's, and a search knows plain loops too") {
  for (int way = 0; way < 16; ++way) {
    bool blocks = way & 1, left = way & 2, across = way & 4, named = way & 8;
    DeviceInfo device = directDevice(blocks);
    KernelInfo kernel = product(65536, 4096, left, across, named);
    Schedule schedule = heuristicSchedule(kernel, device);
    INFO(printSchedule(schedule));
    CHECK(schedule.atom);
    // The matrix is the left operand where blocks bring rows of the depth; else a thread has a column of it.
    bool onLeft = left != schedule.flip;
    CHECK(onLeft == (blocks && !across));
    PlanResult plan = makePlan(kernel, schedule, device);
    REQUIRE(plan);
    const PipePlan &pipe = std::get<PipePlan>(plan.plan->body);
    const OperandPlan &matrix = onLeft ? pipe.a : pipe.b, &vector = onLeft ? pipe.b : pipe.a;
    CHECK((onLeft ? pipe.n : pipe.m).axes.empty());
    CHECK(pipe.roles->fragmentRows == (onLeft ? 16 : 8));
    CHECK(matrix.copy == (blocks ? "block2d" : "plain"));
    CHECK(vector.copy == matrix.copy);
    CHECK(matrix.prefetch.has_value() == blocks);
    CHECK(!vector.prefetch);
    CHECK(plan.plan->packs.empty() == (blocks || !across));
    bool loops = false;
    for (const Candidate &seed : Space(kernel, device).seeds())
      loops |= !seed.schedule.atom;
    CHECK(loops);
  }
}

TEST_CASE("a block of a vector has one row in its surface") {
  DeviceInfo device = directDevice(true);
  PlanResult plan =
      makePlan(product(64, 104, true, false, false),
               parseSchedule("tc(dpas) tile(n,16) tile(k,32) copy(w,block2d) copy(x,block2d)"), device);
  REQUIRE(plan);
  const BoxPlan &box = std::get<PipePlan>(plan.plan->body).b.boxes.front();
  size_t rows = box.sizes.size() - 2;
  CHECK(box.sizes[rows] == 1);
  CHECK(box.box[rows] == 16);
  CHECK(box.coords[rows].coefficients == std::vector<int64_t>(3, 0));
  CHECK(box.strides[rows] * 2 % 64 == 0);
  CHECK(box.strides[rows] >= 104 + 24);
  CHECK(box.box.back() == 32);
}

TEST_CASE("of a product with a vector every thread has rows of its own, and the vector is not packed") {
  DeviceInfo device = directDevice(true);
  KernelInfo kernel = product(64, 64, true, false, true), point = product(1, 64, true, false, true);
  auto reason = [&](const KernelInfo &of, const char *schedule) {
    return makePlan(of, parseSchedule(schedule), device).reason;
  };
  CHECK(reason(kernel, "tc(dpas) tile(n,32) tile(k,32) warps(2)") == "");
  CHECK(reason(kernel, "tc(dpas) tile(n,24) tile(k,32)") ==
        "tile: 24 rows of one column, 1 groups of 16 threads share them out");
  CHECK(reason(kernel, "tc(dpas) tile(n,32) tile(k,32) warps(1x2)") ==
        "tile: 16 columns, 2 groups take multiples of 16");
  kernel.buffers[0].free = true;
  CHECK(reason(kernel, "tc(dpas) tile(n,32) tile(k,32) pack(x,nk)") == "pack: the right operand is a vector");
  CHECK(reason(point, "tc(dpas) tile(k,32)") == "tc: neither side has more than one point");
  kernel.contract->complete = {1};
  CHECK(reason(kernel, "tc(dpas) tile(n,64) tile(k,32)") ==
        "tc: the result is remapped along rows, of which every thread has its own");
}
