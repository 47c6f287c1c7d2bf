#include "runtime/program/WeightSources.h"
#include "runtime/format/Error.h"
#include "runtime/format/HugePages.h"
#include "runtime/io/RandomWeights.h"
#include "runtime/io/Safetensors.h"
#include <cstring>
#include <filesystem>

namespace tgc::runtime {

namespace {
std::string quoted(const std::string &name) { return "weight \"" + name + "\""; }

std::string typeText(DType dtype, const Shape &shape) {
  return std::string(dtypeName(dtype)) + " " + shapeText(shape);
}

/// A package may name files below the model's folder only.
bool staysBelow(const std::string &file) {
  std::filesystem::path path(file);
  if (path.is_absolute() || path.has_root_name())
    return false;
  for (const std::filesystem::path &part : path)
    if (part == "..")
      return false;
  return true;
}
} // namespace

WeightSources::WeightSources(const Package &package, std::shared_ptr<MappedFile> file,
                             const std::string &directory)
    : package(package) {
  for (const std::string &folder : {directory, package.modelDirectory})
    if (!folder.empty())
      directories.push_back(folder);
  for (uint32_t i = 0; i < package.weights.size(); ++i) {
    const Weight &weight = package.weights[i];
    byName.emplace(weight.name, i);
    switch (weight.source) {
    case WeightSource::External:
      sources.push_back({Kind::External, {}, 0});
      break;
    case WeightSource::Embedded:
      sources.push_back({Kind::Embedded, {weight.data, file}, 0});
      break;
    case WeightSource::Named:
      sources.push_back({Kind::Named, {}, 0});
      break;
    case WeightSource::Random:
      sources.push_back({Kind::Random, {}, weight.seed});
      break;
    }
  }
}

uint32_t WeightSources::find(const std::string &name) const {
  auto at = byName.find(name);
  if (at == byName.end())
    usageError("the program has no weight \"" + name + "\"");
  return at->second;
}

void WeightSources::setMemory(uint32_t index, DType dtype, const Shape &shape, const void *data,
                              uint64_t bytes) {
  const Weight &weight = package.weights[index];
  if (dtype != weight.dtype || shape != weight.shape)
    usageError(quoted(weight.name) + ": the given tensor is " + typeText(dtype, shape) + ", the weight is " +
               typeText(weight.dtype, weight.shape));
  uint64_t wanted = package.slots[weight.slot].bytes;
  if (bytes != wanted || (!data && wanted > 0))
    usageError(quoted(weight.name) + ": " + std::to_string(data ? bytes : 0) +
               " bytes are given, the tensor has " + std::to_string(wanted));
  std::shared_ptr<uint8_t> copy = newBuffer(bytes);
  if (bytes > 0)
    std::memcpy(copy.get(), data, bytes);
  sources[index] = {Kind::Copy, {Bytes::view(copy.get(), bytes, copy), nullptr}, 0};
}

std::vector<uint32_t> WeightSources::useDirectory(const std::string &directory) {
  std::error_code error;
  if (!std::filesystem::is_directory(directory, error))
    badInput("the folder " + directory + " does not exist");
  directories.insert(directories.begin(), directory);
  std::vector<uint32_t> changed;
  for (uint32_t i = 0; i < sources.size(); ++i)
    if (package.weights[i].source == WeightSource::External) {
      sources[i] = {Kind::External, {}, 0};
      changed.push_back(i);
    }
  return changed;
}

std::vector<uint32_t> WeightSources::useSafetensors(const std::string &path) {
  SafetensorsFile file = SafetensorsFile::open(path);
  std::vector<std::pair<uint32_t, Bytes>> found;
  for (uint32_t i = 0; i < sources.size(); ++i) {
    const Weight &weight = package.weights[i];
    const SafeTensor *tensor = weight.key.empty() ? nullptr : file.find(weight.key);
    if (!tensor)
      tensor = file.find(weight.name);
    if (!tensor)
      continue;
    if (tensor->dtype != weight.dtype || tensor->shape != weight.shape)
      badInput(path + ": " + quoted(weight.name) + " is " + typeText(tensor->dtype, tensor->shape) +
               " there, the program needs " + typeText(weight.dtype, weight.shape));
    found.emplace_back(i, tensor->data);
  }
  std::vector<uint32_t> changed;
  for (const auto &[index, data] : found) {
    sources[index] = {Kind::Safetensors, {data, file.file()}, 0};
    changed.push_back(index);
  }
  return changed;
}

std::vector<uint32_t> WeightSources::useRandom(uint64_t seed) {
  std::vector<uint32_t> changed;
  for (uint32_t i = 0; i < sources.size(); ++i)
    if (package.weights[i].source != WeightSource::Embedded) {
      sources[i] = {Kind::Random, {}, seed};
      changed.push_back(i);
    }
  return changed;
}

std::shared_ptr<MappedFile> WeightSources::map(const std::string &path) {
  std::weak_ptr<MappedFile> &entry = mapped[path];
  std::shared_ptr<MappedFile> file = entry.lock();
  if (!file)
    entry = file = MappedFile::open(path);
  return file;
}

SourceBytes WeightSources::external(const Weight &weight) {
  if (!staysBelow(weight.file))
    badInput(quoted(weight.name) + ": the package names the file " + weight.file +
             ", which does not lie below the model's folder");
  std::string tried;
  for (const std::string &directory : directories) {
    std::string path = (std::filesystem::path(directory) / weight.file).string();
    std::error_code error;
    if (!std::filesystem::exists(path, error)) {
      tried += (tried.empty() ? "" : ", ") + directory;
      continue;
    }
    std::shared_ptr<MappedFile> file = map(path);
    uint64_t bytes = package.slots[weight.slot].bytes;
    if (weight.offset > file->size() || bytes > file->size() - weight.offset)
      badInput(quoted(weight.name) + ": " + path + " has " + std::to_string(file->size()) +
               " bytes, the weight needs those from " + std::to_string(weight.offset) + " to " +
               std::to_string(weight.offset + bytes));
    return {file->bytes(weight.offset, bytes), file};
  }
  badInput(quoted(weight.name) + ": its external file " + weight.file +
           " is in none of the folders searched: " + (tried.empty() ? "none are known" : tried));
}

void WeightSources::verify(uint32_t index) {
  const Weight &weight = package.weights[index];
  const Source &source = sources[index];
  if (source.kind == Kind::External)
    external(weight);
  else if (source.kind == Kind::Named)
    badInput(quoted(weight.name) + " has no data: give a safetensors file that has it, or set it");
  else if (source.kind == Kind::Consumed)
    badInput(quoted(weight.name) + " must be set again: its data was used up by a preparation that failed");
}

SourceBytes WeightSources::get(uint32_t index) {
  verify(index);
  const Weight &weight = package.weights[index];
  const Source &source = sources[index];
  if (source.kind == Kind::External)
    return external(weight);
  if (source.kind != Kind::Random)
    return source.held;
  uint64_t bytes = package.slots[weight.slot].bytes;
  std::shared_ptr<uint8_t> made = newBuffer(bytes);
  fillRandom(weight.dtype, weight.shape, weight.name, source.seed, 0, bytes / dtypeBytes(weight.dtype),
             made.get());
  return {Bytes::view(made.get(), bytes, made), nullptr};
}

void WeightSources::dropCopy(uint32_t weight) {
  if (isCopy(weight))
    sources[weight] = {Kind::Consumed, {}, 0};
}

} // namespace tgc::runtime
