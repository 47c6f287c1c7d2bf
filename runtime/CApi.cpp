// The C API: turns arguments into C++ values, and exceptions into a status and a message.
#include "runtime/devices/CacheEviction.h"
#include "runtime/format/Error.h"
#include "runtime/io/RandomWeights.h"
#include "runtime/program/Program.h"
#include "tgc/tgc.h"
#include <algorithm>
#include <chrono>
#include <set>

using namespace tgc::runtime;

struct tgc_device {
  explicit tgc_device(std::shared_ptr<Device> opened) : device(std::move(opened)), eviction(device) {}
  std::shared_ptr<Device> device;
  CacheEviction eviction;
};

struct tgc_program {
  tgc_program(std::shared_ptr<Device> device, const Bytes &bytes, std::shared_ptr<MappedFile> file,
              const std::string &directory)
      : program(std::move(device), bytes, std::move(file), directory) {
    for (const auto *launches : {&program.package().run, &program.package().prepare})
      for (const Launch &launch : *launches) {
        std::string lines;
        for (const std::string &node : launch.nodes)
          lines += (lines.empty() ? "" : "\n") + node;
        nodes.push_back(std::move(lines));
      }
  }
  Program program;
  std::vector<std::string> nodes; // of the run launches, then of the prepare launches
};

namespace {
thread_local std::string lastError;

template <typename F>
tgc_status guarded(F body) {
  try {
    body();
    return TGC_OK;
  } catch (const Error &error) {
    lastError = error.what();
    return static_cast<tgc_status>(error.kind);
  } catch (const std::bad_alloc &) {
    lastError = "out of memory";
    return TGC_DEVICE;
  } catch (const std::exception &error) {
    lastError = std::string("internal error: ") + error.what();
    return TGC_INTERNAL;
  } catch (...) {
    lastError = "internal error";
    return TGC_INTERNAL;
  }
}

template <typename T>
T &required(T *pointer, const char *what) {
  if (!pointer)
    usageError(std::string(what) + " is a null pointer");
  return *pointer;
}

DType dtypeOf(tgc_dtype dtype) {
  if (static_cast<unsigned>(dtype) >= DTypeCount)
    usageError("unknown element type " + std::to_string(static_cast<int>(dtype)));
  return static_cast<DType>(dtype);
}

Shape shapeOf(uint32_t rank, const int64_t *shape) {
  if (rank > 64)
    usageError("a tensor has rank " + std::to_string(rank));
  if (rank > 0)
    required(shape, "shape");
  return rank > 0 ? Shape(shape, shape + rank) : Shape();
}

HostTensor hostTensor(const tgc_tensor &tensor) {
  return {tensor.name ? tensor.name : "", dtypeOf(tensor.dtype), shapeOf(tensor.rank, tensor.shape),
          tensor.data, tensor.bytes};
}

std::vector<HostTensor> hostTensors(const tgc_tensor *tensors, size_t count) {
  if (count > 0)
    required(tensors, "the list of tensors");
  std::vector<HostTensor> list;
  list.reserve(count);
  for (size_t i = 0; i < count; ++i)
    list.push_back(hostTensor(tensors[i]));
  return list;
}

/// A copy that lives as long as the process.
const char *forever(const std::string &text) {
  static std::mutex mutex;
  static std::set<std::string> *texts = new std::set<std::string>();
  std::lock_guard<std::mutex> lock(mutex);
  return texts->insert(text).first->c_str();
}

tgc_device_info infoOf(const DeviceInfo &info) {
  return {forever(info.name),     forever(info.description), forever(info.arch),
          forever(info.features), info.memoryBytes,          info.units};
}

/// The application's functions as the devices' interface.
class ApplicationCache final : public CodeCache {
public:
  explicit ApplicationCache(const tgc_code_cache &functions) : functions(functions) {}
  std::optional<Bytes> find(const CodeKey &key) override {
    tgc_code_key wanted = view(key);
    std::optional<Bytes> found;
    auto take = [](void *to, const void *data, size_t bytes) {
      const auto *first = static_cast<const uint8_t *>(data);
      *static_cast<std::optional<Bytes> *>(to) = Bytes(std::vector<uint8_t>(first, first + bytes));
    };
    functions.find(functions.user, &wanted, take, &found);
    return found;
  }
  void store(const CodeKey &key, std::span<const uint8_t> code) override {
    tgc_code_key under = view(key);
    functions.store(functions.user, &under, code.data(), code.size());
  }

private:
  static tgc_code_key view(const CodeKey &key) {
    return {key.device.c_str(), key.driver.c_str(), key.options.c_str(), key.code.c_str()};
  }
  tgc_code_cache functions;
};

template <typename T>
const T &at(const std::vector<T> &list, size_t index, const char *what) {
  if (index >= list.size())
    usageError("there is no " + std::string(what) + " number " + std::to_string(index) + ", there are " +
               std::to_string(list.size()));
  return list[index];
}

template <typename T>
tgc_tensor_info tensorInfo(const Program &program, const T &tensor, const char *source) {
  return {tensor.name.c_str(),
          static_cast<tgc_dtype>(tensor.dtype),
          static_cast<uint32_t>(tensor.shape.size()),
          tensor.shape.data(),
          program.package().slots[tensor.slot].bytes,
          source};
}
} // namespace

