// FlatBuffers → Package structs. The verifier has made every access safe; check() judges the content.
#include "runtime/format/Error.h"
#include "runtime/format/Package.h"
#include "runtime/format/Seal.h"
#include "runtime/format/package_generated.h"
#include <cstring>
#include <new>

namespace tgc::runtime {

namespace {
template <typename T>
using Tables = flatbuffers::Vector<flatbuffers::Offset<T>>;

class Reader {
public:
  /// Many places of a file may refer to one, so that a small hostile file could ask for much memory: what is
  /// copied out of it is limited to a multiple of its size. (Sharing of equal strings is ordinary.)
  explicit Reader(const Bytes &file) : file(file), budget((uint64_t(1) << 24) + 64 * uint64_t(file.size())) {}

  Package package(const fb::Package &root) {
    Package package;
    package.device = text(root.device());
    package.arch = text(root.arch());
    package.features = list(root.features(), [&](const flatbuffers::String &name) { return text(&name); });
    package.modules = list(root.modules(), [&](const fb::Module &table) { return module(table); });
    package.functions = list(root.functions(), [&](const fb::Function &table) { return function(table); });
    package.prepare = list(root.prepare(), [&](const fb::Launch &table) { return launch(table); });
    package.run = list(root.run(), [&](const fb::Launch &table) { return launch(table); });
    package.slots = list(root.slots(), [&](const fb::Slot &table) { return slot(table); });
    package.arenas = numbers(root.arenas());
    package.workspaceBytes = root.workspace_bytes();
    package.weights = list(root.weights(), [&](const fb::Weight &table) { return weight(table); });
    package.inputs = list(root.inputs(), [&](const fb::Tensor &table) { return tensor(table); });
    package.outputs = list(root.outputs(), [&](const fb::Tensor &table) { return tensor(table); });
    package.modelDirectory = text(root.model_directory());
    package.provenance = list(root.provenance(), [&](const fb::Text &entry) {
      return std::pair<std::string, std::string>(text(entry.key()), text(entry.value()));
    });
    return package;
  }

private:
  void spend(uint64_t bytes) {
    if (bytes > budget)
      badInput("package: the file's parts refer to each other too often");
    budget -= bytes;
  }

  std::string text(const flatbuffers::String *string) {
    if (!string)
      return "";
    spend(string->size());
    return string->str();
  }

  /// The verifier does not check that the elements of a vector are aligned.
  template <typename T>
  static std::vector<T> copied(const flatbuffers::Vector<T> &vector) {
    std::vector<T> values(vector.size());
    if (!values.empty())
      std::memcpy(values.data(), vector.Data(), values.size() * sizeof(T));
    return values;
  }

  template <typename T>
  std::vector<T> numbers(const flatbuffers::Vector<T> *vector) {
    if (!vector)
      return {};
    spend(vector->size() * sizeof(T));
    return copied(*vector);
  }

  template <typename T, typename F>
  auto list(const Tables<T> *vector, F read) -> std::vector<decltype(read(std::declval<const T &>()))> {
    std::vector<decltype(read(std::declval<const T &>()))> items;
    if (!vector)
      return items;
    spend(vector->size() * sizeof(items[0]));
    items.reserve(vector->size());
    for (const T *table : *vector)
      items.push_back(read(*table));
    return items;
  }

  /// Not copied: a view that keeps the file alive.
  Bytes bytes(const flatbuffers::Vector<uint8_t> *vector) const {
    return vector ? file.slice(vector->data() - file.data(), vector->size()) : Bytes();
  }

  template <typename T>
  static std::array<T, 3> three(const flatbuffers::Vector<T> *vector, const char *what) {
    if (!vector || vector->size() != 3)
      badInput(std::string("package: ") + what + " does not have three dimensions");
    std::vector<T> values = copied(*vector);
    return {values[0], values[1], values[2]};
  }

  template <typename E>
  static E enumerator(uint8_t value, unsigned count, const char *what) {
    if (value >= count)
      badInput("package: unknown " + std::string(what) + " " + std::to_string(value));
    return static_cast<E>(value);
  }
  static DType dtype(uint8_t value) { return enumerator<DType>(value, DTypeCount, "element type"); }

  Module module(const fb::Module &table) {
    Module module;
    module.format = text(table.format());
    module.image = bytes(table.image());
    module.writableOffset = table.writable_offset();
    module.writableSize = table.writable_size();
    module.imports = list(table.imports(), [&](const fb::Import &import) {
      return Import{text(import.symbol()), import.offset()};
    });
    return module;
  }

  Function function(const fb::Function &table) {
    Function function;
    function.name = text(table.name());
    function.module = table.module_();
    function.entry = table.entry();
    function.scratchBytes = table.scratch_bytes();
    function.block = three(table.block(), "a block");
    function.cluster = three(table.cluster(), "a cluster");
    function.sharedBytes = table.shared_bytes();
    function.registers = table.registers();
    return function;
  }

