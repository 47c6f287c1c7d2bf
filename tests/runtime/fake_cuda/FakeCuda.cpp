#include "tests/runtime/fake_cuda/FakeCuda.h"
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>

#define FAKE_API extern "C" __attribute__((visibility("default")))

using namespace fake;

namespace {
constexpr Result NotReadyToUse = 3, NotFound = 500, InvalidContext = 201, InvalidImage = 200,
                 IllegalAddress700 = 700, CaptureUnsupported = 900, CaptureUnmatched = 903,
                 InvalidHandle = 400;
constexpr uint32_t DefaultShared = 48 << 10, MostShared = 227 << 10;

/// A recorded event: done once its stream has come to it, at a time of the fake clock.
struct Marker {
  StreamObject *stream = nullptr;
  bool done = false;
  double microseconds = 0;
};

struct Operation {
  std::string topology; // what must stay equal when a graph is updated
  std::function<void()> act;
};
} // namespace

namespace tgc::runtime::cuda {
struct ContextObject {
  int ordinal = 0, references = 0;
  Result lostBy = 0;
};
struct ModuleObject {
  std::vector<const HostKernel *> kernels;
  std::map<const HostKernel *, FunctionObject *> functions;
};
struct FunctionObject {
  const HostKernel *kernel = nullptr;
  uint32_t allowedShared = DefaultShared;
};
struct StreamObject {
  std::deque<Operation> queue;
  bool capturing = false;
  std::vector<Operation> captured;
};
struct EventObject {
  std::shared_ptr<Marker> marker;
  bool timing = true;
};
struct GraphObject {
  std::vector<Operation> operations;
};
struct GraphExecObject {
  std::vector<Operation> operations;
};
} // namespace tgc::runtime::cuda

namespace {
std::recursive_mutex lock;
std::map<uint64_t, uint64_t> allocations; // address → bytes
std::map<uint64_t, void *> blocks;        // address → what malloc gave
std::set<void *> handles;
ContextObject contexts[8];
thread_local std::vector<Context> currents;
std::map<std::string, int> calls;
std::string launchLog, failText;
int failCount = 0;
bool initialised = false;
double now = 0; // microseconds
thread_local int capturesHere = 0;

long number(const char *name, long otherwise) {
  const char *text = std::getenv(name);
  return text && *text ? std::atol(text) : otherwise;
}

/// The code that FAKE_CUDA_FAIL asks for, if this is the call.
Result injected(const std::string &what) {
  const char *text = std::getenv("FAKE_CUDA_FAIL");
  if (failText != (text ? text : "")) {
    failText = text ? text : "";
    failCount = 0;
  }
  if (failText.rfind(what + ":", 0) != 0)
    return Success;
  char *end = nullptr;
  long code = std::strtol(failText.c_str() + what.size() + 1, &end, 10);
  long nth = *end == ':' ? std::atol(end + 1) : 1;
  return ++failCount == nth ? Result(code) : Success;
}

bool sticky(Result code) { return code == 214 || (code >= 700 && code <= 719 && code != 701); }

Result lose(Result code) {
  if (sticky(code) && !currents.empty())
    currents.back()->lostBy = code;
  return code;
}

/// The start of every call: counts it, and fails where asked to or where there is no usable context.
Result enter(const char *symbol, bool needsContext = true) {
  ++calls[symbol];
  if (Result code = injected(symbol); code != Success)
    return lose(code);
  if (!initialised)
    return NotReadyToUse;
  if (needsContext && currents.empty())
    return InvalidContext;
  return needsContext ? currents.back()->lostBy : Success;
}

template <typename T>
T *make() {
  auto *object = new T();
  handles.insert(object);
  return object;
}
template <typename T>
Result destroy(T *object) {
  if (handles.erase(object) == 0)
    return InvalidHandle;
  delete object;
  return Success;
}
template <typename T>
bool alive(T *object) {
  return handles.count(object) > 0;
}

void put(Stream stream, Operation operation) {
  if (stream->capturing)
    stream->captured.push_back(std::move(operation));
  else
    stream->queue.push_back(std::move(operation));
}

void drain(Stream stream, const Marker *until = nullptr) {
  while (!stream->queue.empty() && !(until && until->done)) {
    Operation operation = std::move(stream->queue.front());
    stream->queue.pop_front();
    if (currents.empty() || currents.back()->lostBy == Success)
      operation.act();
  }
}

void await(const std::shared_ptr<Marker> &marker) {
  if (marker && !marker->done && alive(marker->stream))
    drain(marker->stream, marker.get());
}

Operation recordOperation(Event event, Stream stream) {
  return {"event", [event, stream] {
            if (!alive(event))
              return;
            if (!event->marker || event->marker->done)
              event->marker = std::make_shared<Marker>();
            event->marker->stream = stream;
            event->marker->done = true;
            event->marker->microseconds = now;
          }};
}

std::string dims(const uint32_t *values) {
  return std::to_string(values[0]) + "," + std::to_string(values[1]) + "," + std::to_string(values[2]);
}

void execute(const HostKernel &kernel, const LaunchConfig &config, const std::string &cluster,
             std::vector<std::vector<uint64_t>> &storage) {
  launchLog += std::string(kernel.name) + " grid " + dims(config.grid) + " block " + dims(config.block) +
               " cluster " + cluster + " shared " + std::to_string(config.sharedBytes) + "\n";
  std::vector<void *> params;
  for (std::vector<uint64_t> &value : storage)
    params.push_back(value.data());
  if (Result code = injected(std::string("kernel ") + kernel.name); code != Success) {
    lose(code);
    return;
  }
  Dim grid{config.grid[0], config.grid[1], config.grid[2]};
  try {
    for (uint32_t z = 0; z < grid.z; ++z)
      for (uint32_t y = 0; y < grid.y; ++y)
        for (uint32_t x = 0; x < grid.x; ++x)
          kernel.run(params.data(), {x, y, z}, grid);
  } catch (IllegalAddress) {
    lose(IllegalAddress700);
  }
  now += double(grid.x) * grid.y * grid.z; // a microsecond a block
}
} // namespace

