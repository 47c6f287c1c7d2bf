// Running a program: matching the tensors given, binding memory, launching.
#include "runtime/format/Error.h"
#include "runtime/program/Program.h"
#include "runtime/program/RunContext.h"
#include <algorithm>
#include <unordered_set>

namespace tgc::runtime {

namespace {
/// Whether two tensors (or nullptr) share memory.
bool overlap(const HostTensor *a, const HostTensor *b) {
  if (!a || !b || a->bytes == 0 || b->bytes == 0)
    return false;
  auto x = reinterpret_cast<Address>(a->data), y = reinterpret_cast<Address>(b->data);
  return x < y + b->bytes && y < x + a->bytes;
}
} // namespace

std::unique_ptr<Program::Context> Program::acquire() {
  {
    std::lock_guard<std::mutex> lock(poolLock);
    if (!pool.empty()) {
      std::unique_ptr<Context> context = std::move(pool.back());
      pool.pop_back();
      return context;
    }
  }
  auto context = std::make_unique<Context>();
  for (uint64_t bytes : content.arenas)
    context->arenas.push_back(makeScratch(device, bytes));
  context->workspace = makeScratch(device, content.workspaceBytes);
  context->staging.resize(content.slots.size());
  context->sequence = code->bind(content.run);
  return context;
}

void Program::recycle(std::unique_ptr<Context> context) {
  std::lock_guard<std::mutex> lock(poolLock);
  pool.push_back(std::move(context));
}

Address Program::fixedAddress(uint32_t slot, const Context &context) const {
  const Slot &record = content.slots[slot];
  switch (record.slotClass) {
  case SlotClass::Arena:
    return context.arenas[record.arena].address() + record.offset;
  case SlotClass::Workspace:
    return context.workspace.address() + record.offset;
  case SlotClass::Input:
  case SlotClass::Output:
    return context.bound.empty() ? 0 : context.bound[slot];
  default:
    return placements[slot].address;
  }
}

void Program::zeroSlots(std::span<const uint32_t> slots, const Context &context) {
  for (uint32_t slot : slots)
    device->zero(fixedAddress(slot, context), content.slots[slot].bytes);
}

void Program::run(std::span<const HostTensor> inputs, std::span<const HostTensor> outputs,
                  std::span<uint64_t> nanoseconds) {
  for (;;) {
    {
      std::unique_lock<std::mutex> first(gate);
      std::shared_lock<std::shared_mutex> lock(weightLock);
      first.unlock();
      if (current) {
        std::unique_ptr<Context> context = acquire();
        execute(*context, inputs, outputs, nanoseconds);
        recycle(std::move(context));
        return;
      }
    }
    prepare();
  }
}

std::vector<const HostTensor *> Program::match(const char *kind, std::span<const HostTensor> given,
                                               const std::vector<TensorRecord> &wanted, bool all) const {
  auto name = [&](const std::string &text) { return std::string(kind) + " \"" + text + "\""; };
  std::vector<const HostTensor *> result(wanted.size(), nullptr);
  for (size_t i = 0; i < given.size(); ++i) {
    const HostTensor &tensor = given[i];
    size_t at = i;
    if (!tensor.name.empty())
      for (at = 0; at < wanted.size() && wanted[at].name != tensor.name;)
        ++at;
    if (at >= wanted.size()) {
      std::string known;
      for (const TensorRecord &record : wanted)
        known += " \"" + record.name + "\"";
      usageError("the program has no " +
                 (tensor.name.empty() ? kind + (" number " + std::to_string(i)) : name(tensor.name)) +
                 "; it has" + (known.empty() ? " none" : known));
    }
    const TensorRecord &record = wanted[at];
    if (result[at])
      usageError(name(record.name) + " is given twice");
    if (tensor.dtype != record.dtype)
      usageError(name(record.name) + " is given as " + dtypeName(tensor.dtype) + ", the program has " +
                 dtypeName(record.dtype));
    if (tensor.shape != record.shape)
      usageError(name(record.name) + " is given with shape " + shapeText(tensor.shape) +
                 ", the program has " + shapeText(record.shape));
    uint64_t bytes = content.slots[record.slot].bytes;
    if (tensor.bytes != bytes)
      usageError(name(record.name) + " is given with " + std::to_string(tensor.bytes) +
                 " bytes, its shape has " + std::to_string(bytes));
    if (!tensor.data && bytes > 0)
      usageError(name(record.name) + " is given without data");
    result[at] = &tensor;
  }
  if (all)
    for (size_t i = 0; i < wanted.size(); ++i)
      if (!result[i])
        usageError(name(wanted[i].name) + " is not given");
  return result;
}

/// 1. Bind inputs and outputs: the application's memory where the device can use it, it is aligned and an
///    output does not meet an input; staging memory otherwise, and for outputs that nobody asked for.
/// 2. Run the launches.
/// 3. Copy the outputs that were not written in place.
void Program::execute(Context &context, std::span<const HostTensor> inputs,
                      std::span<const HostTensor> outputs, std::span<uint64_t> nanoseconds) {
  std::vector<const HostTensor *> in = match("input", inputs, content.inputs, true);
  std::vector<const HostTensor *> out = match("output", outputs, content.outputs, false);
  if (context.bound.empty())
    context.bound.assign(content.slots.size(), 0);
  if (context.generation != generation) {
    for (uint32_t slot = 0; slot < content.slots.size(); ++slot)
      context.sequence->setAddress(slot, fixedAddress(slot, context));
    context.generation = generation;
  }
  auto usable = [&](uint32_t slot, const void *data) {
    return device->usesHostMemory() && data &&
           reinterpret_cast<Address>(data) % content.slots[slot].alignment == 0;
  };
  auto bind = [&](uint32_t slot, Address address) {
    context.bound[slot] = address;
    context.sequence->setAddress(slot, address);
  };
  auto stage = [&](uint32_t slot) {
    if (!context.staging[slot])
      context.staging[slot] = makeScratch(device, content.slots[slot].bytes);
    bind(slot, context.staging[slot].address());
  };

  std::vector<bool> outputMeetsInput(out.size(), false);
  std::unordered_set<uint32_t> outputSlots;
  bool anyMeets = false;
  for (size_t i = 0; i < out.size(); ++i) {
    outputSlots.insert(content.outputs[i].slot);
    for (size_t j = 0; j < i; ++j)
      if (overlap(out[i], out[j]))
        usageError("outputs \"" + content.outputs[j].name + "\" and \"" + content.outputs[i].name +
                   "\" are given memory that overlaps");
    for (const HostTensor *input : in)
      if (overlap(out[i], input))
        outputMeetsInput[i] = anyMeets = true;
  }
  for (size_t i = 0; i < in.size(); ++i) {
    uint32_t slot = content.inputs[i].slot;
    // An input that is an output as well is read after other outputs are copied.
    bool keep = anyMeets && outputSlots.count(slot);
    if (usable(slot, in[i]->data) && !keep) {
      bind(slot, reinterpret_cast<Address>(in[i]->data));
    } else {
      stage(slot);
      device->copyIn(context.bound[slot], in[i]->data, in[i]->bytes);
    }
  }
  std::vector<bool> inPlace(out.size(), false);
  std::unordered_set<uint32_t> bound;
  for (size_t i = 0; i < out.size(); ++i) {
    uint32_t slot = content.outputs[i].slot;
    if (content.slots[slot].slotClass == SlotClass::Output && out[i] && usable(slot, out[i]->data) &&
        !outputMeetsInput[i] && bound.insert(slot).second) {
      bind(slot, reinterpret_cast<Address>(out[i]->data));
      inPlace[i] = true;
    }
  }
  for (const TensorRecord &record : content.outputs)
    if (content.slots[record.slot].slotClass == SlotClass::Output && bound.insert(record.slot).second)
      stage(record.slot);

  zeroSlots(zeroedInRun, context);
  context.sequence->run(nanoseconds);
  for (size_t i = 0; i < out.size(); ++i)
    if (out[i] && !inPlace[i])
      device->copyOut(out[i]->data, fixedAddress(content.outputs[i].slot, context), out[i]->bytes);
}

} // namespace tgc::runtime