// ---- Errors and versions -------------------------------------------------------------------------------

const char *tgc_version(void) { return TGC_VERSION; }

const char *tgc_last_error(void) { return lastError.c_str(); }

const char *tgc_status_name(tgc_status status) {
  constexpr const char *Names[] = {"ok",        "internal error", "usage error",
                                   "bad input", "unsupported",    "device error"};
  return static_cast<unsigned>(status) < std::size(Names) ? Names[status] : "unknown status";
}

const char *tgc_dtype_name(tgc_dtype dtype) {
  return static_cast<unsigned>(dtype) < DTypeCount ? dtypeName(static_cast<DType>(dtype)) : nullptr;
}

size_t tgc_dtype_bytes(tgc_dtype dtype) {
  return static_cast<unsigned>(dtype) < DTypeCount ? dtypeBytes(static_cast<DType>(dtype)) : 0;
}

// ---- Devices -------------------------------------------------------------------------------------------

tgc_status tgc_device_list(tgc_device_info *infos, size_t capacity, size_t *count) {
  return guarded([&] {
    std::vector<DeviceInfo> devices = listDevices();
    required(count, "count") = devices.size();
    if (capacity > 0)
      required(infos, "infos");
    for (size_t i = 0; i < std::min(capacity, devices.size()); ++i)
      infos[i] = infoOf(devices[i]);
  });
}

tgc_status tgc_device_open(const char *name, tgc_device **device) {
  return guarded([&] {
    required(device, "device") = nullptr;
    *device = new tgc_device(openDevice(&required(name, "name")));
  });
}

tgc_status tgc_device_describe(tgc_device *device, tgc_device_info *info) {
  return guarded([&] { required(info, "info") = infoOf(required(device, "device").device->info()); });
}

tgc_status tgc_device_set_code_cache(tgc_device *device, const tgc_code_cache *cache) {
  return guarded([&] {
    Device &on = *required(device, "device").device;
    if (cache && (!cache->find || !cache->store))
      usageError("the cache lacks a function");
    on.useCodeCache(cache ? std::make_shared<ApplicationCache>(*cache) : nullptr);
  });
}

tgc_status tgc_device_evict_caches(tgc_device *device, uint64_t bytes) {
  return guarded([&] { required(device, "device").eviction.evict(bytes); });
}

void tgc_device_close(tgc_device *device) { delete device; }

// ---- Programs ------------------------------------------------------------------------------------------

tgc_status tgc_program_load(tgc_device *device, const char *path, tgc_program **program) {
  return guarded([&] {
    required(program, "program") = nullptr;
    std::shared_ptr<Device> on = required(device, "device").device;
    std::string name = &required(path, "path");
    std::shared_ptr<MappedFile> file = MappedFile::open(name);
    size_t slash = name.rfind('/');
    std::string directory = slash == std::string::npos ? "." : name.substr(0, slash + 1);
    try {
      *program = new tgc_program(on, file->bytes(), file, directory);
    } catch (const Error &error) {
      throw Error(error.kind, name + ": " + error.what());
    }
  });
}

