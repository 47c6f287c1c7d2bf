// 1. Buffers that are no weights are followed; those that a launch of every run uses stay alive anyway.
// 2. From the last prepare launch to the first: one without such a buffer moves before the next launch that has any
//    buffer in common with it. Of a chain of launches the last has its place by then, and the others line up before it.
#include "compiler/schedule/OrderPrepare.h"

#include "compiler/kernel/transforms/Launches.h"

using namespace mlir;

namespace tgc {

using Buffers = llvm::SmallDenseSet<Value, 8>;

static Buffers changingBuffers(kernel::LaunchOp launch) {
  Buffers buffers;
  for (Value buffer : launch.getBuffers())
    if (Value base = kernel::baseOf(buffer); !base.getDefiningOp<kernel::WeightOp>())
      buffers.insert(base);
  return buffers;
}

static bool intersect(const Buffers &a, const Buffers &b) {
  return llvm::any_of(a, [&](Value buffer) { return b.contains(buffer); });
}

void orderPrepare(kernel::ProgramOp program) {
  Buffers running;
  SmallVector<std::pair<kernel::LaunchOp, Buffers>> launches; // in the order that they come to
  for (auto launch : program.getOps<kernel::LaunchOp>()) {
    Buffers buffers = changingBuffers(launch);
    if (launch.getPrepare())
      launches.push_back({launch, std::move(buffers)});
    else
      running.insert(buffers.begin(), buffers.end());
  }
  for (size_t i = launches.size(); i-- > 0;) {
    const auto &[launch, buffers] = launches[i];
    if (intersect(buffers, running))
      continue;
    auto user = std::find_if(launches.begin() + i + 1, launches.end(),
                             [&](const auto &later) { return intersect(buffers, later.second); });
    if (user == launches.end())
      continue;
    launch->moveBefore(user->first);
    std::rotate(launches.begin() + i, launches.begin() + i + 1, user);
  }
}

} // namespace tgc
