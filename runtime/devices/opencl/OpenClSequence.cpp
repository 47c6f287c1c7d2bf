// How a launch list runs:
//  1. Each launch has a kernel object of its own, whose arguments stay set; an address that changes is set again.
//  2. A run puts all launches into the sequence's queue, which runs them in order, and waits for the last.
//  3. A timed run goes through a second queue with profiling: a launch's time is from the start to the end of its
//     event, by the device's clock.
#include "runtime/devices/opencl/OpenClCode.h"
#include "runtime/format/Error.h"

namespace tgc::runtime::opencl {

namespace {
class OpenClSequence final : public Sequence {
public:
  OpenClSequence(std::shared_ptr<const LoadedCode> loaded, std::span<const Launch> list)
      : code(std::move(loaded)), device(*code->device), launches(list), debug(debugging()) {
    try {
      queue = device.makeQueue(false);
      for (size_t i = 0; i < launches.size(); ++i)
        addLaunch(i);
    } catch (...) {
      close();
      throw;
    }
  }

  ~OpenClSequence() override { close(); }

  void setAddress(uint32_t slot, Address address) override {
    if (slot >= uses.size())
      return;
    for (Use &use : uses[slot]) {
      Address value = address + use.offset;
      if (use.set && use.address == value)
        continue;
      auto pointer = reinterpret_cast<const void *>(value);
      device.check(device.memory().setArgument(kernels[use.launch], use.index, pointer),
                   "setting parameter " + std::to_string(use.index) + " of " + describe(use.launch));
      use.address = value;
      use.set = true;
    }
  }

  void run(std::span<uint64_t> nanoseconds) override {
    if (nanoseconds.empty())
      return launchAll(queue, {});
    if (!profiling)
      profiling = device.makeQueue(true);
    Events events(device.api(), launches.size());
    launchAll(profiling, events.handles);
    for (size_t i = 0; i < nanoseconds.size(); ++i)
      nanoseconds[i] = launches[i].blocks() == 0 ? 0 : duration(events.handles[i]);
  }

private:
  struct Use {
    size_t launch = 0;
    uint32_t index = 0;
    uint64_t offset = 0;
    Address address = 0;
    bool set = false;
  };

  /// Released with the object.
  struct Events {
    Events(const Api &api, size_t count) : api(api), handles(count) {}
    Events(const Events &) = delete;
    ~Events() {
      for (Event event : handles)
        if (event)
          api.releaseEvent(event);
    }
    const Api &api;
    std::vector<Event> handles;
  };

  void close() {
    const Api &api = device.api();
    for (Queue used : {queue, profiling})
      if (used) {
        api.finish(used);
        api.releaseQueue(used);
      }
    for (KernelHandle kernel : kernels)
      api.releaseKernel(kernel);
  }

  void addLaunch(size_t index) {
    const Launch &launch = launches[index];
    const Kernel &kernel = code->kernels[launch.function];
    Status status = Success;
    KernelHandle handle = device.api().createKernel(kernel.program, kernel.name.c_str(), &status);
    device.check(status, "preparing " + describe(index));
    kernels.push_back(handle);
    for (uint32_t i = 0; i < launch.params.size(); ++i) {
      const Param &param = launch.params[i];
      if (param.usesSlot()) {
        if (param.slot >= uses.size())
          uses.resize(param.slot + 1);
        uses[param.slot].push_back({index, i, param.offset, 0, false});
        continue;
      }
      // A kernel may take a scalar's low part.
      status = device.api().setKernelArgument(handle, i, sizeof param.scalar, &param.scalar);
      if (status == InvalidArgumentSize)
        status = device.api().setKernelArgument(handle, i, sizeof(uint32_t), &param.scalar);
      device.check(status, "setting parameter " + std::to_string(i) + " of " + describe(index));
    }
  }

  std::string describe(size_t index) const {
    const Launch &launch = launches[index];
    std::string text = "launch " + std::to_string(index) + ", " + code->kernels[launch.function].name;
    for (const std::string &node : launch.nodes)
      text += (&node == launch.nodes.data() ? " (node " : ", ") + node;
    return launch.nodes.empty() ? text : text + ")";
  }

  /// With `events`, each launch leaves one.
  void launchAll(Queue to, std::span<Event> events) {
    for (size_t i = 0; i < launches.size(); ++i) {
      const Launch &launch = launches[i];
      if (launch.blocks() == 0)
        continue;
      const Kernel &kernel = code->kernels[launch.function];
      size_t global[3], local[3];
      for (int d = 0; d < 3; ++d) {
        local[d] = kernel.block[d];
        global[d] = launch.grid[d] * local[d];
      }
      Status status = device.api().enqueueKernel(to, kernels[i], 3, nullptr, global, local, 0, nullptr,
                                                 events.empty() ? nullptr : &events[i]);
      if (status == Success && debug)
        status = device.api().finish(to);
      if (status != Success) {
        device.api().finish(to); // nothing may use memory when the caller goes on
        device.fail(status, describe(i));
      }
    }
    device.check(device.api().finish(to), "running " + std::to_string(launches.size()) + " kernels");
  }

  uint64_t duration(Event event) const {
    uint64_t times[2] = {};
    const ProfilingInfo what[] = {ProfilingInfo::Start, ProfilingInfo::End};
    for (int i = 0; i < 2; ++i)
      device.check(device.api().getProfilingInfo(event, static_cast<uint32_t>(what[i]), sizeof times[i],
                                                 &times[i], nullptr),
                   "timing kernels");
    return times[1] > times[0] ? times[1] - times[0] : 0;
  }

  std::shared_ptr<const LoadedCode> code;
  const ClDevice &device;
  std::span<const Launch> launches;
  const bool debug;
  Queue queue = nullptr, profiling = nullptr;
  std::vector<KernelHandle> kernels;  // one a launch
  std::vector<std::vector<Use>> uses; // by slot
};
} // namespace

std::unique_ptr<Sequence> makeSequence(std::shared_ptr<const LoadedCode> code,
                                       std::span<const Launch> launches) {
  return std::make_unique<OpenClSequence>(std::move(code), launches);
}

} // namespace tgc::runtime::opencl
