// Processor time of the calling thread: what a compilation took, whatever else the machine does.
#pragma once
#include <ctime>

namespace tgc::cpu {

class ThreadClock {
public:
  /// Seconds since the last call, or since construction.
  double lap() {
    double now = read(), seconds = now - last;
    last = now;
    return seconds;
  }

private:
  static double read() {
    timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return double(time.tv_sec) + 1e-9 * double(time.tv_nsec);
  }
  double last = read();
};

} // namespace tgc::cpu
