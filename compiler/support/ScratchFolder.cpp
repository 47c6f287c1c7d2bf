#include "compiler/support/ScratchFolder.h"

#include "compiler/support/Error.h"
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace tgc {

namespace fs = std::filesystem;

static int lockOf(const fs::path &folder) {
  int file = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (file >= 0 && flock(file, LOCK_EX | LOCK_NB) != 0) {
    close(file);
    return -1;
  }
  return file;
}

/// Others' folders are theirs: removing them fails.
static void removeLeft(const fs::path &parent, const std::string &prefix) {
  // Between making a folder and locking it there is a moment.
  auto old = fs::file_time_type::clock::now() - std::chrono::minutes(10);
  std::error_code error;
  for (fs::directory_iterator at(parent, error), end; !error && at != end; at.increment(error)) {
    std::error_code ignored;
    if (!at->path().filename().string().starts_with(prefix) || at->is_symlink(ignored) ||
        !at->is_directory(ignored) || at->last_write_time(ignored) > old || ignored)
      continue;
    if (int file = lockOf(at->path()); file >= 0) {
      fs::remove_all(at->path(), ignored);
      close(file);
    }
  }
}

ScratchFolder::ScratchFolder(const std::string &name) {
  std::error_code error;
  fs::path parent = fs::temp_directory_path(error);
  std::string made = (parent / (name + "-XXXXXX")).string();
  if (error || !mkdtemp(made.data()))
    throw Error(ErrorKind::Device,
                fmt::format("{}: {}", made, error ? error.message() : std::strerror(errno)));
  folder = made;
  lock = lockOf(folder);
  removeLeft(parent, name + "-");
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  fs::remove_all(folder, ignored);
  if (lock >= 0)
    close(lock);
}

} // namespace tgc
