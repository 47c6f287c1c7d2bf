// How a launch list runs:
//  1. Setting an address changes the parameters that lie in the slot; tensor maps are made anew before the next
//     run.
//  2. The first run launches one after the other on the sequence's stream: a list that runs once, as in
//     preparation, has no use for a graph.
//  3. From the second run on the launches are a graph, recorded from the stream and replayed. When addresses have
//     changed they are recorded again, and the graph is updated in place where the driver can.
//  4. A timed run replays another graph, with an event recorded before each launch and after the last: times are
//     those of the device, without the host's.
#include "runtime/devices/cuda/CudaCode.h"
#include "runtime/format/Error.h"
#include <chrono>
#include <cstdlib>

namespace tgc::runtime::cuda {

namespace {
/// A recorded launch list.
struct Replay {
  GraphExec exec = nullptr;
  bool stale = true;
};

/// TGC_CUDA_DEBUG=1: no graphs, each launch is waited for, so that an error names its launch.
bool debugging() {
  const char *text = std::getenv("TGC_CUDA_DEBUG");
  return text && *text && *text != '0';
}

class CudaSequence final : public Sequence {
public:
  CudaSequence(std::shared_ptr<const LoadedCode> loaded, std::span<const Launch> list)
      : code(std::move(loaded)), gpu(code->shared->gpu), launches(list), debug(debugging()) {
    size_t parameters = 0, mapCount = 0;
    for (const Launch &launch : launches) {
      parameters += launch.params.size();
      for (const Param &param : launch.params)
        mapCount += param.kind == ParamKind::TensorMap;
    }
    values.reserve(parameters); // pointers into these are kept
    maps.reserve(mapCount);
    for (const Launch &launch : launches) {
      firstParameter.push_back(pointers.size());
      for (const Param &param : launch.params)
        addParameter(param);
    }
    Gpu::Current current(gpu);
    gpu.check(gpu.api().streamCreate(&stream, StreamNonBlocking), "making a stream");
  }

  ~CudaSequence() override {
    Gpu::Current current(gpu, std::nothrow);
    const Api &api = gpu.api();
    api.streamSynchronize(stream);
    for (Replay *replay : {&plain, &timed})
      if (replay->exec)
        api.graphExecDestroy(replay->exec);
    for (Event event : events)
      api.eventDestroy(event);
    api.streamDestroy(stream);
  }

  void setAddress(uint32_t slot, Address address) override {
    if (slot >= uses.size())
      return;
    for (const Use &use : uses[slot]) {
      Address value = address + use.offset;
      if (use.map == NoMap) {
        changed |= values[use.index] != value;
        values[use.index] = value;
      } else if (maps[use.map].address != value) {
        maps[use.map].address = value;
        maps[use.map].stale = changed = true;
      }
    }
  }

  void run(std::span<uint64_t> nanoseconds) override {
    Gpu::Current current(gpu);
    code->shared->transfers.before(stream);
    bindAddresses();
    if (debug)
      return runOneByOne(nanoseconds);
    if (!nanoseconds.empty())
      replay(timed, true);
    else if (runs++ == 0)
      launchAll(false);
    else
      replay(plain, false);
    gpu.check(gpu.api().streamSynchronize(stream), "running " + std::to_string(launches.size()) + " kernels");
    for (size_t i = 0; i < nanoseconds.size(); ++i) {
      float milliseconds = 0;
      gpu.check(gpu.api().eventElapsedTime(&milliseconds, events[i], events[i + 1]), "timing kernels");
      nanoseconds[i] = static_cast<uint64_t>(double(milliseconds) * 1e6);
    }
  }

private:
  static constexpr size_t NoMap = SIZE_MAX;
  struct Use {
    size_t index = 0, map = NoMap; // in values, or in maps
    uint64_t offset = 0;
  };
  struct BoundMap {
    EncodedTensorMap encoded;
    const TensorMap *map = nullptr;
    Address address = 0;
    bool stale = false;
  };

  void addParameter(const Param &param) {
    Use use;
    use.offset = param.offset;
    if (param.kind == ParamKind::TensorMap) {
      use.map = maps.size();
      BoundMap bound;
      bound.map = param.map.get();
      maps.push_back(bound);
      pointers.push_back(&maps.back().encoded);
    } else {
      use.index = values.size();
      values.push_back(param.scalar);
      pointers.push_back(&values.back());
    }
    if (!param.usesSlot())
      return;
    if (param.slot >= uses.size())
      uses.resize(param.slot + 1);
    uses[param.slot].push_back(use);
  }

  void bindAddresses() {
    if (!changed)
      return;
    for (BoundMap &bound : maps)
      if (bound.stale) {
        bound.encoded = encode(gpu, *bound.map, bound.address);
        bound.stale = false;
      }
    plain.stale = timed.stale = true;
    changed = false;
  }