void *fake::deviceMemory(uint64_t address, uint64_t bytes) {
  auto at = allocations.upper_bound(address);
  if (at == allocations.begin() || (--at)->first + at->second < address + bytes)
    throw IllegalAddress();
  return reinterpret_cast<void *>(address);
}

namespace {
bool inDevice(uint64_t address, uint64_t bytes) {
  try {
    deviceMemory(address, bytes);
    return true;
  } catch (IllegalAddress) {
    return false;
  }
}
using Guard = std::lock_guard<std::recursive_mutex>;
} // namespace

// ---- For tests -----------------------------------------------------------------------------------------

int fakeCudaCalls(const char *symbol) {
  Guard guard(lock);
  return calls[symbol];
}
const char *fakeCudaLaunches() {
  static thread_local std::string text;
  Guard guard(lock);
  text = std::move(launchLog);
  launchLog.clear();
  return text.c_str();
}
uint64_t fakeCudaMemory() {
  Guard guard(lock);
  uint64_t total = 0;
  for (auto [address, bytes] : allocations)
    total += bytes;
  return total;
}
int fakeCudaHandles() {
  Guard guard(lock);
  return int(handles.size());
}

// ---- The driver ----------------------------------------------------------------------------------------

#define ENTER(symbol)                                                                                        \
  Guard guard(lock);                                                                                         \
  if (Result code = enter(symbol); code != Success)                                                          \
  return code
#define ENTER_NO_CONTEXT(symbol)                                                                             \
  Guard guard(lock);                                                                                         \
  if (Result code = enter(symbol, false); code != Success)                                                   \
  return code

