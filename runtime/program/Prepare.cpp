// Preparing a program after weights have changed.
#include "runtime/format/Error.h"
#include "runtime/program/Program.h"
#include "runtime/program/RunContext.h"
#include <algorithm>

namespace tgc::runtime {

void Program::prepare() {
  std::lock_guard<std::mutex> first(gate);
  std::unique_lock<std::shared_mutex> lock(weightLock);
  if (!current)
    prepareLocked();
}

/// Throws a device error with the numbers if the device cannot hold the program and one run of it.
void Program::requireMemory() const {
  ProgramMemory need = memory();
  uint64_t tensors = 0;
  for (const auto *list : {&content.inputs, &content.outputs})
    for (const TensorRecord &tensor : *list)
      tensors += content.slots[tensor.slot].bytes;
  uint64_t kept = std::max(need.preparePeak, need.weights + need.prepared);
  uint64_t total = kept + need.run + tensors, free = device->freeBytes();
  if (total > free)
    deviceError(device->info().name + " (" + device->info().description + "): the program needs " +
                bytesText(total) + " (" + bytesText(kept) + " for weights and their preparation, " +
                bytesText(need.run + tensors) + " for a run), " + bytesText(free) + " are free of " +
                bytesText(device->info().memoryBytes) +
                "; end what else uses the device, or take a smaller model");
}

/// 1. Find the launches that the changed weights need (the first time, all).
/// 2. See that every weight that will be read can be had, before anything is changed.
/// 3. Place the changed weights that runs read.
/// 4. Run the launches; each brings in the sources it needs, and a source goes after its last launch.
void Program::prepareLocked() {
  std::vector<uint32_t> weights(dirty.begin(), dirty.end());
  std::vector<uint32_t> launches = everPrepared ? plan.launchesFor(weights) : plan.allLaunches();
  std::set<uint32_t> needed;
  for (uint32_t weight : weights)
    if (plan.usedByRun(weight))
      needed.insert(weight);
  for (uint32_t launch : launches)
    for (uint32_t weight : plan.weightsRead(launch))
      if (!placements[content.weights[weight].slot].present || dirty.count(weight))
        needed.insert(weight);
  for (uint32_t weight : needed)
    sources.verify(weight);

  if (!everPrepared)
    requireMemory();
  placedBytes = bytesToPlace = 0;
  for (uint32_t weight : needed)
    bytesToPlace += content.slots[content.weights[weight].slot].bytes;
  ++generation;
  for (uint32_t weight : weights)
    if (plan.usedByRun(weight))
      placeWeight(weight);
    else // what an earlier preparation that failed may have left
      placements[content.weights[weight].slot] = Placement();
  if (!launches.empty()) {
    std::unique_ptr<Context> context = acquire();
    runPrepareLaunches(launches, *context);
    recycle(std::move(context));
  }
  for (uint32_t weight : weights)
    if (placements[content.weights[weight].slot].memory) // the device has its own copy
      sources.dropCopy(weight);
  dirty.clear();
  everPrepared = current = true;
}

void Program::runPrepareLaunches(const std::vector<uint32_t> &launches, Context &context) {
  zeroSlots(zeroedInPrepare, context);
  std::vector<uint32_t> lastReader(content.weights.size(), UINT32_MAX);
  for (uint32_t launch : launches)
    for (uint32_t weight : plan.weightsRead(launch))
      lastReader[weight] = launch;
  for (uint32_t index : launches) {
    const Launch &launch = content.prepare[index];
    for (uint32_t weight : plan.weightsRead(index))
      if (!placements[content.weights[weight].slot].present)
        placeWeight(weight);
    std::unique_ptr<Sequence> sequence = code->bind({&launch, 1});
    for (const Param &param : launch.params) {
      if (!param.usesSlot())
        continue;
      Placement &placement = placements[param.slot];
      if (content.slots[param.slot].slotClass == SlotClass::Prepared && !placement.present) {
        placement.memory = DeviceMemory(device, content.slots[param.slot].bytes);
        placement.address = placement.memory.address();
        placement.present = true;
      }
      sequence->setAddress(param.slot, fixedAddress(param.slot, context));
    }
    sequence->run({});
    for (uint32_t weight : plan.weightsRead(index))
      if (!plan.usedByRun(weight) && lastReader[weight] == index)
        dropSource(weight);
  }
}

void Program::dropSource(uint32_t weight) {
  Placement &placement = placements[content.weights[weight].slot];
  placement.view.discard();
  placement = Placement();
  if (!plan.neededForOthers(weight))
    sources.dropCopy(weight);
}

} // namespace tgc::runtime