tgc_status tgc_program_load_memory(tgc_device *device, const void *data, size_t bytes, const char *directory,
                                   tgc_program **program) {
  return guarded([&] {
    required(program, "program") = nullptr;
    const auto *first = &required(static_cast<const uint8_t *>(data), "data");
    *program =
        new tgc_program(required(device, "device").device, Bytes(std::vector<uint8_t>(first, first + bytes)),
                        nullptr, directory ? directory : "");
  });
}

void tgc_program_unload(tgc_program *program) { delete program; }

tgc_status tgc_program_describe(tgc_program *program, tgc_program_info *info) {
  return guarded([&] {
    const Program &p = required(program, "program").program;
    ProgramMemory memory = p.memory();
    required(info, "info") = {p.package().inputs.size(),
                              p.package().outputs.size(),
                              p.package().weights.size(),
                              p.package().run.size(),
                              p.package().prepare.size(),
                              memory.source,
                              memory.weights,
                              memory.prepared,
                              memory.run,
                              memory.preparePeak};
  });
}

tgc_status tgc_program_input(tgc_program *program, size_t index, tgc_tensor_info *info) {
  return guarded([&] {
    const Program &p = required(program, "program").program;
    required(info, "info") = tensorInfo(p, at(p.package().inputs, index, "input"), nullptr);
  });
}

tgc_status tgc_program_output(tgc_program *program, size_t index, tgc_tensor_info *info) {
  return guarded([&] {
    const Program &p = required(program, "program").program;
    required(info, "info") = tensorInfo(p, at(p.package().outputs, index, "output"), nullptr);
  });
}

tgc_status tgc_program_weight(tgc_program *program, size_t index, tgc_tensor_info *info) {
  return guarded([&] {
    const Program &p = required(program, "program").program;
    const Weight &weight = at(p.package().weights, index, "weight");
    required(info, "info") = tensorInfo(p, weight, weightSourceName(weight.source));
  });
}

tgc_status tgc_program_launch(tgc_program *program, tgc_launch_list list, size_t index,
                              tgc_launch_info *info) {
  return guarded([&] {
    const tgc_program &p = required(program, "program");
    const Package &package = p.program.package();
    if (list != TGC_RUN_LIST && list != TGC_PREPARE_LIST)
      usageError("unknown launch list " + std::to_string(static_cast<int>(list)));
    bool prepare = list == TGC_PREPARE_LIST;
    const Launch &launch = at(prepare ? package.prepare : package.run, index, "launch");
    required(info, "info") = {package.functions[launch.function].name.c_str(),
                              launch.kernel.c_str(),
                              launch.schedule.c_str(),
                              launch.shape.c_str(),
                              {launch.grid[0], launch.grid[1], launch.grid[2]},
                              launch.flops,
                              launch.bytesMoved,
                              p.nodes[(prepare ? package.run.size() : 0) + index].c_str()};
  });
}

tgc_status tgc_program_provenance(tgc_program *program, size_t index, const char **key, const char **value) {
  return guarded([&] {
    const auto &entries = required(program, "program").program.package().provenance;
    bool there = index < entries.size();
    required(key, "key") = there ? entries[index].first.c_str() : nullptr;
    required(value, "value") = there ? entries[index].second.c_str() : nullptr;
  });
}

// ---- Weights -------------------------------------------------------------------------------------------

tgc_status tgc_program_set_weight(tgc_program *program, const tgc_tensor *weight) {
  return guarded([&] {
    Program &p = required(program, "program").program;
    HostTensor tensor = hostTensor(required(weight, "weight"));
    required(weight->name, "the weight's name");
    p.setWeight(tensor);
  });
}

tgc_status tgc_program_use_directory(tgc_program *program, const char *directory) {
  return guarded(
      [&] { required(program, "program").program.useDirectory(&required(directory, "directory")); });
}

tgc_status tgc_program_use_safetensors(tgc_program *program, const char *path, size_t *count) {
  return guarded([&] {
    size_t found = required(program, "program").program.useSafetensors(&required(path, "path"));
    if (count)
      *count = found;
  });
}

