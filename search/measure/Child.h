// A helper process that answers lines of text with lines of text and can be ended at any moment.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace tgc {

class Child {
public:
  /// What ended a call without an answer.
  enum class End { Died, TimedOut, TooMuchMemory };
  struct Answer {
    std::string line; ///< empty without one
    std::optional<End> end;
    std::string message; ///< how it ended, for people
  };

  /// `memoryBytes` bounds what one call may take beyond what the process holds already; 0: no bound. A process that holds as
  /// much between calls is replaced. It starts with the first call, which throws (ErrorKind::Device) if it cannot.
  Child(std::vector<std::string> command, uint64_t memoryBytes)
      : command(std::move(command)), memory(memoryBytes) {}
  ~Child() { stop(); }
  Child(const Child &) = delete;
  Child &operator=(const Child &) = delete;

  /// Sends a line and waits for one. Without an answer the process is gone, and the next call starts another.
  Answer ask(const std::string &line, double seconds);
  /// Waits for one line more.
  Answer next(double seconds);
  /// Ends the process.
  void stop();
  void setMemory(uint64_t bytes) { memory = bytes; }

private:
  void start();
  Answer endedBy(End end, const std::string &message);
  uint64_t resident() const;

  std::vector<std::string> command;
  uint64_t memory;
  uint64_t held = 0; ///< bytes resident when it was asked last
  pid_t process = -1;
  int input = -1, output = -1;
  std::string pending; ///< read but not yet a whole line
};

/// For the helper process: ends it when its parent is gone, whatever it is doing.
void exitWithParent();

} // namespace tgc
