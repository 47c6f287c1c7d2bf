// How a launch list runs:
//  1. The first run after an address has changed records all launches into a list of commands, a barrier between two,
//     and closes it; arguments are read when a launch is recorded, so that launches of one function share a kernel
//     object.
//  2. A run executes the closed list on the sequence's queue and waits for it.
//  3. A timed run executes a second list, whose launches leave kernel time stamps in events: a launch's time is by the
//     device's clock.
#include "runtime/devices/level_zero/LevelZeroCode.h"

namespace tgc::runtime::level_zero {

namespace {
/// A list of commands, and whether it holds the launches with the addresses of now.
struct Recording {
  ListHandle list = nullptr;
  bool current = false;
};

class LevelZeroSequence final : public Sequence {
public:
  LevelZeroSequence(std::shared_ptr<const LoadedCode> loaded, std::span<const Launch> list)
      : code(std::move(loaded)), device(*code->device), launches(list), debug(debugging()) {
    kernels.resize(code->kernels.size());
    arguments.resize(launches.size());
    try {
      queue = device.makeQueue();
      for (size_t i = 0; i < launches.size(); ++i)
        addLaunch(i);
    } catch (...) {
      close();
      throw;
    }
  }

  ~LevelZeroSequence() override { close(); }

  void setAddress(uint32_t slot, Address address) override {
    if (slot >= uses.size())
      return;
    for (const Use &use : uses[slot]) {
      uint64_t &value = arguments[use.launch][use.index];
      if (value == address + use.offset)
        continue;
      value = address + use.offset;
      plain.current = timed.current = false;
    }
  }

  void run(std::span<uint64_t> nanoseconds) override {
    device.requireAlive("running a program");
    if (!nanoseconds.empty())
      return runTimed(nanoseconds);
    if (debug)
      return runEach();
    if (!plain.current)
      record(plain, 0, launches.size());
    execute(plain.list, everything());
  }

private:
  struct Use {
    size_t launch = 0;
    uint32_t index = 0;
    uint64_t offset = 0;
  };

  void close() {
    const Api &api = device.api();
    for (EventHandle event : events)
      api.eventDestroy(event);
    if (pool)
      api.poolDestroy(pool);
    for (ListHandle list : {plain.list, timed.list})
      if (list)
        api.listDestroy(list);
    if (queue)
      api.queueDestroy(queue);
    for (KernelHandle kernel : kernels)
      if (kernel)
        api.kernelDestroy(kernel);
  }

  void addLaunch(size_t index) {
    const Launch &launch = launches[index];
    const Kernel &kernel = code->kernels[launch.function];
    KernelHandle &handle = kernels[launch.function];
    if (!handle) {
      KernelDesc desc;
      desc.kernelName = kernel.name.c_str();
      device.check(device.api().kernelCreate(kernel.module, &desc, &handle), "preparing " + describe(index));
      device.check(device.api().kernelGroup(handle, kernel.block[0], kernel.block[1], kernel.block[2]),
                   "setting the block of " + describe(index));
    }
    for (uint32_t i = 0; i < launch.params.size(); ++i) {
      const Param &param = launch.params[i];
      arguments[index].push_back(param.usesSlot() ? 0 : param.scalar);
      if (!param.usesSlot())
        continue;
      if (param.slot >= uses.size())
        uses.resize(param.slot + 1);
      uses[param.slot].push_back({index, i, param.offset});
    }
  }

  std::string describe(size_t index) const {
    const Launch &launch = launches[index];
    std::string text = "launch " + std::to_string(index) + ", " + code->kernels[launch.function].name;
    for (const std::string &node : launch.nodes)
      text += (&node == launch.nodes.data() ? " (node " : ", ") + node;
    return launch.nodes.empty() ? text : text + ")";
  }
  std::string everything() const { return "running " + std::to_string(launches.size()) + " kernels"; }

