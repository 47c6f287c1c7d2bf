// The test driver's queues, lists and events.
#include "tests/runtime/level_zero/TestDriver.h"

using namespace test_ze;

ze_result_t test_ze::execute(ze_command_queue_handle_t queue, const std::vector<Stretch> &stretches) {
  for (const Stretch &stretch : stretches)
    for (auto command = stretch.rbegin(); command != stretch.rend(); ++command)
      if (ze_result_t result = (*command)(queue); result != ZE_RESULT_SUCCESS)
        return result;
  return ZE_RESULT_SUCCESS;
}

ze_result_t zeCommandQueueCreate(ze_context_handle_t context, ze_device_handle_t,
                                 const ze_command_queue_desc_t *desc, ze_command_queue_handle_t *queue) {
  ENTER(context);
  if (desc->ordinal > 1)
    return ZE_RESULT_ERROR_INVALID_ARGUMENT;
  const cl::QueueProperties properties[] = {cl::QueuePropertiesKey, cl::QueueProfiling, 0};
  cl::Status status = cl::Success;
  cl::Queue made = api().createQueue(context->context, device().id, properties, &status);
  if (status == cl::Success)
    *queue = new _ze_command_queue_handle_t{context, made, {}};
  return resultOf(status);
}

ze_result_t zeCommandQueueDestroy(ze_command_queue_handle_t queue) {
  enter(__func__);
  api().finish(queue->queue);
  api().releaseQueue(queue->queue);
  delete queue;
  return ZE_RESULT_SUCCESS;
}

ze_result_t zeCommandQueueExecuteCommandLists(ze_command_queue_handle_t queue, uint32_t count,
                                              ze_command_list_handle_t *lists, ze_fence_handle_t) {
  ENTER(queue->context);
  for (uint32_t i = 0; i < count; ++i) {
    if (!lists[i]->closed)
      return ZE_RESULT_ERROR_INVALID_ARGUMENT;
    if (ze_result_t result = execute(queue, lists[i]->stretches); result != ZE_RESULT_SUCCESS)
      return result;
  }
  return ZE_RESULT_SUCCESS;
}

ze_result_t zeCommandQueueSynchronize(ze_command_queue_handle_t queue, uint64_t) {
  ze_result_t result = resultOf(api().finish(queue->queue));
  for (const auto &act : queue->after)
    if (ze_result_t last = act(); result == ZE_RESULT_SUCCESS)
      result = last;
  queue->after.clear();
  ENTER(queue->context);
  return result;
}

ze_result_t zeCommandListCreate(ze_context_handle_t context, ze_device_handle_t,
                                const ze_command_list_desc_t *desc, ze_command_list_handle_t *list) {
  ENTER(context);
  if (desc->commandQueueGroupOrdinal != 1)
    return ZE_RESULT_ERROR_INVALID_ARGUMENT;
  *list = new _ze_command_list_handle_t{context};
  return ZE_RESULT_SUCCESS;
}

ze_result_t zeCommandListCreateImmediate(ze_context_handle_t context, ze_device_handle_t device,
                                         const ze_command_queue_desc_t *desc,
                                         ze_command_list_handle_t *list) {
  ENTER(context);
  ze_command_queue_handle_t queue = nullptr;
  if (ze_result_t result = zeCommandQueueCreate(context, device, desc, &queue); result != ZE_RESULT_SUCCESS)
    return result;
  *list = new _ze_command_list_handle_t{context, queue};
  return ZE_RESULT_SUCCESS;
}

ze_result_t zeCommandListDestroy(ze_command_list_handle_t list) {
  enter(__func__);
  if (list->immediate)
    zeCommandQueueDestroy(list->immediate);
  delete list;
  return ZE_RESULT_SUCCESS;
}

ze_result_t zeCommandListClose(ze_command_list_handle_t list) {
  ENTER(list->context);
  if (list->closed || list->immediate)
    return ZE_RESULT_ERROR_INVALID_ARGUMENT;
  list->closed = true;
  return ZE_RESULT_SUCCESS;
}

ze_result_t zeCommandListReset(ze_command_list_handle_t list) {
  ENTER(list->context);
  list->closed = false;
  list->stretches.assign(1, {});
  return ZE_RESULT_SUCCESS;
}

