#include "compiler/driver/Progress.h"

#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <mutex>
#include <set>
#include <unistd.h>

namespace tgc::driver {

static constexpr size_t Width = 30;

std::function<void(std::string_view, size_t, size_t)> makeProgress() {
  if (!isatty(STDERR_FILENO))
    return {};
  return [](std::string_view stage, size_t done, size_t total) {
    static std::mutex mutex;
    std::lock_guard lock(mutex);
    size_t filled = total ? Width * std::min(done, total) / total : 0;
    std::string line = fmt::format("\r\033[K{:<10} [{:#<{}}{:.<{}}]", stage, "", filled, "", Width - filled);
    if (total > 1)
      line += fmt::format(" {}/{}", done, total);
    std::fwrite(line.data(), 1, line.size(), stderr);
    std::fflush(stderr);
  };
}

std::function<void(const std::string &)> makeNotes() {
  return [](const std::string &text) {
    static std::mutex mutex;
    static std::set<std::string> said;
    std::lock_guard lock(mutex);
    if (!said.insert(text).second)
      return;
    clearProgress();
    std::fputs(fmt::format("note: {}\n", text).c_str(), stderr);
  };
}

void clearProgress() {
  if (isatty(STDERR_FILENO))
    std::fputs("\r\033[K", stderr);
}

} // namespace tgc::driver
