#include "runtime/program/Program.h"
#include "runtime/format/Error.h"
#include "runtime/program/RunContext.h"

namespace tgc::runtime {

namespace {
/// The slots of transient memory and outputs that a launch list uses and that want zeros.
std::vector<uint32_t> zeroed(const Package &package, const std::vector<Launch> &launches) {
  std::set<uint32_t> slots;
  for (const Launch &launch : launches)
    for (const Param &param : launch.params)
      if (param.usesSlot() && package.slots[param.slot].zeroed &&
          package.slots[param.slot].slotClass != SlotClass::Prepared)
        slots.insert(param.slot);
  return {slots.begin(), slots.end()};
}
} // namespace

Program::Program(std::shared_ptr<Device> device, const Bytes &bytes, std::shared_ptr<MappedFile> file,
                 const std::string &directory)
    : device(std::move(device)), content(parse(bytes)), plan(content), code(this->device->load(content)),
      sources(content, file, directory), placements(content.slots.size()),
      zeroedInRun(zeroed(content, content.run)), zeroedInPrepare(zeroed(content, content.prepare)) {
  for (uint32_t slot = 0; slot < content.slots.size(); ++slot)
    if (content.slots[slot].slotClass == SlotClass::Constant)
      placements[slot] = place({content.slots[slot].data, file}, slot);
  for (uint32_t weight = 0; weight < content.weights.size(); ++weight)
    dirty.insert(weight);
}

Program::~Program() = default;

ProgramMemory Program::memory() const {
  ProgramMemory memory;
  for (uint32_t w = 0; w < content.weights.size(); ++w) {
    uint64_t bytes = content.slots[content.weights[w].slot].bytes;
    memory.source += bytes;
    if (plan.usedByRun(w))
      memory.weights += bytes;
  }
  for (const Slot &slot : content.slots)
    if (slot.slotClass == SlotClass::Prepared)
      memory.prepared += slot.bytes;
  memory.run = content.workspaceBytes;
  for (uint64_t bytes : content.arenas)
    memory.run += bytes;
  memory.preparePeak = plan.peakBytes();
  return memory;
}

Program::Placement Program::place(SourceBytes source, uint32_t slot) {
  Placement placement;
  placement.present = true;
  const Slot &record = content.slots[slot];
  auto host = reinterpret_cast<Address>(source.bytes.data());
  if (device->usesHostMemory() && host != 0 && host % record.alignment == 0) {
    placement.address = host;
    placement.view = std::move(source);
    return placement;
  }
  placement.memory = DeviceMemory(device, record.bytes);
  placement.address = placement.memory.address();
  device->copyIn(placement.address, source.bytes.data(), source.bytes.size());
  source.discard();
  return placement;
}

void Program::placeWeight(uint32_t weight) {
  uint32_t slot = content.weights[weight].slot;
  placements[slot] = Placement();
  if (!makeOnDevice(weight))
    placements[slot] = place(sources.get(weight), slot);
  placedBytes += content.slots[slot].bytes;
  if (progress)
    progress(placedBytes, bytesToPlace);
}

bool Program::makeOnDevice(uint32_t weight) {
  std::optional<uint64_t> seed = sources.randomSeed(weight);
  if (!seed || device->usesHostMemory())
    return false;
  const Weight &record = content.weights[weight];
  Placement placement;
  placement.memory = DeviceMemory(device, content.slots[record.slot].bytes);
  placement.address = placement.memory.address();
  placement.present = true;
  if (!device->fillRandom(placement.address, record.dtype, record.shape, record.name, *seed))
    return false;
  placements[record.slot] = std::move(placement);
  return true;
}

// ---- Changing weights ----------------------------------------------------------------------------------

void Program::changed(const std::vector<uint32_t> &weights) {
  for (uint32_t weight : weights) {
    dirty.insert(weight);
    current = false;
  }
}

void Program::setWeight(const HostTensor &weight) {
  std::lock_guard<std::mutex> first(gate);
  std::unique_lock<std::shared_mutex> lock(weightLock);
  uint32_t index = sources.find(weight.name);
  sources.setMemory(index, weight.dtype, weight.shape, weight.data, weight.bytes);
  changed({index});
}

void Program::useDirectory(const std::string &directory) {
  std::lock_guard<std::mutex> first(gate);
  std::unique_lock<std::shared_mutex> lock(weightLock);
  changed(sources.useDirectory(directory));
}

size_t Program::useSafetensors(const std::string &path) {
  std::lock_guard<std::mutex> first(gate);
  std::unique_lock<std::shared_mutex> lock(weightLock);
  std::vector<uint32_t> weights = sources.useSafetensors(path);
  changed(weights);
  return weights.size();
}

void Program::setProgress(Progress report) {
  std::lock_guard<std::mutex> first(gate);
  std::unique_lock<std::shared_mutex> lock(weightLock);
  progress = std::move(report);
}

void Program::useRandom(uint64_t seed) {
  std::lock_guard<std::mutex> first(gate);
  std::unique_lock<std::shared_mutex> lock(weightLock);
  changed(sources.useRandom(seed));
}

} // namespace tgc::runtime
