// C++ wrapper of tgc.h: objects that release themselves, exceptions instead of statuses.
//
//   tgc::api::Program program(tgc::api::Device("cpu"), "model.tgc");
//   tgc::api::Tensor x(program.inputs()[0]), y(program.outputs()[0]);
//   std::fill_n(x.as<float>(), x.elements(), 1.0f);
//   program.run({&x}, {&y});
#pragma once
#include "tgc/tgc.h"
#include <algorithm>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace tgc::api {

class Error : public std::runtime_error {
public:
  Error(tgc_status status, const std::string &message) : std::runtime_error(message), status(status) {}
  tgc_status status;
};

/// Throws the last error unless the status is TGC_OK.
inline void check(tgc_status status) {
  if (status != TGC_OK)
    throw Error(status, tgc_last_error());
}

struct TensorInfo {
  std::string name;
  tgc_dtype dtype = TGC_F32;
  std::vector<int64_t> shape;
  uint64_t bytes = 0;
  std::string source; // of weights

  TensorInfo() = default;
  explicit TensorInfo(const tgc_tensor_info &info)
      : name(info.name), dtype(info.dtype), shape(info.shape, info.shape + info.rank), bytes(info.bytes),
        source(info.source ? info.source : "") {}
};

/// A tensor with memory of its own, zero at first and aligned so that runs use it without a copy.
class Tensor {
public:
  explicit Tensor(TensorInfo info)
      : about(std::move(info)), memory(static_cast<unsigned char *>(
                                    ::operator new(about.bytes + Alignment, std::align_val_t(Alignment)))) {
    std::fill_n(memory.get(), about.bytes, static_cast<unsigned char>(0));
  }
  const TensorInfo &info() const { return about; }
  void *data() { return memory.get(); }
  const void *data() const { return memory.get(); }
  size_t elements() const { return about.bytes / tgc_dtype_bytes(about.dtype); }
  /// The elements; the type must have the size of the tensor's.
  template <typename T>
  T *as() {
    if (sizeof(T) != tgc_dtype_bytes(about.dtype))
      throw Error(TGC_USAGE, "tensor \"" + about.name + "\" does not have elements of this size");
    return reinterpret_cast<T *>(memory.get());
  }
  tgc_tensor view() const {
    return {about.name.c_str(), about.dtype,  static_cast<uint32_t>(about.shape.size()),
            about.shape.data(), memory.get(), about.bytes};
  }

private:
  static constexpr size_t Alignment = 4096;
  struct Free {
    void operator()(unsigned char *memory) const { ::operator delete(memory, std::align_val_t(Alignment)); }
  };
  TensorInfo about;
  std::unique_ptr<unsigned char, Free> memory;
};

class Device {
public:
  explicit Device(const std::string &name) {
    tgc_device *device = nullptr;
    check(tgc_device_open(name.c_str(), &device));
    handle.reset(device);
  }
  tgc_device_info describe() const {
    tgc_device_info info;
    check(tgc_device_describe(handle.get(), &info));
    return info;
  }
  /// See tgc_device_set_code_cache; null: none.
  void setCodeCache(const tgc_code_cache *cache) { check(tgc_device_set_code_cache(handle.get(), cache)); }
  /// See tgc_device_evict_caches.
  void evictCaches(uint64_t bytes) { check(tgc_device_evict_caches(handle.get(), bytes)); }
  tgc_device *get() const { return handle.get(); }

  static std::vector<tgc_device_info> list() {
    size_t count = 0;
    check(tgc_device_list(nullptr, 0, &count));
    std::vector<tgc_device_info> infos(count);
    check(tgc_device_list(infos.data(), infos.size(), &count));
    infos.resize(std::min(count, infos.size()));
    return infos;
  }

private:
  struct Close {
    void operator()(tgc_device *device) const { tgc_device_close(device); }
  };
  std::unique_ptr<tgc_device, Close> handle;
};

