// A folder for the files of one process.
#pragma once
#include <filesystem>
#include <string>

namespace tgc {

/// Empty when it is made, and gone with its owner. What killed processes left of such folders goes when the next one of
/// the name is made.
class ScratchFolder {
public:
  /// In the system's folder for temporary files; `name` begins its name. Throws tgc::Error (Device) if it cannot be made.
  explicit ScratchFolder(const std::string &name);
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder &) = delete;
  ScratchFolder &operator=(const ScratchFolder &) = delete;

  const std::filesystem::path &path() const { return folder; }

private:
  std::filesystem::path folder;
  int lock = -1; ///< held while this lives: says to others that it is in use
};

} // namespace tgc