FAKE_API Result cuInit(unsigned) {
  Guard guard(lock);
  ++calls["cuInit"];
  if (Result code = injected("cuInit"); code != Success)
    return code;
  if (number("FAKE_CUDA_DEVICES", 1) == 0)
    return NoDevice;
  initialised = true;
  return Success;
}
FAKE_API Result cuDriverGetVersion(int *version) {
  *version = int(number("FAKE_CUDA_VERSION", 12040));
  return Success;
}
FAKE_API Result cuGetErrorName(Result code, const char **text) {
  *text = code == 700           ? "CUDA_ERROR_ILLEGAL_ADDRESS"
          : code == OutOfMemory ? "CUDA_ERROR_OUT_OF_MEMORY"
                                : "CUDA_ERROR_FAKE";
  return Success;
}
FAKE_API Result cuGetErrorString(Result, const char **text) {
  *text = "the fake driver's text";
  return Success;
}
FAKE_API Result cuDeviceGetCount(int *count) {
  ENTER_NO_CONTEXT("cuDeviceGetCount");
  *count = int(number("FAKE_CUDA_DEVICES", 1));
  return Success;
}
FAKE_API Result cuDeviceGet(DeviceId *device, int ordinal) {
  ENTER_NO_CONTEXT("cuDeviceGet");
  *device = ordinal;
  return Success;
}
FAKE_API Result cuDeviceGetName(char *name, int bytes, DeviceId) {
  std::strncpy(name, "Fake GPU", size_t(bytes));
  return Success;
}
FAKE_API Result cuDeviceGetAttribute(int *value, int attribute, DeviceId) {
  long capability = number("FAKE_CUDA_CAPABILITY", 90);
  const std::map<int, long> values = {{1, 1024},      {13, 1980000},         {16, 4},
                                      {38, 52428800}, {75, capability / 10}, {76, capability % 10},
                                      {82, 65536},    {97, MostShared}};
  auto at = values.find(attribute);
  if (at == values.end())
    return InvalidValue;
  *value = int(at->second);
  return Success;
}
FAKE_API Result cuDeviceTotalMem_v2(size_t *bytes, DeviceId) {
  *bytes = size_t(number("FAKE_CUDA_MEMORY", 1 << 30));
  return Success;
}
FAKE_API Result cuDevicePrimaryCtxRetain(Context *context, DeviceId device) {
  ENTER_NO_CONTEXT("cuDevicePrimaryCtxRetain");
  ++contexts[device].references;
  *context = &contexts[device];
  return Success;
}
FAKE_API Result cuDevicePrimaryCtxRelease_v2(DeviceId device) {
  Guard guard(lock);
  if (--contexts[device].references == 0)
    contexts[device].lostBy = Success;
  return Success;
}
FAKE_API Result cuCtxPushCurrent_v2(Context context) {
  Guard guard(lock);
  currents.push_back(context);
  return Success;
}
FAKE_API Result cuCtxPopCurrent_v2(Context *context) {
  Guard guard(lock);
  *context = currents.back();
  currents.pop_back();
  return Success;
}
FAKE_API Result cuMemGetInfo_v2(size_t *free, size_t *total) {
  ENTER("cuMemGetInfo_v2");
  *total = size_t(number("FAKE_CUDA_MEMORY", 1 << 30));
  *free = *total - fakeCudaMemory();
  return Success;
}
FAKE_API Result cuMemAlloc_v2(DevicePointer *pointer, size_t bytes) {
  ENTER("cuMemAlloc_v2");
  if (capturesHere > 0)
    return CaptureUnsupported;
  if (bytes == 0)
    return InvalidValue;
  if (fakeCudaMemory() + bytes > uint64_t(number("FAKE_CUDA_MEMORY", 1 << 30)))
    return OutOfMemory;
  // Aligned no better than the driver promises, and full of something.
  auto *start = static_cast<char *>(std::aligned_alloc(4096, (bytes + 256 + 4095) / 4096 * 4096));
  std::memset(start, 0xcd, bytes + 256);
  *pointer = reinterpret_cast<uint64_t>(start + 256);
  allocations[*pointer] = bytes;
  blocks[*pointer] = start;
  return Success;
}
FAKE_API Result cuMemFree_v2(DevicePointer pointer) {
  Guard guard(lock);
  if (allocations.erase(pointer) == 0)
    return InvalidValue;
  std::free(blocks[pointer]);
  blocks.erase(pointer);
  return Success;
}
FAKE_API Result cuMemHostAlloc(void **pointer, size_t bytes, unsigned) {
  ENTER("cuMemHostAlloc");
  *pointer = std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
  return Success;
}
FAKE_API Result cuMemFreeHost(void *pointer) {
  std::free(pointer);
  return Success;
}
FAKE_API Result cuMemcpyHtoDAsync_v2(DevicePointer to, const void *from, size_t bytes, Stream stream) {
  ENTER("cuMemcpyHtoDAsync_v2");
  if (!inDevice(to, bytes))
    return InvalidValue;
  put(stream, {"copy", [=] {
                 if (inDevice(to, bytes))
                   std::memcpy(reinterpret_cast<void *>(to), from, bytes);
                 else
                   lose(IllegalAddress700);
               }});
  return Success;
}
FAKE_API Result cuMemcpyDtoHAsync_v2(void *to, DevicePointer from, size_t bytes, Stream stream) {
  ENTER("cuMemcpyDtoHAsync_v2");
  if (!inDevice(from, bytes))
    return InvalidValue;
  put(stream, {"copy", [=] { std::memcpy(to, reinterpret_cast<void *>(from), bytes); }});
  return Success;
}
FAKE_API Result cuMemsetD8Async(DevicePointer address, unsigned char value, size_t bytes, Stream stream) {
  ENTER("cuMemsetD8Async");
  if (!inDevice(address, bytes))
    return InvalidValue;
  put(stream, {"set", [=] {
                 if (inDevice(address, bytes))
                   std::memset(reinterpret_cast<void *>(address), value, bytes);
                 else
                   lose(IllegalAddress700);
               }});
  return Success;
}
FAKE_API Result cuStreamCreate(Stream *stream, unsigned) {
  ENTER("cuStreamCreate");
  *stream = make<StreamObject>();
  return Success;
}
FAKE_API Result cuStreamDestroy_v2(Stream stream) {
  Guard guard(lock);
  if (alive(stream))
    drain(stream);
  return destroy(stream);
}
FAKE_API Result cuStreamSynchronize(Stream stream) {
  ENTER("cuStreamSynchronize");
  if (stream->capturing)
    return CaptureUnsupported;
  drain(stream);
  return currents.back()->lostBy;
}
FAKE_API Result cuStreamWaitEvent(Stream stream, Event event, unsigned) {
  ENTER("cuStreamWaitEvent");
  put(stream, {"wait", [marker = event->marker] { await(marker); }});
  return Success;
}
FAKE_API Result cuStreamBeginCapture_v2(Stream stream, int mode) {
  ENTER("cuStreamBeginCapture_v2");
  if (stream->capturing || mode != CaptureThreadLocal)
    return InvalidValue;
  stream->capturing = true;
  ++capturesHere;
  return Success;
}
FAKE_API Result cuStreamEndCapture(Stream stream, Graph *graph) {
  Guard guard(lock);
  ++calls["cuStreamEndCapture"];
  if (!stream->capturing)
    return CaptureUnmatched;
  stream->capturing = false;
  --capturesHere;
  *graph = make<GraphObject>();
  (*graph)->operations.swap(stream->captured);
  return Success;
}
FAKE_API Result cuEventCreate(Event *event, unsigned flags) {
  ENTER("cuEventCreate");
  *event = make<EventObject>();
  (*event)->timing = !(flags & EventDisableTiming);
  return Success;
}
FAKE_API Result cuEventDestroy_v2(Event event) {
  Guard guard(lock);
  return destroy(event);
}
FAKE_API Result cuEventRecord(Event event, Stream stream) {
  ENTER("cuEventRecord");
  if (stream->capturing)
    return CaptureUnsupported; // the fake knows external ones only
  auto marker = std::make_shared<Marker>();
  marker->stream = stream;
  event->marker = marker;
  put(stream, {"event", [marker] {
                 marker->done = true;
                 marker->microseconds = now;
               }});
  return Success;
}
FAKE_API Result cuEventRecordWithFlags(Event event, Stream stream, unsigned flags) {
  ENTER("cuEventRecordWithFlags");
  if ((flags & EventRecordExternal) == 0 || !stream->capturing)
    return InvalidValue;
  put(stream, recordOperation(event, stream));
  return Success;
}
FAKE_API Result cuEventSynchronize(Event event) {
  ENTER("cuEventSynchronize");
  await(event->marker);
  return currents.back()->lostBy;
}
FAKE_API Result cuEventElapsedTime(float *milliseconds, Event first, Event last) {
  ENTER("cuEventElapsedTime");
  if (!first->marker || !last->marker || !first->timing || !last->timing)
    return InvalidHandle;
  if (!first->marker->done || !last->marker->done)
    return 600;
  *milliseconds = float((last->marker->microseconds - first->marker->microseconds) / 1000);
  return Success;
}
/// An image is text: "fake cubin" or "fake ptx", then a kernel's name a line.
FAKE_API Result cuModuleLoadDataEx(ModuleHandle *module, const void *image, unsigned options, const int *keys,
                                   void **values) {
  ENTER("cuModuleLoadDataEx");
  std::string text(static_cast<const char *>(image));
  auto refuse = [&](Result code, const std::string &message) {
    size_t space = 0;
    char *log = nullptr;
    for (unsigned i = 0; i < options; ++i) {
      if (keys[i] == int(JitOption::ErrorLog))
        log = static_cast<char *>(values[i]);
      if (keys[i] == int(JitOption::ErrorLogBytes))
        space = reinterpret_cast<size_t>(values[i]);
    }
    if (log)
      std::strncpy(log, message.c_str(), space);
    return code;
  };
  if (text.rfind(".version", 0) == 0) { // real PTX: the kernels that have a host function
    *module = make<ModuleObject>();
    for (const HostKernel &kernel : hostKernels())
      if (text.find(std::string(".entry ") + kernel.name + "(") != std::string::npos)
        (*module)->kernels.push_back(&kernel);
    return Success;
  }
  if (text.rfind("fake cubin\n", 0) != 0 && text.rfind("fake ptx\n", 0) != 0)
    return refuse(text.rfind("cubin", 0) == 0 ? InvalidImage : 218, "line 1: nothing that the fake knows");
  std::vector<const HostKernel *> found;
  for (size_t begin = text.find('\n') + 1, end; (end = text.find('\n', begin)) != std::string::npos;
       begin = end + 1) {
    std::string name = text.substr(begin, end - begin);
    auto at = std::find_if(hostKernels().begin(), hostKernels().end(),
                           [&](const HostKernel &kernel) { return name == kernel.name; });
    if (at == hostKernels().end())
      return refuse(218, "no host function " + name);
    found.push_back(&*at);
  }
  *module = make<ModuleObject>();
  (*module)->kernels = found;
  return Success;
}
FAKE_API Result cuModuleUnload(ModuleHandle module) {
  Guard guard(lock);
  for (auto &[kernel, function] : module->functions)
    delete function;
  return destroy(module);
}
FAKE_API Result cuModuleGetFunction(FunctionHandle *function, ModuleHandle module, const char *name) {
  ENTER("cuModuleGetFunction");
  for (const HostKernel *kernel : module->kernels)
    if (std::strcmp(kernel->name, name) == 0) {
      FunctionObject *&object = module->functions[kernel];
      if (!object)
        object = new FunctionObject{kernel};
      *function = object;
      return Success;
    }
  return NotFound;
}
FAKE_API Result cuFuncGetAttribute(int *value, int attribute, FunctionHandle function) {
  ENTER("cuFuncGetAttribute");
  *value = attribute == int(FunctionAttribute::MaxThreadsPerBlock)  ? 1024
           : attribute == int(FunctionAttribute::StaticSharedBytes) ? function->kernel->staticShared
                                                                    : 32;
  return Success;
}
FAKE_API Result cuFuncSetAttribute(FunctionHandle function, int attribute, int value) {
  ENTER("cuFuncSetAttribute");
  if (attribute == int(FunctionAttribute::MaxDynamicSharedBytes)) {
    if (value + function->kernel->staticShared > int(MostShared))
      return InvalidValue;
    function->allowedShared = uint32_t(value);
  }
  return Success;
}
FAKE_API Result cuFuncGetParamInfo(FunctionHandle function, size_t index, size_t *offset, size_t *bytes) {
  ENTER("cuFuncGetParamInfo");
  const std::vector<size_t> &all = function->kernel->parameterBytes;
  if (index >= all.size())
    return InvalidValue;
  *bytes = all[index];
  *offset = 0;
  return Success;
}
FAKE_API Result cuLaunchKernelEx(const LaunchConfig *config, FunctionHandle function, void **params,
                                 void **) {
  ENTER("cuLaunchKernelEx");
  std::string cluster = "1,1,1";
  for (uint32_t i = 0; i < config->attributeCount; ++i)
    if (config->attributes[i].id == LaunchAttribute::ClusterDimension) {
      for (int d = 0; d < 3; ++d)
        if (config->grid[d] % config->attributes[i].value[d] != 0)
          return 912;
      cluster = dims(config->attributes[i].value);
    }
  if (config->sharedBytes > function->allowedShared ||
      config->grid[0] * config->grid[1] * config->grid[2] == 0)
    return InvalidValue;
  // The values are taken now, as the driver does.
  std::vector<std::vector<uint64_t>> storage;
  for (size_t i = 0; i < function->kernel->parameterBytes.size(); ++i) {
    size_t bytes = function->kernel->parameterBytes[i];
    storage.emplace_back((bytes + 7) / 8);
    std::memcpy(storage.back().data(), params[i], bytes);
  }
  LaunchConfig copy = *config;
  const HostKernel *kernel = function->kernel;
  put(config->stream,
      {std::string("kernel ") + kernel->name, [=]() mutable { execute(*kernel, copy, cluster, storage); }});
  return Success;
}
FAKE_API Result cuTensorMapEncodeTiled(EncodedTensorMap *map, int type, uint32_t rank, DevicePointer address,
                                       const uint64_t *dims, const uint64_t *strides, const uint32_t *box,
                                       const uint32_t *elementStrides, int interleave, int swizzle,
                                       int promotion, int fill) {
  ENTER("cuTensorMapEncodeTiled");
  if (reinterpret_cast<uintptr_t>(map) % 64 != 0 || address % 16 != 0 || interleave != 0 || rank != 2 ||
      elementStrides[0] != 1 || !inDevice(address, 1))
    return InvalidValue;
  MapContent content{address, {dims[0], dims[1]}, strides[0], {box[0], box[1]}, rank, type,
                     swizzle, promotion,          fill};
  static_assert(sizeof content <= sizeof *map);
  std::memcpy(map, &content, sizeof content);
  return Success;
}
FAKE_API Result cuGraphInstantiateWithFlags(GraphExec *exec, Graph graph, unsigned long long) {
  ENTER("cuGraphInstantiateWithFlags");
  *exec = make<GraphExecObject>();
  (*exec)->operations = graph->operations;
  return Success;
}
FAKE_API Result cuGraphExecUpdate_v2(GraphExec exec, Graph graph, GraphUpdateResult *) {
  ENTER("cuGraphExecUpdate_v2");
  bool same = std::equal(exec->operations.begin(), exec->operations.end(), graph->operations.begin(),
                         graph->operations.end(),
                         [](const Operation &a, const Operation &b) { return a.topology == b.topology; });
  if (!same)
    return GraphUpdateFailure;
  exec->operations = graph->operations;
  return Success;
}
FAKE_API Result cuGraphLaunch(GraphExec exec, Stream stream) {
  ENTER("cuGraphLaunch");
  for (const Operation &operation : exec->operations)
    put(stream, operation);
  return Success;
}
FAKE_API Result cuGraphExecDestroy(GraphExec exec) {
  Guard guard(lock);
  return destroy(exec);
}
FAKE_API Result cuGraphDestroy(Graph graph) {
  Guard guard(lock);
  return destroy(graph);
}