  std::string describe(size_t index) const {
    const Launch &launch = launches[index];
    std::string text = "launch " + std::to_string(index) + ", " + code->kernels[launch.function].name;
    for (const std::string &node : launch.nodes)
      text += (&node == launch.nodes.data() ? " (node " : ", ") + node;
    return launch.nodes.empty() ? text : text + ")";
  }

  Result launch(size_t index) {
    const Launch &launch = launches[index];
    if (launch.blocks() == 0)
      return Success;
    const Kernel &kernel = code->kernels[launch.function];
    LaunchConfig config;
    LaunchAttribute cluster;
    for (int i = 0; i < 3; ++i) {
      config.grid[i] = static_cast<uint32_t>(launch.grid[i]);
      config.block[i] = kernel.block[i];
      cluster.value[i] = kernel.cluster[i];
    }
    config.sharedBytes = kernel.sharedBytes;
    config.stream = stream;
    if (kernel.cluster[0] * kernel.cluster[1] * kernel.cluster[2] > 1) {
      cluster.id = LaunchAttribute::ClusterDimension;
      config.attributes = &cluster;
      config.attributeCount = 1;
    }
    return gpu.api().launchKernelEx(&config, kernel.handle, pointers.data() + firstParameter[index], nullptr);
  }

  /// With `events`, one is recorded before each launch and one after the last.
  void launchAll(bool withEvents) {
    auto record = [&](size_t i) {
      if (withEvents)
        gpu.check(gpu.api().eventRecordWithFlags(events[i], stream, EventRecordExternal), "timing kernels");
    };
    for (size_t i = 0; i < launches.size(); ++i) {
      record(i);
      if (Result result = launch(i); result != Success)
        gpu.fail(result, describe(i));
    }
    record(launches.size());
  }

  void runOneByOne(std::span<uint64_t> nanoseconds) {
    using Clock = std::chrono::steady_clock;
    for (size_t i = 0; i < launches.size(); ++i) {
      auto start = Clock::now();
      Result result = launch(i);
      if (result == Success)
        result = gpu.api().streamSynchronize(stream);
      if (result != Success)
        gpu.fail(result, describe(i));
      if (!nanoseconds.empty())
        nanoseconds[i] = static_cast<uint64_t>(
            std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count());
    }
  }

  void replay(Replay &replay, bool withEvents) {
    if (withEvents)
      while (events.size() <= launches.size()) {
        Event event = nullptr;
        gpu.check(gpu.api().eventCreate(&event, EventDefault), "making an event");
        events.push_back(event);
      }
    if (replay.stale)
      record(replay, withEvents);
    gpu.check(gpu.api().graphLaunch(replay.exec, stream), "launching a graph");
  }

  void record(Replay &replay, bool withEvents) {
    const Api &api = gpu.api();
    gpu.check(api.streamBeginCapture(stream, CaptureThreadLocal), "recording launches");
    Graph graph = nullptr;
    try {
      launchAll(withEvents);
    } catch (...) {
      api.streamEndCapture(stream, &graph);
      if (graph)
        api.graphDestroy(graph);
      throw;
    }
    gpu.check(api.streamEndCapture(stream, &graph), "recording launches");
    Result result = Success;
    GraphUpdateResult update;
    if (!replay.exec || api.graphExecUpdate(replay.exec, graph, &update) != Success) {
      if (replay.exec)
        api.graphExecDestroy(replay.exec);
      replay.exec = nullptr;
      result = api.graphInstantiate(&replay.exec, graph, 0);
    }
    api.graphDestroy(graph);
    gpu.check(result, "making a graph of " + std::to_string(launches.size()) + " launches");
    replay.stale = false;
  }

  std::shared_ptr<const LoadedCode> code;
  const Gpu &gpu;
  std::span<const Launch> launches;
  const bool debug;
  Stream stream = nullptr;
  std::vector<uint64_t> values; // of buffers' addresses and scalars
  std::vector<BoundMap> maps;
  std::vector<void *> pointers; // to all launches' parameters, one launch after the other
  std::vector<size_t> firstParameter;
  std::vector<std::vector<Use>> uses; // by slot
  bool changed = true;                // an address, since the parameters were last used
  uint64_t runs = 0;
  Replay plain, timed;
  std::vector<Event> events;
};
} // namespace

std::unique_ptr<Sequence> makeSequence(std::shared_ptr<const LoadedCode> code,
                                       std::span<const Launch> launches) {
  return std::make_unique<CudaSequence>(std::move(code), launches);
}

} // namespace tgc::runtime::cuda
