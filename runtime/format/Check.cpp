// The rules of the package format that a schema cannot state.
#include "runtime/format/Error.h"
#include "runtime/format/Package.h"
#include <set>

namespace tgc::runtime {

const char *slotClassName(SlotClass slotClass) {
  constexpr const char *Names[SlotClassCount] = {"input", "output",    "weight",  "prepared",
                                                 "arena", "workspace", "constant"};
  return Names[static_cast<size_t>(slotClass)];
}

const char *weightSourceName(WeightSource source) {
  constexpr const char *Names[] = {"external", "embedded", "named", "random"};
  return Names[static_cast<size_t>(source)];
}

uint64_t TensorMap::span() const {
  uint64_t bytes = dims.empty() ? 0 : dims[0] * dtypeBytes(dtype);
  for (size_t i = 1; i < dims.size(); ++i) {
    uint64_t steps = dims[i] - 1, stride = strides[i - 1];
    if (stride != 0 && steps > MaxBytes / stride)
      return UINT64_MAX; // five terms below MaxBytes cannot overflow
    bytes += steps * stride;
  }
  return bytes;
}

namespace {
constexpr uint64_t PageBytes = 4096;
constexpr uint64_t MaxScratch = uint64_t(1) << 30;

/// Whether [offset, offset + bytes) lies in [0, limit).
bool inside(uint64_t offset, uint64_t bytes, uint64_t limit) {
  return offset <= limit && bytes <= limit - offset;
}

bool goodName(const std::string &name) { return !name.empty() && name.find('\0') == std::string::npos; }

class Checker {
public:
  explicit Checker(const Package &package) : package(package) {}

  void all() {
    header();
    for (size_t i = 0; i < package.modules.size(); ++i)
      module(package.modules[i], "module " + std::to_string(i));
    for (size_t i = 0; i < package.functions.size(); ++i)
      function(package.functions[i], "function " + std::to_string(i));
    for (size_t i = 0; i < package.slots.size(); ++i)
      slot(package.slots[i], "slot " + std::to_string(i));
    owners.assign(package.slots.size(), 0);
    std::set<std::string> names;
    for (const Weight &weight : package.weights)
      this->weight(weight, names);
    names.clear();
    for (const TensorRecord &tensor : package.inputs)
      owned("input", tensor.name, tensor.dtype, tensor.shape, tensor.slot, SlotClass::Input, names);
    names.clear();
    for (const TensorRecord &tensor : package.outputs)
      output(tensor, names);
    for (size_t i = 0; i < package.slots.size(); ++i)
      if (package.slots[i].slotClass <= SlotClass::Weight && owners[i] == 0)
        fail("slot " + std::to_string(i),
             std::string("no tensor names this ") + slotClassName(package.slots[i].slotClass) + " slot");
    written.assign(package.slots.size(), false);
    for (size_t i = 0; i < package.prepare.size(); ++i)
      launch(package.prepare[i], true, "prepare launch " + std::to_string(i));
    for (size_t i = 0; i < package.run.size(); ++i)
      launch(package.run[i], false, "run launch " + std::to_string(i));
    for (const TensorRecord &tensor : package.outputs)
      if (package.slots[tensor.slot].slotClass == SlotClass::Prepared && !written[tensor.slot])
        fail("output \"" + tensor.name + "\"", "no prepare launch writes its slot");
  }

private:
  [[noreturn]] void fail(const std::string &where, const std::string &what) {
    badInput("package: " + where + ": " + what);
  }

  void header() {
    if (!goodName(package.device) || !goodName(package.arch))
      fail("header", "device or architecture is missing");
    uint64_t total = 0;
    for (uint64_t bytes : package.arenas) {
      if (bytes > MaxBytes - total)
        fail("header", "the arenas are too large");
      total += bytes;
    }
    if (package.workspaceBytes > MaxBytes)
      fail("header", "the workspace is too large");
  }

  void module(const Module &module, const std::string &where) {
    uint64_t size = module.image.size();
    if (module.format.empty() || size == 0)
      fail(where, "empty");
    if (module.writableOffset % PageBytes != 0 || module.writableSize % PageBytes != 0 ||
        !inside(module.writableOffset, module.writableSize, size))
      fail(where, "the import table is not whole pages inside the image");
    for (const Import &import : module.imports)
      if (!goodName(import.symbol) || import.offset % 8 != 0 || import.offset < module.writableOffset ||
          !inside(import.offset - module.writableOffset, 8, module.writableSize))
        fail(where, "import \"" + import.symbol + "\" does not lie in the import table");
  }