  TensorMap tensorMap(const fb::TensorMap &table) {
    TensorMap map;
    map.dtype = dtype(table.dtype());
    map.dims = numbers(table.dims());
    map.strides = numbers(table.strides());
    map.box = numbers(table.box());
    map.elementStrides = numbers(table.element_strides());
    map.swizzle = table.swizzle();
    map.promotion = table.promotion();
    map.fill = table.fill();
    return map;
  }

  Param param(const fb::Param &table) {
    Param param;
    param.kind = enumerator<ParamKind>(table.kind(), ParamKindCount, "parameter kind");
    param.access = enumerator<Access>(table.access(), 4, "access");
    if (table.access() == 0)
      badInput("package: a parameter is neither read nor written");
    param.slot = table.slot();
    param.offset = table.offset();
    param.bytes = table.bytes();
    param.scalar = table.scalar();
    if (table.tensor_map()) {
      spend(sizeof(TensorMap));
      param.map = std::make_shared<const TensorMap>(tensorMap(*table.tensor_map()));
    }
    return param;
  }

  Launch launch(const fb::Launch &table) {
    Launch launch;
    launch.function = table.function();
    launch.grid = three(table.grid(), "a grid");
    launch.params = list(table.params(), [&](const fb::Param &param) { return this->param(param); });
    launch.weights = numbers(table.weights());
    launch.kernel = text(table.kernel());
    launch.schedule = text(table.schedule());
    launch.shape = text(table.shape());
    launch.flops = table.flops();
    launch.bytesMoved = table.bytes_moved();
    std::string names = text(table.nodes());
    for (size_t begin = 0, end; (end = names.find('\0', begin)) != std::string::npos; begin = end + 1)
      launch.nodes.push_back(names.substr(begin, end - begin));
    spend(launch.nodes.size() * sizeof(std::string));
    return launch;
  }

  Slot slot(const fb::Slot &table) {
    Slot slot;
    slot.slotClass = enumerator<SlotClass>(table.class_(), SlotClassCount, "slot class");
    slot.arena = table.arena();
    slot.offset = table.offset();
    slot.bytes = table.bytes();
    slot.alignment = table.alignment();
    slot.zeroed = table.zeroed();
    slot.data = bytes(table.data());
    return slot;
  }

  Weight weight(const fb::Weight &table) {
    Weight weight;
    weight.name = text(table.name());
    weight.dtype = dtype(table.dtype());
    weight.shape = numbers(table.shape());
    weight.slot = table.slot();
    weight.source = enumerator<WeightSource>(table.source(), 4, "weight source");
    weight.file = text(table.file());
    weight.offset = table.offset();
    weight.data = bytes(table.data());
    weight.key = text(table.key());
    weight.seed = table.seed();
    return weight;
  }

  TensorRecord tensor(const fb::Tensor &table) {
    return {text(table.name()), dtype(table.dtype()), numbers(table.shape()), table.slot()};
  }

  const Bytes &file;
  uint64_t budget;
};

/// The verifier reads 8-byte fields in place, so the file must be aligned; a mapped one is.
Bytes aligned(const Bytes &file) {
  if (reinterpret_cast<uintptr_t>(file.data()) % 64 == 0)
    return file;
  std::shared_ptr<uint8_t> copy(static_cast<uint8_t *>(::operator new(file.size(), std::align_val_t(64))),
                                [](uint8_t *data) { ::operator delete(data, std::align_val_t(64)); });
  std::memcpy(copy.get(), file.data(), file.size());
  return Bytes::view(copy.get(), file.size(), copy);
}
} // namespace

Package parse(const Bytes &unaligned) {
  if (unaligned.size() < 16 + SealBytes)
    badInput("package: the file is too short");
  if (unaligned.size() >= FLATBUFFERS_MAX_BUFFER_SIZE)
    badInput("package: the file is too large");
  if (std::memcmp(unaligned.data() + 4, fb::PackageIdentifier(), 4) != 0)
    badInput("package: not a tgc package");
  Bytes file = aligned(unaligned.slice(0, checkSeal(unaligned.data(), unaligned.size())));
  // The builder never shares tables, so that each takes 8 bytes at least.
  flatbuffers::Verifier verifier(file.data(), file.size(), 16,
                                 static_cast<flatbuffers::uoffset_t>(file.size() / 8));
  if (!fb::VerifyPackageBuffer(verifier))
    badInput("package: the file is damaged or incomplete");
  const fb::Package &root = *fb::GetPackage(file.data());
  if (root.version() != FormatVersion)
    badInput("package: the file has format version " + std::to_string(root.version()) +
             ", this library reads version " + std::to_string(FormatVersion));
  Package package = Reader(file).package(root);
  check(package);
  return package;
}

} // namespace tgc::runtime
