// A loaded package with its weights, on a device: what the C API's tgc_program is.
#pragma once
#include "runtime/devices/Device.h"
#include "runtime/program/PreparePlan.h"
#include "runtime/program/WeightSources.h"
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <span>

namespace tgc::runtime {

/// A tensor in the application's memory; the name may be empty: then its place in the list counts.
struct HostTensor {
  std::string name;
  DType dtype;
  Shape shape;
  void *data;
  uint64_t bytes;
};

struct ProgramMemory {
  uint64_t source = 0, weights = 0, prepared = 0, run = 0, preparePeak = 0;
};

class Program {
public:
  /// `file` is the package's mapping, or nullptr if its bytes are held in memory.
  Program(std::shared_ptr<Device> device, const Bytes &bytes, std::shared_ptr<MappedFile> file,
          const std::string &directory);
  ~Program();

  const Package &package() const { return content; }
  ProgramMemory memory() const;

  void setWeight(const HostTensor &weight);
  void useDirectory(const std::string &directory);
  /// How many weights the file has.
  size_t useSafetensors(const std::string &path);
  void useRandom(uint64_t seed);
  void prepare();
  /// Called while weights are brought in, with the bytes that are done and all of this preparation.
  using Progress = std::function<void(uint64_t done, uint64_t total)>;
  void setProgress(Progress report);

  /// `nanoseconds` is empty or has one entry per run launch.
  void run(std::span<const HostTensor> inputs, std::span<const HostTensor> outputs,
           std::span<uint64_t> nanoseconds);

private:
  struct Context;
  /// A slot's memory that is not part of an arena: a view of the host's, or the device's own.
  struct Placement {
    SourceBytes view;
    DeviceMemory memory;
    Address address = 0;
    bool present = false;
  };

  Placement place(SourceBytes bytes, uint32_t slot);
  void placeWeight(uint32_t weight);
  bool makeOnDevice(uint32_t weight);
  void changed(const std::vector<uint32_t> &weights);
  void prepareLocked();
  void requireMemory() const;
  void runPrepareLaunches(const std::vector<uint32_t> &launches, Context &context);
  void dropSource(uint32_t weight);

  std::unique_ptr<Context> acquire();
  void recycle(std::unique_ptr<Context> context);
  /// The memory of a slot that does not change from run to run.
  Address fixedAddress(uint32_t slot, const Context &context) const;
  void zeroSlots(std::span<const uint32_t> slots, const Context &context);
  void execute(Context &context, std::span<const HostTensor> inputs, std::span<const HostTensor> outputs,
               std::span<uint64_t> nanoseconds);
  std::vector<const HostTensor *> match(const char *kind, std::span<const HostTensor> given,
                                        const std::vector<TensorRecord> &wanted, bool all) const;

  std::shared_ptr<Device> device;
  Package content;
  PreparePlan plan;
  std::unique_ptr<Code> code;

  /// Runs hold `weightLock` shared; a change of weights holds it alone. Everyone passes through `gate` first,
  /// so that a change is not kept waiting by runs that begin after it.
  std::mutex gate;
  std::shared_mutex weightLock;
  WeightSources sources;
  std::vector<Placement> placements; // by slot: weights, prepared, constants
  std::set<uint32_t> dirty;          // weights changed since they were last prepared
  bool everPrepared = false;
  bool current = false; // nothing is left to prepare
  Progress progress;
  uint64_t placedBytes = 0, bytesToPlace = 0; // of the preparation in progress
  uint64_t generation = 0;                    // changes when an address in `placements` may have

  std::vector<uint32_t> zeroedInRun, zeroedInPrepare;
  std::mutex poolLock;
  std::vector<std::unique_ptr<Context>> pool;
};

} // namespace tgc::runtime
