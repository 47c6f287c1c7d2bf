// A Level Zero driver for tests, which Level Zero's own loader opens (ZE_ENABLE_ALT_DRIVERS): every entry point that
// the runtime uses, over the OpenCL device that TGC_OPENCL_LIBRARY gives. It is stricter than a GPU: launches that no
// barrier parts run in reverse order, copies are between memory that the driver has given, and lists must be closed.
//
// Of the environment:
//   TEST_ZE_FAIL=SYMBOL:RESULT:AFTER  from its AFTERth call on SYMBOL fails with RESULT (hexadecimal);
//                                     zeModuleCreateSpirv is zeModuleCreate of what is not compiled yet
//   TEST_ZE_MEMORY=BYTES              what the device has; more is out of memory
//   TEST_ZE_ALLOCATION=BYTES          the most of one allocation that does not ask for relaxed limits
//   TEST_ZE_IP=NUMBER                 the device is a GPU with that number of its instruction set
//   TEST_ZE_PCI=NUMBER                … with that PCI number, of a driver that tells no instruction set
//   TEST_ZE_VERSION=NUMBER            of the interface that the driver says it has
#pragma once
#include "runtime/devices/opencl/Driver.h"
#include <level_zero/ze_ddi.h>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace cl = tgc::runtime::opencl;

struct _ze_driver_handle_t {};
struct _ze_device_handle_t {};
struct _ze_context_handle_t {
  cl::Context context = nullptr;
  ze_result_t lost = ZE_RESULT_SUCCESS; ///< every later call gives it
};
struct _ze_module_build_log_handle_t {
  std::string text;
};
struct _ze_module_handle_t {
  ze_context_handle_t context = nullptr;
  cl::ProgramHandle program = nullptr;
};
struct _ze_kernel_handle_t {
  ze_module_handle_t module = nullptr;
  std::string name;
  cl::KernelHandle kernel = nullptr;
  size_t block[3] = {0, 0, 0};
  std::map<uint32_t, std::vector<uint8_t>> arguments;
};
struct _ze_event_pool_handle_t {
  bool timestamps = false;
  uint32_t count = 0;
};
struct _ze_event_handle_t {
  ze_event_pool_handle_t pool = nullptr;
  bool signalled = false;
  uint64_t start = 0, end = 0; ///< nanoseconds
};
struct _ze_command_queue_handle_t {
  ze_context_handle_t context = nullptr;
  cl::Queue queue = nullptr;
  std::vector<std::function<ze_result_t()>> after; ///< what is left to do when its work is waited for
};
/// Commands between two barriers, in the order in which they were appended.
using Stretch = std::vector<std::function<ze_result_t(ze_command_queue_handle_t)>>;
struct _ze_command_list_handle_t {
  ze_context_handle_t context = nullptr;
  ze_command_queue_handle_t immediate = nullptr; ///< commands run when they are appended
  bool closed = false;
  std::vector<Stretch> stretches{1};
};

namespace test_ze {

/// The OpenCL device behind the driver.
const cl::Api &api();
const cl::FoundDevice &device();

/// An environment variable's number; `otherwise` where it is not set.
uint64_t number(const char *name, uint64_t otherwise);
/// Counts a call; gives the failure that TEST_ZE_FAIL wants of it, or what the context was lost by.
ze_result_t enter(const char *symbol, ze_context_handle_t context = nullptr);
/// What an OpenCL status is here.
ze_result_t resultOf(cl::Status status);
/// Whether all of it lies in memory that the driver has given.
bool given(const void *start, size_t bytes);
/// Runs stretch after stretch, the commands of each from the last to the first.
ze_result_t execute(ze_command_queue_handle_t queue, const std::vector<Stretch> &stretches);

} // namespace test_ze

/// How many calls of `symbol` there were, for the tests.
extern "C" __attribute__((visibility("default"))) uint64_t testZeCalls(const char *symbol);

#define ENTER(...)                                                                                           \
  if (ze_result_t failure = test_ze::enter(__func__ __VA_OPT__(, ) __VA_ARGS__);                             \
      failure != ZE_RESULT_SUCCESS)                                                                          \
  return failure
