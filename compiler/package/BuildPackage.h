// Turns a program and the machine code of its kernels into a package.
#pragma once
#include "compiler/kernel/Kernel.h"
#include "runtime/format/Package.h"

namespace tgc {

/// A tensor map that a kernel takes behind its buffers' addresses.
struct KernelTensorMap {
  unsigned buffer = 0; ///< position among the kernel's buffers, whose access it shares
  uint64_t offset = 0; ///< bytes from where that buffer starts for the kernel
  runtime::TensorMap map;
};

/// One kernel's code and what reports say of it.
struct KernelCode {
  uint32_t module = 0;        ///< position in the package's modules
  runtime::Function function; ///< its record but for the module
  int64_t blocks = 1;
  std::vector<bool> writes;          ///< per buffer, whether the kernel stores to it
  std::vector<KernelTensorMap> maps; ///< the parameters behind the buffers, in order
  std::string schedule, shape;
  double flops = 0, bytes = 0;
};

/// Everything of a package that the program does not say.
struct PackageParts {
  std::string device, architecture;
  std::vector<std::string> features;
  uint64_t maxAllocation = 0; ///< bytes that the device allocates at once; 0: no limit
  std::vector<runtime::Module> modules;
  std::map<std::string, KernelCode> kernels; ///< by the symbol that launches name
  std::string modelDirectory;
  std::vector<std::pair<std::string, std::string>> provenance;
};

/// Lays the program's buffers out in slots and its launches in the two lists. Buffers that prepare launches
/// write live as long as the program; all others share arenas by their lifetimes in the run list. Throws
/// tgc::Error (Internal) when a launch names a kernel without code.
runtime::Package buildPackage(kernel::ProgramOp program, PackageParts parts);

/// Names of the ONNX nodes that a location carries, in order and each once.
std::vector<std::string> nodeNames(mlir::Location location);

} // namespace tgc
