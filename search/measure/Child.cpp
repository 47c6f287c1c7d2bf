#include "search/measure/Child.h"

#include "compiler/support/Error.h"
#include <chrono>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace tgc {

static double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void exitWithParent() {
  std::thread([parent = getppid()] {
    while (getppid() == parent)
      std::this_thread::sleep_for(std::chrono::milliseconds(500));
    _exit(1);
  }).detach();
}

void Child::start() {
  // A dead reader must be an answer, not a signal.
  static auto before = std::signal(SIGPIPE, SIG_IGN);
  (void)before;
  int to[2], from[2];
  if (pipe2(to, O_CLOEXEC) != 0)
    throw Error(ErrorKind::Device, fmt::format("no pipe: {}", std::strerror(errno)));
  if (pipe2(from, O_CLOEXEC) != 0) {
    close(to[0]);
    close(to[1]);
    throw Error(ErrorKind::Device, fmt::format("no pipe: {}", std::strerror(errno)));
  }
  std::vector<char *> arguments;
  for (std::string &argument : command)
    arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, to[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&files, from[1], STDOUT_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  // Ctrl-C is the parent's to handle.
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  // It returns when the program has replaced this one: before, what the process holds would be this one's memory.
  int failed = posix_spawn(&process, arguments[0], &files, &attributes, arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  close(to[0]);
  close(from[1]);
  input = to[1];
  output = from[0];
  pending.clear();
  if (failed) {
    process = -1;
    stop();
    throw Error(ErrorKind::Device,
                fmt::format("{} does not start: {}", command.front(), std::strerror(failed)));
  }
}

void Child::stop() {
  for (int *end : {&input, &output})
    if (*end >= 0)
      close(std::exchange(*end, -1));
  if (process > 0) {
    kill(process, SIGKILL);
    waitpid(process, nullptr, 0);
    process = -1;
  }
}

/// Resident bytes of the process.
uint64_t Child::resident() const {
  std::ifstream file(fmt::format("/proc/{}/statm", process));
  uint64_t size = 0, pages = 0;
  file >> size >> pages;
  return pages * uint64_t(sysconf(_SC_PAGESIZE));
}

Child::Answer Child::endedBy(End end, const std::string &message) {
  stop();
  return {"", end, message};
}

Child::Answer Child::ask(const std::string &line, double seconds) {
  // What earlier calls left there is not this one's fault, but must not grow forever.
  held = memory && process >= 0 ? resident() : 0;
  if (held > memory) {
    stop();
    held = 0;
  }
  if (process < 0)
    start();
  std::string text = line + "\n";
  size_t sent = 0;
  while (sent < text.size()) {
    ssize_t count = write(input, text.data() + sent, text.size() - sent);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      break;
    sent += size_t(count);
  }
  return next(seconds);
}

Child::Answer Child::next(double seconds) {
  double end = now() + seconds;
  for (;;) {
    if (size_t stop = pending.find('\n'); stop != std::string::npos) {
      Answer answer{pending.substr(0, stop), std::nullopt, ""};
      pending.erase(0, stop + 1);
      return answer;
    }
    double left = end - now();
    if (memory && resident() > held + memory)
      return endedBy(End::TooMuchMemory, fmt::format("took more than {} MiB", memory >> 20));
    pollfd ready{output, POLLIN, 0};
    int found = poll(&ready, 1, left > 0 ? int(std::min(left, 0.02) * 1e3) + 1 : 0);
    if (found == 0 && left <= 0) // only now: an answer may have come while this process was stopped
      return endedBy(End::TimedOut, fmt::format("no answer within {:.1f} s", seconds));
    if (found <= 0)
      continue;
    char buffer[4096];
    ssize_t count = read(output, buffer, sizeof buffer);
    if (count > 0) {
      pending.append(buffer, size_t(count));
      continue;
    }
    if (count < 0 && (errno == EINTR || errno == EAGAIN))
      continue;
    int status = 0;
    pid_t ended = std::exchange(process, -1);
    waitpid(ended, &status, 0);
    if (WIFSIGNALED(status))
      return endedBy(End::Died,
                     fmt::format("died of signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status))));
    return endedBy(End::Died, fmt::format("ended with code {}", WEXITSTATUS(status)));
  }
}

} // namespace tgc