  void function(const Function &function, const std::string &where) {
    if (!goodName(function.name))
      fail(where, "no name");
    if (function.module >= package.modules.size())
      fail(where, "there is no module " + std::to_string(function.module));
    const Module &module = package.modules[function.module];
    bool inTable = function.entry >= module.writableOffset &&
                   function.entry - module.writableOffset < module.writableSize;
    if (function.entry >= module.image.size() || inTable)
      fail(where, "the entry does not lie in the code");
    if (function.scratchBytes > MaxScratch || function.sharedBytes > MaxScratch)
      fail(where, "the scratch memory is too large");
  }

  void slot(const Slot &slot, const std::string &where) {
    if (slot.alignment < 64 || slot.alignment > PageBytes || (slot.alignment & (slot.alignment - 1)) != 0)
      fail(where,
           "the alignment " + std::to_string(slot.alignment) + " is not a power of two from 64 to 4096");
    if (slot.bytes > MaxBytes)
      fail(where, "too large");
    bool arena = slot.slotClass == SlotClass::Arena, workspace = slot.slotClass == SlotClass::Workspace;
    if (arena && slot.arena >= package.arenas.size())
      fail(where, "there is no arena " + std::to_string(slot.arena));
    if (arena || workspace) {
      uint64_t limit = arena ? package.arenas[slot.arena] : package.workspaceBytes;
      if (slot.offset % slot.alignment != 0 || !inside(slot.offset, slot.bytes, limit))
        fail(where, std::string("does not lie, aligned, in its ") + slotClassName(slot.slotClass));
    }
    bool constant = slot.slotClass == SlotClass::Constant;
    if (slot.data.size() != (constant ? slot.bytes : 0))
      fail(where, constant ? "the data does not have the slot's size" : "only constant slots have data");
    if (slot.zeroed &&
        (constant || slot.slotClass == SlotClass::Input || slot.slotClass == SlotClass::Weight))
      fail(where, std::string("a slot of class ") + slotClassName(slot.slotClass) + " cannot be zeroed");
  }

  void tensor(const char *kind, const std::string &name, DType dtype, const Shape &shape, uint32_t slot,
              std::set<std::string> &names) {
    std::string where = std::string(kind) + " \"" + name + "\"";
    if (!goodName(name))
      fail(where, "the name is empty or contains a zero byte");
    if (!names.insert(name).second)
      fail(where, "the name occurs twice");
    if (slot >= package.slots.size())
      fail(where, "there is no slot " + std::to_string(slot));
    if (shape.size() > 64)
      fail(where, "more than 64 dimensions");
    auto bytes = tensorBytes(dtype, shape);
    if (!bytes || *bytes != package.slots[slot].bytes)
      fail(where, std::string(dtypeName(dtype)) + " " + shapeText(shape) +
                      " does not have the size of its slot, " + std::to_string(package.slots[slot].bytes) +
                      " bytes");
  }

  void owned(const char *kind, const std::string &name, DType dtype, const Shape &shape, uint32_t slot,
             SlotClass slotClass, std::set<std::string> &names) {
    tensor(kind, name, dtype, shape, slot, names);
    std::string where = std::string(kind) + " \"" + name + "\"";
    if (package.slots[slot].slotClass != slotClass)
      fail(where, std::string("its slot has class ") + slotClassName(package.slots[slot].slotClass));
    if (owners[slot]++ != 0)
      fail(where, "its slot belongs to another tensor");
  }

  void weight(const Weight &weight, std::set<std::string> &names) {
    owned("weight", weight.name, weight.dtype, weight.shape, weight.slot, SlotClass::Weight, names);
    std::string where = "weight \"" + weight.name + "\"";
    bool external = weight.source == WeightSource::External;
    bool embedded = weight.source == WeightSource::Embedded;
    uint64_t bytes = package.slots[weight.slot].bytes;
    if (external && (!goodName(weight.file) || weight.offset > MaxBytes))
      fail(where, "the external file or offset is not valid");
    if (weight.data.size() != (embedded ? bytes : 0))
      fail(where, embedded ? "the embedded data does not have the tensor's size"
                           : "data that is not embedded is present");
  }

  void output(const TensorRecord &tensor, std::set<std::string> &names) {
    this->tensor("output", tensor.name, tensor.dtype, tensor.shape, tensor.slot, names);
    if (package.slots[tensor.slot].slotClass == SlotClass::Workspace)
      fail("output \"" + tensor.name + "\"", "its slot has class workspace");
    ++owners[tensor.slot];
  }

