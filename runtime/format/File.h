// Files: mapping one for reading, and writing one so that it is there completely or not at all.
#pragma once
#include "runtime/format/Bytes.h"
#include <functional>
#include <memory>
#include <string>

namespace tgc::runtime {

/// A regular file mapped read-only. The file must not be shortened while it is mapped.
class MappedFile : public std::enable_shared_from_this<MappedFile> {
public:
  /// Throws bad input naming the path if the file cannot be opened, is no regular file or cannot be mapped.
  static std::shared_ptr<MappedFile> open(const std::string &path);
  ~MappedFile();
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;

  size_t size() const { return count; }
  /// Bytes that keep the mapping alive.
  Bytes bytes(size_t offset, size_t size) const;
  Bytes bytes() const { return bytes(0, count); }
  /// Gives back the resident pages that lie wholly inside the range; they are read again when touched.
  /// Memory outside of the file is left alone.
  void discard(const uint8_t *first, size_t size) const;

private:
  MappedFile() = default;
  void *base = nullptr;
  size_t count = 0;
};

/// Writes `path` through a file beside it that is synced and then renamed: a reader sees the old file or the
/// whole new one, and after an error nothing is left behind. Throws a device error that names the path and
/// the reason (a full disk, no permission).
void writeFileAtomically(const std::string &path, Bytes bytes);

/// The same with the bytes produced by `fill`, which gets the open descriptor of the temporary file.
void writeFileAtomically(const std::string &path, const std::function<void(int descriptor)> &fill);

/// Writes all bytes at the offset; throws a device error with the reason.
void writeAt(int descriptor, const void *data, size_t size, uint64_t offset);

} // namespace tgc::runtime