  /// Makes the recording's list hold the launches [first, end). Each leaves its event, if the recording is timed.
  void record(Recording &recording, size_t first, size_t end) {
    const Api &api = device.api();
    recording.current = false;
    if (!recording.list)
      recording.list = device.makeList();
    else
      device.check(api.listReset(recording.list), "recording launches again");
    bool any = false;
    for (size_t i = first; i < end; ++i) {
      const Launch &launch = launches[i];
      if (launch.blocks() == 0)
        continue;
      if (any)
        device.check(api.appendBarrier(recording.list, nullptr, 0, nullptr), "recording " + describe(i));
      any = true;
      KernelHandle kernel = kernels[launch.function];
      for (uint32_t p = 0; p < launch.params.size(); ++p) {
        const uint64_t &value = arguments[i][p];
        Result result = api.kernelArgument(kernel, p, sizeof value, &value);
        // A kernel may take a scalar's low part.
        if (result == InvalidArgumentSize && !launch.params[p].usesSlot())
          result = api.kernelArgument(kernel, p, sizeof(uint32_t), &value);
        device.check(result, "setting parameter " + std::to_string(p) + " of " + describe(i));
      }
      GroupCount blocks{uint32_t(launch.grid[0]), uint32_t(launch.grid[1]), uint32_t(launch.grid[2])};
      EventHandle event = &recording == &timed ? events[i] : nullptr;
      device.check(api.appendLaunch(recording.list, kernel, &blocks, event, 0, nullptr), describe(i));
    }
    device.check(api.listClose(recording.list), "recording launches");
    recording.current = true;
  }

  void execute(ListHandle list, const std::string &doing) {
    Result result = device.api().queueExecute(queue, 1, &list, nullptr);
    if (result == Success)
      result = device.api().queueSynchronize(queue, Forever);
    device.check(result, doing);
  }

  /// One launch after the other, so that an error is of one.
  void runEach() {
    for (size_t i = 0; i < launches.size(); ++i) {
      record(plain, i, i + 1);
      execute(plain.list, describe(i));
    }
    plain.current = false;
  }

  void runTimed(std::span<uint64_t> nanoseconds) {
    const Api &api = device.api();
    if (!pool)
      makeEvents();
    if (!timed.current)
      record(timed, 0, launches.size());
    for (EventHandle event : events)
      device.check(api.eventReset(event), "timing kernels");
    execute(timed.list, everything());
    for (size_t i = 0; i < nanoseconds.size(); ++i) {
      TimestampResult times{};
      if (launches[i].blocks() > 0)
        device.check(api.eventTimes(events[i], &times), "timing kernels");
      nanoseconds[i] = device.nanoseconds(times.global);
    }
  }

  void makeEvents() {
    PoolDesc desc;
    desc.flags = PoolHostVisible | PoolKernelTimestamps;
    desc.count = static_cast<uint32_t>(launches.size());
    DeviceHandle id = device.id();
    device.check(device.api().poolCreate(device.context(), &desc, 1, &id, &pool), "making events");
    for (uint32_t i = 0; i < desc.count; ++i) {
      EventDesc event;
      event.index = i;
      event.signal = event.wait = ScopeHost;
      EventHandle made = nullptr;
      device.check(device.api().eventCreate(pool, &event, &made), "making events");
      events.push_back(made);
    }
  }

  std::shared_ptr<const LoadedCode> code;
  const ZeDevice &device;
  std::span<const Launch> launches;
  const bool debug;
  QueueHandle queue = nullptr;
  Recording plain, timed;
  PoolHandle pool = nullptr;
  std::vector<EventHandle> events;              // one a launch, once a run was timed
  std::vector<KernelHandle> kernels;            // by function; null where no launch uses it
  std::vector<std::vector<uint64_t>> arguments; // by launch, then parameter
  std::vector<std::vector<Use>> uses;           // by slot
};
} // namespace

std::unique_ptr<Sequence> makeSequence(std::shared_ptr<const LoadedCode> code,
                                       std::span<const Launch> launches) {
  return std::make_unique<LevelZeroSequence>(std::move(code), launches);
}

} // namespace tgc::runtime::level_zero
