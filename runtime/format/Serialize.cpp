// Package structs → FlatBuffers and the seal.
#include "runtime/format/Error.h"
#include "runtime/format/File.h"
#include "runtime/format/Package.h"
#include "runtime/format/Seal.h"
#include "runtime/format/package_generated.h"

namespace tgc::runtime {

namespace {
using Builder = flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;
template <typename T>
using Vector = Offset<flatbuffers::Vector<T>>;

/// FlatBuffers addresses with 31 bits.
constexpr uint64_t MaxFile = 0x7fff0000;

Vector<uint8_t> bytes(Builder &builder, const Bytes &data) {
  if (data.empty())
    return 0;
  builder.ForceVectorAlignment(data.size(), 1, 64);
  return builder.CreateVector(data.data(), data.size());
}

Vector<Offset<flatbuffers::String>> strings(Builder &builder, const std::vector<std::string> &texts) {
  return texts.empty() ? 0 : builder.CreateVectorOfStrings(texts);
}

Offset<flatbuffers::String> optionalString(Builder &builder, const std::string &text) {
  return text.empty() ? 0 : builder.CreateSharedString(text);
}

template <typename T>
Vector<T> numbers(Builder &builder, const T *first, size_t count) {
  return count == 0 ? Vector<T>(0) : builder.CreateVector(first, count);
}

template <typename T, typename F>
auto tables(const std::vector<T> &items, F make) {
  std::vector<decltype(make(items[0]))> made;
  made.reserve(items.size());
  for (const T &item : items)
    made.push_back(make(item));
  return made;
}

Offset<fb::Module> moduleTable(Builder &builder, const Module &module) {
  auto imports = builder.CreateVector(tables(module.imports, [&](const Import &import) {
    return fb::CreateImport(builder, builder.CreateSharedString(import.symbol), import.offset);
  }));
  builder.ForceVectorAlignment(module.image.size(), 1, 64);
  auto image = builder.CreateVector(module.image.data(), module.image.size());
  return fb::CreateModule(builder, builder.CreateSharedString(module.format), image, module.writableOffset,
                          module.writableSize, imports);
}

Offset<fb::TensorMap> tensorMapTable(Builder &builder, const Param &param) {
  if (!param.map)
    return 0;
  const TensorMap &map = *param.map;
  auto dims = builder.CreateVector(map.dims);
  auto strides = numbers(builder, map.strides.data(), map.strides.size());
  auto box = builder.CreateVector(map.box);
  auto elementStrides = numbers(builder, map.elementStrides.data(), map.elementStrides.size());
  return fb::CreateTensorMap(builder, static_cast<uint8_t>(map.dtype), dims, strides, box, elementStrides,
                             map.swizzle, map.promotion, map.fill);
}

Offset<fb::Launch> launchTable(Builder &builder, const Launch &launch) {
  auto grid = builder.CreateVector(launch.grid.data(), 3);
  auto params = builder.CreateVector(tables(launch.params, [&](const Param &param) {
    return fb::CreateParam(builder, static_cast<uint8_t>(param.kind), static_cast<uint8_t>(param.access),
                           param.slot, param.offset, param.bytes, param.scalar,
                           tensorMapTable(builder, param));
  }));
  auto weights = numbers(builder, launch.weights.data(), launch.weights.size());
  auto kernel = optionalString(builder, launch.kernel);
  auto schedule = optionalString(builder, launch.schedule);
  auto shape = optionalString(builder, launch.shape);
  std::string names;
  for (const std::string &node : launch.nodes)
    names += node + '\0';
  auto nodes = optionalString(builder, names);
  return fb::CreateLaunch(builder, launch.function, grid, params, weights, kernel, schedule, shape,
                          launch.flops, launch.bytesMoved, nodes);
}

Offset<fb::Weight> weightTable(Builder &builder, const Weight &weight) {
  auto name = builder.CreateString(weight.name);
  auto shape = builder.CreateVector(weight.shape);
  auto file = optionalString(builder, weight.file);
  auto data = bytes(builder, weight.data);
  auto key = optionalString(builder, weight.key);
  return fb::CreateWeight(builder, name, static_cast<uint8_t>(weight.dtype), shape, weight.slot,
                          static_cast<uint8_t>(weight.source), file, weight.offset, data, key, weight.seed);
}

Offset<fb::Tensor> tensorTable(Builder &builder, const TensorRecord &tensor) {
  auto name = builder.CreateString(tensor.name);
  auto shape = builder.CreateVector(tensor.shape);
  return fb::CreateTensor(builder, name, static_cast<uint8_t>(tensor.dtype), shape, tensor.slot);
}

/// An upper bound of what large ranges need, so that the builder never reaches its limit (it would abort).
uint64_t largeBytes(const Package &package) {
  uint64_t total = 0;
  for (const Module &module : package.modules)
    total += module.image.size() + 128;
  for (const Slot &slot : package.slots)
    total += slot.data.size() + 128;
  for (const Weight &weight : package.weights)
    total += weight.data.size() + weight.name.size() + 256;
  return total;
}
} // namespace

std::vector<uint8_t> serialize(const Package &package) {
  check(package);
  if (largeBytes(package) > MaxFile / 16 * 15)
    badInput("the package's code and embedded data exceed 2 GB; keep the weights in an external file");
  Builder builder(1 << 16);
  auto features = strings(builder, package.features);
  auto modules = builder.CreateVector(
      tables(package.modules, [&](const Module &module) { return moduleTable(builder, module); }));
  auto functions = builder.CreateVector(tables(package.functions, [&](const Function &function) {
    auto name = builder.CreateString(function.name);
    auto block = builder.CreateVector(function.block.data(), 3);
    auto cluster = builder.CreateVector(function.cluster.data(), 3);
    return fb::CreateFunction(builder, name, function.module, function.entry, function.scratchBytes, block,
                              cluster, function.sharedBytes, function.registers);
  }));
  auto launchList = [&](const std::vector<Launch> &launches) {
    return builder.CreateVector(
        tables(launches, [&](const Launch &launch) { return launchTable(builder, launch); }));
  };
  auto prepare = launchList(package.prepare);
  auto run = launchList(package.run);
  auto slots = builder.CreateVector(tables(package.slots, [&](const Slot &slot) {
    auto data = bytes(builder, slot.data);
    return fb::CreateSlot(builder, static_cast<uint8_t>(slot.slotClass), slot.arena, slot.offset, slot.bytes,
                          slot.alignment, slot.zeroed, data);
  }));
  auto arenas = builder.CreateVector(package.arenas);
  auto weights = builder.CreateVector(
      tables(package.weights, [&](const Weight &weight) { return weightTable(builder, weight); }));
  auto tensorList = [&](const std::vector<TensorRecord> &tensors) {
    return builder.CreateVector(
        tables(tensors, [&](const TensorRecord &tensor) { return tensorTable(builder, tensor); }));
  };
  auto inputs = tensorList(package.inputs);
  auto outputs = tensorList(package.outputs);
  auto modelDirectory = optionalString(builder, package.modelDirectory);
  auto provenance = builder.CreateVector(tables(package.provenance, [&](const auto &entry) {
    return fb::CreateText(builder, builder.CreateString(entry.first), builder.CreateString(entry.second));
  }));
  auto device = builder.CreateString(package.device);
  auto arch = builder.CreateString(package.arch);
  fb::FinishPackageBuffer(builder,
                          fb::CreatePackage(builder, FormatVersion, device, arch, features, modules,
                                            functions, prepare, run, slots, arenas, package.workspaceBytes,
                                            weights, inputs, outputs, modelDirectory, provenance));
  std::vector<uint8_t> file;
  file.reserve(builder.GetSize() + SealBytes);
  file.assign(builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize());
  seal(file);
  return file;
}

void writePackage(const Package &package, const std::string &path) {
  writeFileAtomically(path, Bytes(serialize(package)));
}

} // namespace tgc::runtime
