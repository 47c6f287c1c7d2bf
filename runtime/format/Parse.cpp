// FlatBuffers → Package structs. The verifier has made every access safe; check() judges the content.
#include "runtime/format/Error.h"
#include "runtime/format/Package.h"
#include "runtime/format/Seal.h"
#include "runtime/format/package_generated.h"
#include <cstring>
#include <new>

namespace tgc::runtime {

namespace {
std::string text(const flatbuffers::String *string) { return string ? string->str() : std::string(); }

template <typename T>
std::vector<T> numbers(const flatbuffers::Vector<T> *vector) {
  return vector ? std::vector<T>(vector->begin(), vector->end()) : std::vector<T>();
}

template <typename T, typename F>
auto tables(const flatbuffers::Vector<flatbuffers::Offset<T>> *vector, F read) {
  std::vector<decltype(read(std::declval<const T &>()))> items;
  if (!vector)
    return items;
  items.reserve(vector->size());
  for (const T *table : *vector)
    items.push_back(read(*table));
  return items;
}

std::vector<std::string>
strings(const flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>> *vector) {
  return tables(vector, [](const flatbuffers::String &string) { return string.str(); });
}

template <typename T>
std::array<T, 3> three(const flatbuffers::Vector<T> *vector, const char *what) {
  if (!vector || vector->size() != 3)
    badInput(std::string("package: ") + what + " does not have three dimensions");
  return {vector->Get(0), vector->Get(1), vector->Get(2)};
}

template <typename E>
E enumerator(uint8_t value, unsigned count, const char *what) {
  if (value >= count)
    badInput("package: unknown " + std::string(what) + " " + std::to_string(value));
  return static_cast<E>(value);
}

DType dtype(uint8_t value) { return enumerator<DType>(value, DTypeCount, "element type"); }

class Reader {
public:
  explicit Reader(const Bytes &file) : file(file) {}

  Module module(const fb::Module &table) const {
    Module module{text(table.format()), bytes(table.image()), table.writable_offset(), table.writable_size(),
                  tables(table.imports(), [](const fb::Import &import) {
                    return Import{text(import.symbol()), import.offset()};
                  })};
    return module;
  }

  Slot slot(const fb::Slot &table) const {
    return {enumerator<SlotClass>(table.class_(), SlotClassCount, "slot class"),
            table.arena(),
            table.offset(),
            table.bytes(),
            table.alignment(),
            table.zeroed(),
            bytes(table.data())};
  }

  Weight weight(const fb::Weight &table) const {
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

private:
  Bytes bytes(const flatbuffers::Vector<uint8_t> *vector) const {
    return vector ? file.slice(vector->data() - file.data(), vector->size()) : Bytes();
  }
  const Bytes &file;
};

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

Param param(const fb::Param &table) {
  uint8_t access = table.access();
  if (access < 1 || access > 3)
    badInput("package: unknown access " + std::to_string(access));
  return {enumerator<ParamKind>(table.kind(), 2, "parameter kind"),
          static_cast<Access>(access),
          table.slot(),
          table.offset(),
          table.bytes(),
          table.scalar()};
}

Launch launch(const fb::Launch &table) {
  Launch launch;
  launch.function = table.function();
  launch.grid = three(table.grid(), "a grid");
  launch.params = tables(table.params(), param);
  launch.weights = numbers(table.weights());
  launch.kernel = text(table.kernel());
  launch.schedule = text(table.schedule());
  launch.shape = text(table.shape());
  launch.flops = table.flops();
  launch.bytesMoved = table.bytes_moved();
  launch.nodes = strings(table.nodes());
  return launch;
}

TensorRecord tensor(const fb::Tensor &table) {
  return {text(table.name()), dtype(table.dtype()), numbers(table.shape()), table.slot()};
}

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
  flatbuffers::Verifier verifier(file.data(), file.size(), 16, 100000000);
  if (!fb::VerifyPackageBuffer(verifier))
    badInput("package: the file is damaged or incomplete");
  const fb::Package &root = *fb::GetPackage(file.data());
  if (root.version() != FormatVersion)
    badInput("package: the file has format version " + std::to_string(root.version()) +
             ", this library reads version " + std::to_string(FormatVersion));
  Reader reader(file);
  Package package;
  package.device = text(root.device());
  package.arch = text(root.arch());
  package.features = strings(root.features());
  package.modules = tables(root.modules(), [&](const fb::Module &table) { return reader.module(table); });
  package.functions = tables(root.functions(), function);
  package.prepare = tables(root.prepare(), launch);
  package.run = tables(root.run(), launch);
  package.slots = tables(root.slots(), [&](const fb::Slot &table) { return reader.slot(table); });
  package.arenas = numbers(root.arenas());
  package.workspaceBytes = root.workspace_bytes();
  package.weights = tables(root.weights(), [&](const fb::Weight &table) { return reader.weight(table); });
  package.inputs = tables(root.inputs(), tensor);
  package.outputs = tables(root.outputs(), tensor);
  package.modelDirectory = text(root.model_directory());
  package.provenance = tables(root.provenance(), [](const fb::Text &entry) {
    return std::pair<std::string, std::string>(text(entry.key()), text(entry.value()));
  });
  check(package);
  return package;
}

} // namespace tgc::runtime