ze_result_t zeCommandListAppendBarrier(ze_command_list_handle_t list, ze_event_handle_t, uint32_t,
                                       ze_event_handle_t *) {
  ENTER(list->context);
  if (list->closed)
    return ZE_RESULT_ERROR_INVALID_ARGUMENT;
  list->stretches.emplace_back();
  return ZE_RESULT_SUCCESS;
}

/// Appends a command that OpenCL has too; at once and waited for in an immediate list.
static ze_result_t append(ze_command_list_handle_t list, std::function<cl::Status(cl::Queue)> act) {
  auto command = [act](ze_command_queue_handle_t queue) { return resultOf(act(queue->queue)); };
  if (list->closed)
    return ZE_RESULT_ERROR_INVALID_ARGUMENT;
  if (!list->immediate) {
    list->stretches.back().push_back(command);
    return ZE_RESULT_SUCCESS;
  }
  ze_result_t result = command(list->immediate);
  return result == ZE_RESULT_SUCCESS ? resultOf(api().finish(list->immediate->queue)) : result;
}

ze_result_t zeCommandListAppendMemoryCopy(ze_command_list_handle_t list, void *to, const void *from,
                                          size_t bytes, ze_event_handle_t, uint32_t, ze_event_handle_t *) {
  ENTER(list->context);
  if (!given(to, bytes) || !given(from, bytes))
    return ZE_RESULT_ERROR_INVALID_ARGUMENT;
  return append(list, [=](cl::Queue queue) {
    return device().memory.copy(queue, cl::True, to, from, bytes, 0, nullptr, nullptr);
  });
}

ze_result_t zeCommandListAppendMemoryFill(ze_command_list_handle_t list, void *to, const void *pattern,
                                          size_t patternBytes, size_t bytes, ze_event_handle_t, uint32_t,
                                          ze_event_handle_t *) {
  ENTER(list->context);
  if (!given(to, bytes) || patternBytes != 1)
    return ZE_RESULT_ERROR_INVALID_ARGUMENT;
  uint8_t value = *static_cast<const uint8_t *>(pattern);
  return append(list, [=](cl::Queue queue) {
    return device().memory.fill(queue, to, &value, 1, bytes, 0, nullptr, nullptr);
  });
}

ze_result_t zeEventPoolCreate(ze_context_handle_t context, const ze_event_pool_desc_t *desc, uint32_t,
                              ze_device_handle_t *, ze_event_pool_handle_t *pool) {
  ENTER(context);
  *pool = new _ze_event_pool_handle_t{bool(desc->flags & ZE_EVENT_POOL_FLAG_KERNEL_TIMESTAMP), desc->count};
  return ZE_RESULT_SUCCESS;
}

ze_result_t zeEventPoolDestroy(ze_event_pool_handle_t pool) {
  enter(__func__);
  delete pool;
  return ZE_RESULT_SUCCESS;
}

ze_result_t zeEventCreate(ze_event_pool_handle_t pool, const ze_event_desc_t *desc,
                          ze_event_handle_t *event) {
  ENTER();
  if (desc->index >= pool->count)
    return ZE_RESULT_ERROR_INVALID_ARGUMENT;
  *event = new _ze_event_handle_t{pool};
  return ZE_RESULT_SUCCESS;
}

ze_result_t zeEventDestroy(ze_event_handle_t event) {
  enter(__func__);
  delete event;
  return ZE_RESULT_SUCCESS;
}

ze_result_t zeEventHostReset(ze_event_handle_t event) {
  ENTER();
  event->signalled = false;
  return ZE_RESULT_SUCCESS;
}

/// A counter of 32 bits and 80 nanoseconds, which begins anew within every kernel that takes so long.
ze_result_t zeEventQueryKernelTimestamp(ze_event_handle_t event, ze_kernel_timestamp_result_t *result) {
  ENTER();
  if (!event->pool->timestamps)
    return ZE_RESULT_ERROR_INVALID_ARGUMENT;
  if (!event->signalled)
    return ZE_RESULT_NOT_READY;
  uint64_t ticks = (event->end - event->start) / 80, start = 0xFFFFFFFF;
  result->global = {start, (start + ticks) & 0xFFFFFFFF};
  result->context = result->global;
  return ZE_RESULT_SUCCESS;
}
