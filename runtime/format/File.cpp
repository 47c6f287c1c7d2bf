#include "runtime/format/File.h"
#include "runtime/format/Error.h"
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tgc::runtime {

namespace {
std::string reason() { return std::strerror(errno); }

struct Descriptor {
  int value = -1;
  ~Descriptor() {
    if (value >= 0)
      ::close(value);
  }
};
} // namespace

std::shared_ptr<MappedFile> MappedFile::open(const std::string &path) {
  Descriptor file;
  // O_NONBLOCK so that a pipe is refused below instead of blocking here.
  file.value = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file.value < 0)
    badInput("cannot open " + path + ": " + reason());
  struct stat status;
  if (::fstat(file.value, &status) != 0)
    badInput("cannot read " + path + ": " + reason());
  if (!S_ISREG(status.st_mode))
    badInput("cannot read " + path + ": not a regular file");
  std::shared_ptr<MappedFile> mapped(new MappedFile());
  mapped->count = static_cast<size_t>(status.st_size);
  if (mapped->count == 0)
    return mapped;
  void *base = ::mmap(nullptr, mapped->count, PROT_READ, MAP_PRIVATE, file.value, 0);
  if (base == MAP_FAILED) {
    mapped->count = 0;
    badInput("cannot map " + path + ": " + reason());
  }
  mapped->base = base;
  return mapped;
}

MappedFile::~MappedFile() {
  if (base)
    ::munmap(base, count);
}

Bytes MappedFile::bytes(size_t offset, size_t size) const {
  return Bytes::view(static_cast<const uint8_t *>(base) + offset, size, shared_from_this());
}

void MappedFile::discard(const uint8_t *first, size_t size) const {
  static const uintptr_t page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  uintptr_t begin = (reinterpret_cast<uintptr_t>(first) + page - 1) / page * page;
  uintptr_t end = (reinterpret_cast<uintptr_t>(first) + size) / page * page;
  auto start = reinterpret_cast<uintptr_t>(base);
  if (begin < end && begin >= start && end <= start + count)
    ::madvise(reinterpret_cast<void *>(begin), end - begin, MADV_DONTNEED);
}

void writeAt(int descriptor, const void *data, size_t size, uint64_t offset) {
  const auto *next = static_cast<const uint8_t *>(data);
  while (size > 0) {
    ssize_t written = ::pwrite(descriptor, next, size, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      deviceError(written == 0 ? "no space" : reason());
    next += written;
    size -= static_cast<size_t>(written);
    offset += static_cast<uint64_t>(written);
  }
}

void writeFileAtomically(const std::string &path, const std::function<void(int)> &fill) {
  static std::atomic<unsigned> counter{0};
  std::string temporary =
      path + ".tmp." + std::to_string(::getpid()) + "." + std::to_string(counter.fetch_add(1));
  Descriptor file;
  file.value = ::open(temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file.value < 0)
    deviceError("cannot write " + path + ": " + reason());
  try {
    fill(file.value);
    if (::fsync(file.value) != 0)
      deviceError(reason());
    int closed = ::close(file.value);
    file.value = -1;
    if (closed != 0 || ::rename(temporary.c_str(), path.c_str()) != 0)
      deviceError(reason());
  } catch (const Error &error) {
    ::unlink(temporary.c_str());
    throw Error(error.kind, "cannot write " + path + ": " + error.what());
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  // The rename itself reaches the disk with the directory; a file system that cannot sync one still has it.
  size_t slash = path.rfind('/');
  std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  Descriptor directory;
  directory.value = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory.value >= 0)
    ::fsync(directory.value);
}

void writeFileAtomically(const std::string &path, Bytes bytes) {
  writeFileAtomically(path, [&](int descriptor) { writeAt(descriptor, bytes.data(), bytes.size(), 0); });
}

} // namespace tgc::runtime
