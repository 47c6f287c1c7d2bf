// What the parts of the fake driver share: its objects, its state, and how every call begins.
#pragma once
#include "tests/runtime/fake_cuda/FakeCuda.h"
#include <deque>
#include <map>
#include <memory>
#include <mutex>

#define FAKE_API extern "C" __attribute__((visibility("default")))

namespace fake {

constexpr Result NotReadyToUse = 3, NotFound = 500, InvalidContext = 201, InvalidImage = 200,
                 IllegalAddress700 = 700, CaptureUnsupported = 900, CaptureUnmatched = 903,
                 InvalidHandle = 400;
constexpr uint32_t DefaultShared = 48 << 10, MostShared = 227 << 10;

/// A recorded event: done once its stream has come to it, at a time of the fake clock.
struct Marker {
  StreamObject *stream = nullptr;
  bool done = false;
  double microseconds = 0;
};

struct Operation {
  std::string topology; // what must stay equal when a graph is updated
  std::function<void()> act;
};

} // namespace fake

namespace tgc::runtime::cuda {
struct ContextObject {
  int ordinal = 0, references = 0;
  Result lostBy = 0;
};
struct ModuleObject {
  std::vector<const fake::HostKernel *> kernels;
  std::map<const fake::HostKernel *, FunctionObject *> functions;
};
struct FunctionObject {
  const fake::HostKernel *kernel = nullptr;
  uint32_t allowedShared = fake::DefaultShared;
};
struct StreamObject {
  std::deque<fake::Operation> queue;
  bool capturing = false;
  std::vector<fake::Operation> captured;
};
struct EventObject {
  std::shared_ptr<fake::Marker> marker;
  bool timing = true;
};
struct GraphObject {
  std::vector<fake::Operation> operations;
};
struct GraphExecObject {
  std::vector<fake::Operation> operations;
};
} // namespace tgc::runtime::cuda

namespace fake {

using Guard = std::lock_guard<std::recursive_mutex>;
extern std::recursive_mutex lock; // of everything here
extern ContextObject contexts[8];
extern thread_local std::vector<Context> currents; // the stack of this thread
extern thread_local int capturesHere;
extern std::map<std::string, int> calls;
extern std::string launchLog;
extern bool initialised;
extern double now; // microseconds

/// An environment variable's number.
long number(const char *name, long otherwise);
/// The code that FAKE_CUDA_FAIL asks for, if this is the call.
Result injected(const std::string &what);
/// Notes a code that costs the context, and gives it back.
Result lose(Result code);
/// The start of every call: counts it, and fails where asked to or where there is no usable context.
Result enter(const char *symbol, bool needsContext = true);
/// Whether the whole range is the device's memory.
bool inDevice(uint64_t address, uint64_t bytes);

void keep(void *handle);
bool forget(void *handle);
bool known(void *handle);
template <typename T>
T *make() {
  auto *object = new T();
  keep(object);
  return object;
}
template <typename T>
Result destroy(T *object) {
  if (!forget(object))
    return InvalidHandle;
  delete object;
  return Success;
}

/// Puts an operation on a stream, or into what it records.
void put(Stream stream, Operation operation);
/// "2,1,1"
std::string dims(const uint32_t *values);

} // namespace fake

#define ENTER(symbol)                                                                                        \
  Guard guard(lock);                                                                                         \
  if (Result code = enter(symbol); code != Success)                                                          \
  return code
#define ENTER_NO_CONTEXT(symbol)                                                                             \
  Guard guard(lock);                                                                                         \
  if (Result code = enter(symbol, false); code != Success)                                                   \
  return code
