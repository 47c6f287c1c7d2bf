// Input: a kernel.program whose launches name kernels with machine code. Output: a package.
// 1. Plan the memory, and make a slot of every buffer's place.
// 2. Describe inputs, outputs and weights.
// 3. Turn launches into records; a part of a buffer (memref.reinterpret_cast) is a parameter on its base,
//    since the kernel's own type holds strides and offset.
#include "compiler/package/BuildPackage.h"

#include "compiler/graph/Graph.h"
#include "compiler/kernel/Elements.h"
#include "compiler/kernel/transforms/Launches.h"
#include "compiler/package/MemoryPlan.h"
#include "compiler/support/Error.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace tgc {
namespace {

runtime::DType dtypeOf(Type type, std::optional<StringRef> name = {}) {
  if (name)
    if (auto dtype = runtime::dtypeByName(name->str()))
      return *dtype;
  if (type.isF32())
    return runtime::DType::F32;
  if (type.isF16())
    return runtime::DType::F16;
  if (type.isBF16())
    return runtime::DType::BF16;
  if (type.isF64())
    return runtime::DType::F64;
  if (type.isFloat8E4M3FN()) // runtimes pass it on as bytes
    return runtime::DType::U8;
  switch (type.isInteger() ? type.getIntOrFloatBitWidth() : 0) {
  case 1:
    return runtime::DType::Bool;
  case 8:
    return runtime::DType::I8;
  case 16:
    return runtime::DType::I16;
  case 32:
    return runtime::DType::I32;
  case 64:
    return runtime::DType::I64;
  }
  internalError("no package type for a buffer's element type");
}

class Builder {
public:
  Builder(kernel::ProgramOp program, PackageParts parts) : program_(program), parts_(std::move(parts)) {}

  runtime::Package build() {
    package_.device = parts_.device;
    package_.arch = parts_.architecture;
    package_.features = parts_.features;
    package_.modules = std::move(parts_.modules);
    package_.modelDirectory = parts_.modelDirectory;
    package_.provenance = parts_.provenance;
    makeSlots();
    for (Operation &op : *program_.getBlock())
      TypeSwitch<Operation *>(&op)
          .Case([&](kernel::InputOp input) { package_.inputs.push_back(tensorOf(input)); })
          .Case([&](kernel::OutputOp output) { package_.outputs.push_back(tensorOf(output)); })
          .Case([&](kernel::WeightOp weight) { addWeight(weight); });
    for (auto launch : program_.getOps<kernel::LaunchOp>())
      addLaunch(launch);
    return std::move(package_);
  }

private:
  const KernelCode &codeOf(kernel::LaunchOp launch) {
    auto it = parts_.kernels.find(launch.getKernel().str());
    if (it == parts_.kernels.end())
      internalError("kernel {} has no code", launch.getKernel().str());
    return it->second;
  }

  void makeSlots() {
    MemoryPlan plan =
        planMemory(program_, parts_.maxAllocation, [&](kernel::LaunchOp launch, unsigned buffer) -> bool {
          return codeOf(launch).writes[buffer];
        });
    for (const auto &[buffer, place] : plan.places) {
      runtime::Slot slot;
      slot.slotClass = place.slotClass;
      slot.bytes = place.bytes;
      slot.arena = place.arena;
      slot.offset = place.offset;
      slots_[buffer] = package_.slots.size();
      package_.slots.push_back(std::move(slot));
    }
    package_.arenas = plan.arenas;
  }

  template <typename InputOrOutput>
  runtime::TensorRecord tensorOf(InputOrOutput op) {
    auto type = cast<MemRefType>(op.getResult().getType());
    runtime::TensorRecord tensor;
    tensor.name = op.getName().str();
    tensor.dtype = dtypeOf(type.getElementType(), op.getDtype());
    tensor.shape.assign(type.getShape().begin(), type.getShape().end());
    tensor.slot = slots_.lookup(op.getResult());
    return tensor;
  }

  void addWeight(kernel::WeightOp op) {
    auto type = cast<MemRefType>(op.getResult().getType());
    runtime::Weight weight;
    weight.name = op.getName().str();
    weight.dtype = dtypeOf(type.getElementType());
    weight.shape.assign(type.getShape().begin(), type.getShape().end());
    weight.slot = slots_.lookup(op.getResult());
    Attribute source = op.getSource().value_or(Attribute());
    if (auto external = dyn_cast_if_present<graph::ExternalAttr>(source)) {
      weight.source = runtime::WeightSource::External;
      weight.file = external.getPath().str();
      weight.offset = external.getOffset();
    } else if (auto dense = dyn_cast_if_present<ElementsAttr>(source)) {
      weight.source = runtime::WeightSource::Embedded;
      weight.data = runtime::Bytes(rawBytes(dense, package_.slots[weight.slot].bytes));
    } else {
      weight.source = runtime::WeightSource::Named;
      weight.key = weight.name;
    }
    package_.weights.push_back(std::move(weight));
  }

