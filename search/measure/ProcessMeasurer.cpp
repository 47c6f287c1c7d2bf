#include "compiler/support/Error.h"
#include "search/measure/Child.h"
#include "search/measure/Measure.h"
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tgc {
namespace {

/// While it lives no other process of this machine measures on the device.
class Turn {
public:
  explicit Turn(const std::string &device) {
    std::string name = "tgc-measure-";
    for (char c : device)
      name += std::isalnum(static_cast<unsigned char>(c)) ? c : '-';
    std::string path = (std::filesystem::temp_directory_path() / (name + ".lock")).string();
    // Where all may write, as in /tmp, another user's file opens only without O_CREAT (fs.protected_regular).
    file = open(path.c_str(), O_RDWR | O_CLOEXEC);
    if (file < 0)
      file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (file < 0)
      return; // someone else's file: measuring goes on without turns
    fchmod(file, 0666);
    while (flock(file, LOCK_EX) != 0 && errno == EINTR)
      ;
  }
  ~Turn() {
    if (file >= 0)
      close(file);
  }

private:
  int file = -1;
};

class ProcessMeasurer : public Measurer {
public:
  explicit ProcessMeasurer(std::vector<std::string> command) : child(std::move(command), 0) {}

  MeasureReply measure(const MeasureRequest &request) override {
    Turn turn(request.device);
    child.setMemory(request.memoryBytes);
    Child::Answer answer = child.ask(printRequest(request), request.loadSeconds);
    if (answer.line == loadedLine)
      answer = child.next(request.limitSeconds);
    if (!answer.end) {
      MeasureReply reply = parseReply(answer.line);
      // What failed may have cost the process its device, and one that stopped in the midst of a run has ended: the
      // next candidate gets another.
      if (reply.outcome != Outcome::Ok)
        child.stop();
      if (reply.noDevice)
        throw Error(ErrorKind::Device, reply.message);
      return reply;
    }
    MeasureReply reply;
    reply.message = answer.message;
    reply.outcome = *answer.end == Child::End::Died       ? Outcome::Crashed
                    : *answer.end == Child::End::TimedOut ? Outcome::Hung
                                                          : Outcome::Memory;
    return reply;
  }
  void refresh() override { child.stop(); }

private:
  Child child;
};

} // namespace

std::unique_ptr<Measurer> makeProcessMeasurer(std::vector<std::string> command) {
  return std::make_unique<ProcessMeasurer>(std::move(command));
}

} // namespace tgc
