// The pipe's plan of attention on a device whose blocks have one thread: the scores are made transposed, keys as
// the atom's rows and queries as its lanes, so that the softmax's statistics are lanes too and the weights are
// already the right operand of the second product.
// 1. Queries, keys, depth and value columns from the roles; an axis of the queries' side that keys or values
//    have too is the grid's.
// 2. Queries are packed into panels once a block. Keys and values are read in place where they lie as rows of
//    the atom's type, else copied, one block of keys at a time.
// 3. Register tiles of both products, scratch, grid.
#include "search/plan/PipeParts.h"
#include "search/plan/Planners.h"

#include <algorithm>
#include <fmt/format.h>

namespace tgc {
namespace {

class AttendPlanner : PipeParts {
public:
  using PipeParts::PipeParts;

  Plan run() {
    refuseForOneThread();
    const AttendInfo &attend = *kernel.attend;
    if (!attend.scores)
      throw Refusal{"tc: the weights are no contraction of queries and keys"};
    if (!schedule.flip)
      throw Refusal{"tc: attention on this device takes its keys as the atom's rows: flip"};
    if (!schedule.packs.empty())
      throw Refusal{"pack: attention has no weights"};
    const ContractInfo &scores = *attend.scores;
    for (const OperandInfo *operand : {&scores.lhs, &scores.rhs, &attend.values})
      if (operand->reduced)
        throw Refusal{"tc: an operand is itself reduced, so it cannot be streamed"};
    const Atom &atom = chooseAtom(kernel.reductions[attend.reduction].accumulator,
                                  {scores.lhs.type, scores.rhs.type, attend.values.type});
    if (kernel.reductions[scores.reduction].accumulator != atom.accumulator)
      throw Refusal{"tc: scores and result are summed in different types"};
    int64_t lanes = lanesOf(atom.accumulator);

    PipePlan plan;
    plan.atom = atom.name;
    plan.flip = true;
    plan.accumulateInScratch = true;
    plan.vectorLanes = lanes;
    QuerySides queries = divideQueries();
    plan.batch = makeBatch(queries.batch);
    plan.m = makeSide(queries.rows, mainAccess(scores.lhs), attend.complete);
    plan.n = makeSide(attend.n, mainAccess(scores.rhs), {});
    plan.k = makeSide(attend.d, mainAccess(scores.rhs), attend.d);
    std::vector<int> wholeColumns = attend.e;
    plan.e = makeSide(attend.e, mainAccess(attend.values), wholeColumns);
    requireOnePiece(plan.n, "keys");
    if (std::count_if(plan.m.axes.begin(), plan.m.axes.end(),
                      [](const TiledAxis &axis) { return axis.tile > 1; }) > 1)
      throw Refusal{"tile: queries are taken along one axis"};
    requireWhole(plan, attend.d);
    requireWhole(plan, attend.complete);
    requireTiledAxes(plan, "attention");

    plan.atomN = chooseColumns(plan.m.extent(), lanes);
    plan.atomM = chooseRows(plan.n.extent(), plan.atomN, lanes);
    plan.secondAtomM = chooseRows(plan.e.extent(), plan.atomN, lanes);
    if (std::string copy = copyOf(scores.lhs); !copy.empty() && copy != "pack")
      throw Refusal{fmt::format("copy {}: queries are packed into panels", copy)};
    plan.a.copy = "pack";
    plan.a.type = atom.b;
    plan.a.rowStride = 1;
    plan.a.depthStride = plan.atomN;
    if (const TiledAxis &last = plan.m.axes.empty() ? TiledAxis{} : plan.m.axes.back();
        last.tile >= lanes && (last.tile % lanes == 0 || last.tile == plan.m.extent())) {
      plan.a.laneAxis = last.axis;
      plan.a.lanes = lanes;
    }
    plan.a.tileBytes = plan.paddedQueries() * plan.k.extent() * bytesOf(atom.b);
    plan.b = planRows(scores.rhs, plan.n, plan.k, atom);
    plan.v = planRows(attend.values, plan.e, plan.n, atom);
    finish(plan, plan.e);

    LaunchPlan launch;
    for (const TiledAxis &axis : plan.batch)
      launch.blocks *= axis.tiles();
    launch.blocks *= plan.m.tiles() * plan.e.tiles();
    int64_t sums = plan.paddedQueries() * (plan.e.extent() + 2) * bytesOf(atom.accumulator);
    int64_t weights = plan.n.extent() * plan.atomN * bytesOf(atom.accumulator);
    launch.scratchBytes = sums + weights + plan.a.tileBytes + plan.b.tileBytes + plan.v.tileBytes;
    if (launch.scratchBytes > device.sharedBytes)
      throw Refusal{
          fmt::format("{} bytes of block memory, there are {}", launch.scratchBytes, device.sharedBytes)};
    Plan result;
    result.launches = {launch};
    result.registers = (plan.atomM + 1) * (plan.atomN / lanes) + 1;
    result.body = std::move(plan);
    return result;
  }
};

} // namespace

Plan planAttendPipe(const KernelInfo &kernel, const Schedule &schedule, const DeviceInfo &device) {
  return AttendPlanner(kernel, schedule, device).run();
}

} // namespace tgc
