// Which process is at what: claims end with their owners.
#include "search/database/Statement.h"

#include <cerrno>
#include <csignal>
#include <fstream>
#include <unistd.h>

namespace tgc {

static std::string hostName() {
  char name[256] = "";
  gethostname(name, sizeof(name) - 1);
  return name;
}

bool Database::claim(const std::string &workload, const std::string &device, const std::string &schedule,
                     double seconds) {
  std::string host = hostName();
  Transaction transaction(*this);
  bool free = true;
  Statement held(*this,
                 "select host, process, until from claim where workload = ? and device = ? and schedule = ?");
  if (held.bind(workload, device, schedule).step()) {
    auto process = pid_t(held.integer(1));
    bool alive = held.text(0) != host || process == getpid() || kill(process, 0) == 0 || errno == EPERM;
    free = process == getpid() || !alive || held.real(2) < secondsNow();
  }
  if (free)
    Statement(*this, "insert or replace into claim values (?, ?, ?, ?, ?, ?)")
        .bind(workload, device, schedule, host, int64_t(getpid()), secondsNow() + seconds)
        .step();
  transaction.commit();
  return free;
}

void Database::release(const std::string &workload, const std::string &device, const std::string &schedule) {
  Statement(*this, "delete from claim where workload = ? and device = ? and schedule = ? and process = ?")
      .bind(workload, device, schedule, int64_t(getpid()))
      .step();
}

std::string machineName() {
  std::string processor;
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.rfind("model name", 0) == 0) {
      processor = line.substr(std::min(line.find(':') + 2, line.size()));
      break;
    }
  return hostName() + (processor.empty() ? "" : ", " + processor);
}

} // namespace tgc