  void launch(const Launch &launch, bool prepare, const std::string &where) {
    if (launch.function >= package.functions.size())
      fail(where, "there is no function " + std::to_string(launch.function));
    uint64_t blocks = 1;
    for (uint64_t dim : launch.grid) {
      if (dim != 0 && blocks > MaxBytes / dim)
        fail(where, "the grid is too large");
      blocks *= dim;
    }
    for (const std::string &node : launch.nodes)
      if (node.find('\0') != std::string::npos)
        fail(where, "a node's name contains a zero byte");
    for (uint32_t weight : launch.weights)
      if (!prepare || weight >= package.weights.size())
        fail(where, prepare ? "there is no weight " + std::to_string(weight)
                            : std::string("only prepare launches name weights"));
    for (size_t i = 0; i < launch.params.size(); ++i)
      parameter(launch.params[i], prepare, where + ": parameter " + std::to_string(i));
    if (prepare)
      for (const Param &param : launch.params)
        if (param.usesSlot() && param.writes())
          written[param.slot] = true;
  }

  void parameter(const Param &param, bool prepare, const std::string &where) {
    if (param.usesSlot())
      memory(param, prepare, where);
    if (param.kind == ParamKind::TensorMap)
      tensorMap(param, where);
    else if (param.map)
      fail(where, "only a parameter of kind tensor map has one");
  }

  void tensorMap(const Param &param, const std::string &where) {
    if (package.device == "cpu")
      fail(where, "the CPU has no tensor maps");
    if (!param.map)
      fail(where, "the tensor map is missing");
    const TensorMap &map = *param.map;
    size_t rank = map.dims.size(), elementStrides = map.elementStrides.size();
    if (rank < 1 || rank > 5 || map.strides.size() != rank - 1 || map.box.size() != rank ||
        (elementStrides != 0 && elementStrides != rank))
      fail(where, "the tensor map's lists do not agree on a rank from 1 to 5");
    for (uint64_t dim : map.dims)
      if (dim < 1 || dim > uint64_t(1) << 32)
        fail(where, "a dimension of the tensor map is not from 1 to 2^32");
    for (uint64_t stride : map.strides)
      if (stride % 16 != 0 || stride >= uint64_t(1) << 40)
        fail(where, "a stride of the tensor map is not a multiple of 16 below 2^40");
    for (uint32_t extent : map.box)
      if (extent < 1 || extent > 256)
        fail(where, "an extent of the tensor map's box is not from 1 to 256");
    for (uint32_t stride : map.elementStrides)
      if (stride < 1 || stride > 8)
        fail(where, "an element stride of the tensor map is not from 1 to 8");
    uint32_t swizzle = map.swizzle, promotion = map.promotion;
    if (swizzle != 0 && swizzle != 32 && swizzle != 64 && swizzle != 128)
      fail(where, "the tensor map's swizzle is not 0, 32, 64 or 128");
    if (promotion != 0 && promotion != 64 && promotion != 128 && promotion != 256)
      fail(where, "the tensor map's promotion is not 0, 64, 128 or 256");
    if (map.fill > 1)
      fail(where, "the tensor map's fill is unknown");
    uint64_t row = map.box[0] * dtypeBytes(map.dtype);
    if (row % 16 != 0 || (swizzle != 0 && row > swizzle))
      fail(where, "a row of the tensor map's box has " + std::to_string(row) +
                      " bytes: not a multiple of 16, or more than the swizzle");
    if (param.offset % 16 != 0)
      fail(where, "the tensor map does not start at a multiple of 16 bytes");
    if (map.span() > param.bytes)
      fail(where, "the tensor map reaches over " + std::to_string(map.span()) + " bytes of " +
                      std::to_string(param.bytes));
  }

  void memory(const Param &param, bool prepare, const std::string &where) {
    if (param.slot >= package.slots.size())
      fail(where, "there is no slot " + std::to_string(param.slot));
    const Slot &slot = package.slots[param.slot];
    if (!inside(param.offset, param.bytes, slot.bytes))
      fail(where, "bytes " + std::to_string(param.offset) + " to " +
                      std::to_string(param.offset + param.bytes) + " do not lie in slot " +
                      std::to_string(param.slot) + " of " + std::to_string(slot.bytes) + " bytes");
    const char *name = slotClassName(slot.slotClass);
    bool prepared = slot.slotClass == SlotClass::Prepared;
    if (param.writes() &&
        (slot.slotClass == SlotClass::Input || slot.slotClass == SlotClass::Weight ||
         slot.slotClass == SlotClass::Constant || (prepared && (!prepare || param.reads()))))
      fail(where, std::string("writes a slot of class ") + name);
    if (prepare && (slot.slotClass == SlotClass::Input || slot.slotClass == SlotClass::Output))
      fail(where, std::string("a prepare launch uses a slot of class ") + name);
    if (prepared && param.reads() && !written[param.slot])
      fail(where, "no earlier prepare launch writes the prepared slot");
  }

  const Package &package;
  std::vector<unsigned> owners; // tensors that name the slot
  std::vector<bool> written;    // by a prepare launch so far
};
} // namespace

void check(const Package &package) { Checker(package).all(); }

} // namespace tgc::runtime
