// The fake driver's state, the errors that are asked for, and what tests may ask.
#include "tests/runtime/fake_cuda/State.h"
#include <cstdlib>
#include <set>

namespace fake {

std::recursive_mutex lock;
ContextObject contexts[8];
thread_local std::vector<Context> currents;
thread_local int capturesHere = 0;
std::map<std::string, int> calls;
std::string launchLog;
bool initialised = false;
double now = 0;

static std::set<void *> handles;
static std::string failText;
static int failCount = 0;

long number(const char *name, long otherwise) {
  const char *text = std::getenv(name);
  return text && *text ? std::atol(text) : otherwise;
}

Result injected(const std::string &what) {
  const char *text = std::getenv("FAKE_CUDA_FAIL");
  if (failText != (text ? text : "")) {
    failText = text ? text : "";
    failCount = 0;
  }
  if (failText.rfind(what + ":", 0) != 0)
    return Success;
  char *end = nullptr;
  long code = std::strtol(failText.c_str() + what.size() + 1, &end, 10);
  long nth = *end == ':' ? std::atol(end + 1) : 1;
  return ++failCount == nth ? Result(code) : Success;
}

static bool sticky(Result code) { return code == 214 || (code >= 700 && code <= 719 && code != 701); }

Result lose(Result code) {
  if (sticky(code) && !currents.empty())
    currents.back()->lostBy = code;
  return code;
}

Result enter(const char *symbol, bool needsContext) {
  ++calls[symbol];
  if (Result code = injected(symbol); code != Success)
    return lose(code);
  if (!initialised)
    return NotReadyToUse;
  if (needsContext && currents.empty())
    return InvalidContext;
  return needsContext ? currents.back()->lostBy : Success;
}

void keep(void *handle) { handles.insert(handle); }
bool forget(void *handle) { return handles.erase(handle) > 0; }
bool known(void *handle) { return handles.count(handle) > 0; }

std::string dims(const uint32_t *values) {
  return std::to_string(values[0]) + "," + std::to_string(values[1]) + "," + std::to_string(values[2]);
}

} // namespace fake

using namespace fake;

int fakeCudaCalls(const char *symbol) {
  Guard guard(lock);
  return calls[symbol];
}
const char *fakeCudaLaunches() {
  static thread_local std::string text;
  Guard guard(lock);
  text = std::move(launchLog);
  launchLog.clear();
  return text.c_str();
}
int fakeCudaHandles() {
  Guard guard(lock);
  return int(handles.size());
}
void fakeCudaNewProcess() {
  Guard guard(lock);
  for (ContextObject &context : contexts)
    context.lostBy = Success;
}