class Program {
public:
  Program(const Device &device, const std::string &path) {
    tgc_program *program = nullptr;
    check(tgc_program_load(device.get(), path.c_str(), &program));
    handle.reset(program);
  }
  Program(const Device &device, const void *data, size_t bytes, const std::string &directory = "") {
    tgc_program *program = nullptr;
    check(tgc_program_load_memory(device.get(), data, bytes, directory.empty() ? nullptr : directory.c_str(),
                                  &program));
    handle.reset(program);
  }

  tgc_program_info describe() const {
    tgc_program_info info;
    check(tgc_program_describe(handle.get(), &info));
    return info;
  }
  std::vector<TensorInfo> inputs() const { return tensors(describe().inputs, tgc_program_input); }
  std::vector<TensorInfo> outputs() const { return tensors(describe().outputs, tgc_program_output); }
  std::vector<TensorInfo> weights() const { return tensors(describe().weights, tgc_program_weight); }
  tgc_launch_info launch(tgc_launch_list list, size_t index) const {
    tgc_launch_info info;
    check(tgc_program_launch(handle.get(), list, index, &info));
    return info;
  }
  std::vector<std::pair<std::string, std::string>> provenance() const {
    std::vector<std::pair<std::string, std::string>> pairs;
    for (size_t i = 0;; ++i) {
      const char *key = nullptr, *value = nullptr;
      check(tgc_program_provenance(handle.get(), i, &key, &value));
      if (!key)
        return pairs;
      pairs.emplace_back(key, value);
    }
  }

  void setWeight(const Tensor &weight) {
    tgc_tensor view = weight.view();
    check(tgc_program_set_weight(handle.get(), &view));
  }
  void useDirectory(const std::string &directory) {
    check(tgc_program_use_directory(handle.get(), directory.c_str()));
  }
  size_t useSafetensors(const std::string &path) {
    size_t count = 0;
    check(tgc_program_use_safetensors(handle.get(), path.c_str(), &count));
    return count;
  }
  void useRandom(uint64_t seed) { check(tgc_program_use_random(handle.get(), seed)); }
  void prepare() { check(tgc_program_prepare(handle.get())); }

  void run(const std::vector<const Tensor *> &inputs, const std::vector<Tensor *> &outputs) {
    auto in = views(inputs), out = views(outputs);
    check(tgc_program_run(handle.get(), in.data(), in.size(), out.data(), out.size()));
  }
  void run(const std::vector<Tensor> &inputs, std::vector<Tensor> &outputs) {
    std::vector<const Tensor *> in;
    std::vector<Tensor *> out;
    for (const Tensor &input : inputs)
      in.push_back(&input);
    for (Tensor &output : outputs)
      out.push_back(&output);
    run(in, out);
  }
  /// Nanoseconds of each launch.
  std::vector<uint64_t> runTimed(const std::vector<const Tensor *> &inputs,
                                 const std::vector<Tensor *> &outputs) {
    auto in = views(inputs), out = views(outputs);
    std::vector<uint64_t> times(describe().run_launches);
    check(tgc_program_run_timed(handle.get(), in.data(), in.size(), out.data(), out.size(), times.data(),
                                times.size()));
    return times;
  }
  tgc_program *get() const { return handle.get(); }

private:
  struct Unload {
    void operator()(tgc_program *program) const { tgc_program_unload(program); }
  };
  template <typename F>
  std::vector<TensorInfo> tensors(size_t count, F query) const {
    std::vector<TensorInfo> list;
    for (size_t i = 0; i < count; ++i) {
      tgc_tensor_info info;
      check(query(handle.get(), i, &info));
      list.emplace_back(info);
    }
    return list;
  }
  template <typename T>
  static std::vector<tgc_tensor> views(const std::vector<T *> &tensors) {
    std::vector<tgc_tensor> list;
    for (const Tensor *tensor : tensors)
      list.push_back(tensor->view());
    return list;
  }
  std::unique_ptr<tgc_program, Unload> handle;
};

} // namespace tgc::api
