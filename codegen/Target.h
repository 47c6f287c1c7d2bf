// What a target gives the compiler: its device as data, the lowering of block programs, and machine code.
#pragma once
#include "compiler/package/BuildPackage.h"
#include "search/DeviceInfo.h"
#include <memory>

namespace tgc {

/// Machine code of one kernel, ready to be put into a package.
struct CompiledKernel {
  runtime::Module module; ///< functions' entries are offsets in its image
  std::vector<runtime::Function> functions;
  std::vector<KernelTensorMap> maps; ///< parameters of a GPU kernel behind its buffers' addresses
  std::string log;                   ///< what the assembler said that matters: spills, warnings
};

class Target {
public:
  virtual ~Target() = default;
  virtual const DeviceInfo &device() const = 0;
  /// Whether buffers of that type can be read and written.
  virtual bool supports(ElementType type) const = 0;
  /// The instruction sets a package needs, in the runtime's words.
  virtual std::vector<std::string> requiredFeatures() const = 0;
  /// The runtime's names of device and architecture, for the package.
  virtual std::string packageDevice() const = 0;
  virtual std::string packageArchitecture() const = 0;
  /// Lowers every tile.func of the module to the thread stage, in place. May run on several threads, each on a
  /// module of its own.
  virtual void lowerToThread(mlir::ModuleOp module) const = 0;
  /// Compiles every kernel of a thread-stage module; same rule of threads. Throws tgc::Error (Internal).
  virtual CompiledKernel compile(mlir::ModuleOp module) const = 0;
};

/// The target of a device's name, such as "cpu", "cpu:avx2"; throws tgc::Error (Usage) that lists the names.
std::unique_ptr<Target> makeTarget(const std::string &device);
/// Every name that makeTarget takes, with a line that describes it.
std::vector<std::pair<std::string, std::string>> targetNames();

/// A device of this machine, as the runtime describes it (tgc_device_info).
struct FoundDevice {
  std::string kind; ///< what its name begins with: "cuda"
  std::string architecture, description, features;
  int64_t units = 0;
};
/// The name of the target that code for the device is compiled for: of the targets of its kind and architecture the
/// nearest, and what the device has of its own, as in "cuda:rtx3090,units=68". Empty if there is none.
std::string targetFor(const FoundDevice &device);

/// The dialects that targets' lowerings need loaded.
void registerTargetDialects(mlir::DialectRegistry &registry);

} // namespace tgc
