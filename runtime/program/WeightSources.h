// Where each weight's bytes come from, and getting at them on the host.
#pragma once
#include "runtime/format/File.h"
#include "runtime/format/Package.h"
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tgc::runtime {

/// A weight's bytes; `file` is set where they lie in a mapped file, whose pages can be given back after use.
struct SourceBytes {
  Bytes bytes;
  std::shared_ptr<MappedFile> file;
  void discard() const {
    if (file && !bytes.empty())
      file->discard(bytes.data(), bytes.size());
  }
};

class WeightSources {
public:
  /// `file` is the package's own mapping (nullptr: its bytes are in memory), `directory` its folder.
  WeightSources(const Package &package, std::shared_ptr<MappedFile> file, const std::string &directory);

  /// The weight's index; throws a usage error for an unknown name.
  uint32_t find(const std::string &name) const;

  /// Copies the data. Throws a usage error if type, shape or size are not the weight's.
  void setMemory(uint32_t weight, DType dtype, const Shape &shape, const void *data, uint64_t bytes);
  /// External weights come from below this folder, if they are there. Returns the weights.
  std::vector<uint32_t> useDirectory(const std::string &directory);
  /// Returns the weights that the file has.
  std::vector<uint32_t> useSafetensors(const std::string &path);
  /// Returns the weights that are not embedded.
  std::vector<uint32_t> useRandom(uint64_t seed);

  /// Throws bad input naming the weight if its bytes are not to be had; makes nothing.
  void verify(uint32_t weight);
  /// The bytes: mapped, made (random: a new buffer every time, aligned to 4096) or the held copy.
  SourceBytes get(uint32_t weight);
  /// The seed of a weight that is to be made.
  std::optional<uint64_t> randomSeed(uint32_t weight) const {
    const Source &source = sources[weight];
    return source.kind == Kind::Random ? std::optional(source.seed) : std::nullopt;
  }
  /// The application's copy is no longer needed; does nothing for other kinds of source.
  void dropCopy(uint32_t weight);
  bool isCopy(uint32_t weight) const { return sources[weight].kind == Kind::Copy; }

private:
  enum class Kind { External, Embedded, Named, Random, Copy, Consumed, Safetensors };
  struct Source {
    Kind kind;
    SourceBytes held;
    uint64_t seed = 0;
  };

  SourceBytes external(const Weight &weight);
  std::shared_ptr<MappedFile> map(const std::string &path);

  const Package &package;
  std::vector<std::string> directories; // to search, first one first
  std::map<std::string, uint32_t> byName;
  std::vector<Source> sources;
  std::map<std::string, std::weak_ptr<MappedFile>> mapped; // by path
};

} // namespace tgc::runtime