tgc_status tgc_program_use_random(tgc_program *program, uint64_t seed) {
  return guarded([&] { required(program, "program").program.useRandom(seed); });
}

tgc_status tgc_program_prepare(tgc_program *program) {
  return guarded([&] { required(program, "program").program.prepare(); });
}

tgc_status tgc_program_set_progress(tgc_program *program, tgc_progress_callback callback, void *user) {
  return guarded([&] {
    Program &p = required(program, "program").program;
    if (callback)
      p.setProgress([=](uint64_t done, uint64_t total) { callback(user, done, total); });
    else
      p.setProgress({});
  });
}

// ---- Running -------------------------------------------------------------------------------------------

tgc_status tgc_program_run(tgc_program *program, const tgc_tensor *inputs, size_t input_count,
                           const tgc_tensor *outputs, size_t output_count) {
  return guarded([&] {
    Program &p = required(program, "program").program;
    p.run(hostTensors(inputs, input_count), hostTensors(outputs, output_count), {});
  });
}

tgc_status tgc_program_run_timed(tgc_program *program, const tgc_tensor *inputs, size_t input_count,
                                 const tgc_tensor *outputs, size_t output_count, uint64_t *nanoseconds,
                                 size_t count) {
  return guarded([&] {
    Program &p = required(program, "program").program;
    if (count != p.package().run.size())
      usageError("times for " + std::to_string(count) + " launches are asked for, the program has " +
                 std::to_string(p.package().run.size()));
    if (count > 0)
      required(nanoseconds, "nanoseconds");
    p.run(hostTensors(inputs, input_count), hostTensors(outputs, output_count), {nanoseconds, count});
  });
}

tgc_status tgc_program_bench(tgc_program *program, const tgc_tensor *inputs, size_t input_count,
                             const tgc_tensor *outputs, size_t output_count, size_t warmup,
                             size_t repetitions, int per_launch, tgc_bench_callback callback, void *user) {
  return guarded([&] {
    Program &p = required(program, "program").program;
    if (!callback)
      usageError("callback is a null pointer");
    std::vector<HostTensor> in = hostTensors(inputs, input_count), out = hostTensors(outputs, output_count);
    std::vector<uint64_t> times(per_launch ? p.package().run.size() : 0);
    for (size_t i = 0; i < warmup; ++i)
      p.run(in, out, {});
    for (size_t i = 0; i < repetitions; ++i) {
      auto start = std::chrono::steady_clock::now();
      p.run(in, out, {});
      auto took = std::chrono::steady_clock::now() - start;
      if (per_launch)
        p.run(in, out, times);
      auto total = std::chrono::duration_cast<std::chrono::nanoseconds>(took).count();
      if (callback(user, i, static_cast<uint64_t>(total), per_launch ? times.data() : nullptr,
                   times.size()) != 0)
        return;
    }
  });
}

// ---- Random weights ------------------------------------------------------------------------------------

tgc_status tgc_random_fill(const tgc_tensor *tensor, uint64_t seed) {
  return guarded([&] {
    HostTensor host = hostTensor(required(tensor, "tensor"));
    auto bytes = tensorBytes(host.dtype, host.shape);
    if (!bytes || *bytes != host.bytes)
      usageError("the tensor's bytes do not agree with its shape " + shapeText(host.shape));
    if (*bytes > 0)
      fillRandom(host.dtype, host.shape, host.name, seed, 0, *bytes / dtypeBytes(host.dtype),
                 &required(static_cast<uint8_t *>(host.data), "data"));
  });
}

tgc_status tgc_random_write_file(const char *path, const tgc_random_place *places, size_t count,
                                 uint64_t seed) {
  return guarded([&] {
    std::string to = &required(path, "path");
    if (count > 0)
      required(places, "places");
    std::vector<RandomPlace> list;
    for (size_t i = 0; i < count; ++i)
      list.push_back({&required(places[i].name, "a weight's name"), dtypeOf(places[i].dtype),
                      shapeOf(places[i].rank, places[i].shape), places[i].offset});
    writeRandomFile(to, list, seed);
  });
}