  /// The elements as little-endian bytes, i1 as a byte each.
  static std::vector<uint8_t> rawBytes(ElementsAttr elements, uint64_t bytes) {
    std::vector<uint8_t> result;
    result.reserve(bytes);
    if (auto resource = dyn_cast<DenseResourceElementsAttr>(elements)) {
      ArrayRef<char> data = resource.getRawHandle().getBlob()->getData();
      result.assign(data.begin(), data.end());
    } else {
      auto dense = cast<DenseElementsAttr>(elements);
      unsigned width = (dense.getElementType().getIntOrFloatBitWidth() + 7) / 8;
      auto append = [&](const APInt &value) {
        for (unsigned i = 0; i < width; ++i)
          result.push_back(uint8_t(value.zextOrTrunc(64).lshr(8 * i).getZExtValue()));
      };
      if (isa<FloatType>(dense.getElementType()))
        for (const APFloat &value : dense.getValues<APFloat>())
          append(value.bitcastToAPInt());
      else
        for (const APInt &value : dense.getValues<APInt>())
          append(value);
    }
    if (result.size() != bytes)
      internalError("a constant has {} bytes where its type needs {}", result.size(), bytes);
    return result;
  }

  uint32_t functionOf(kernel::LaunchOp launch) {
    auto [it, isNew] = functions_.try_emplace(launch.getKernel().str(), package_.functions.size());
    if (isNew) {
      const KernelCode &code = codeOf(launch);
      runtime::Function function = code.function;
      function.module = code.module;
      package_.functions.push_back(std::move(function));
    }
    return it->second;
  }

  void addLaunch(kernel::LaunchOp op) {
    const KernelCode &code = codeOf(op);
    runtime::Launch launch;
    launch.function = functionOf(op);
    launch.grid[0] = code.blocks;
    for (auto [i, buffer] : llvm::enumerate(op.getBuffers())) {
      uint32_t slot = slots_.lookup(kernel::baseOf(buffer));
      uint64_t start =
          op.offsetOf(i) * kernel::elementBytes(cast<MemRefType>(buffer.getType()).getElementType());
      uint64_t bytes = package_.slots[slot].bytes - start;
      launch.params.push_back(code.writes[i] ? runtime::Param::write(slot, start, bytes)
                                             : runtime::Param::read(slot, start, bytes));
    }
    for (const KernelTensorMap &map : code.maps) {
      const runtime::Param &buffer = launch.params[map.buffer];
      launch.params.push_back(
          runtime::Param::tensorMap(buffer.slot, buffer.offset + map.offset, buffer.access, map.map));
    }
    launch.kernel = op.getKernel().str();
    launch.schedule = code.schedule;
    launch.shape = code.shape;
    launch.flops = uint64_t(code.flops);
    launch.bytesMoved = uint64_t(code.bytes);
    launch.nodes = nodeNames(op.getLoc());
    (op.getPrepare() ? package_.prepare : package_.run).push_back(std::move(launch));
  }

  kernel::ProgramOp program_;
  PackageParts parts_;
  runtime::Package package_;
  llvm::DenseMap<Value, uint32_t> slots_;
  std::map<std::string, uint32_t> functions_;
};

void collectNames(Location location, llvm::SetVector<StringRef> &names) {
  if (auto name = dyn_cast<NameLoc>(location)) {
    names.insert(name.getName());
  } else if (auto fused = dyn_cast<FusedLoc>(location)) {
    for (Location part : fused.getLocations())
      collectNames(part, names);
  } else if (auto call = dyn_cast<CallSiteLoc>(location)) {
    collectNames(call.getCallee(), names);
  }
}

} // namespace

std::vector<std::string> nodeNames(Location location) {
  llvm::SetVector<StringRef> names;
  collectNames(location, names);
  std::vector<std::string> result;
  for (StringRef name : names)
    result.push_back(name.str());
  return result;
}

runtime::Package buildPackage(kernel::ProgramOp program, PackageParts parts) {
  return Builder(program, std::move(parts)).build();
}

} // namespace tgc
