// The fake driver's streams, events and graphs. What is put on a stream happens when something waits for it.
#include "tests/runtime/fake_cuda/State.h"
#include <algorithm>

using namespace fake;

void fake::put(Stream stream, Operation operation) {
  if (stream->capturing)
    stream->captured.push_back(std::move(operation));
  else
    stream->queue.push_back(std::move(operation));
}

static void drain(Stream stream, const Marker *until = nullptr) {
  while (!stream->queue.empty() && !(until && until->done)) {
    Operation operation = std::move(stream->queue.front());
    stream->queue.pop_front();
    if (currents.empty() || currents.back()->lostBy == Success)
      operation.act();
  }
}

static void await(const std::shared_ptr<Marker> &marker) {
  if (marker && !marker->done && known(marker->stream))
    drain(marker->stream, marker.get());
}

static Operation recordOperation(Event event, Stream stream) {
  return {"event", [event, stream] {
            if (!known(event))
              return;
            if (!event->marker || event->marker->done)
              event->marker = std::make_shared<Marker>();
            event->marker->stream = stream;
            event->marker->done = true;
            event->marker->microseconds = now;
          }};
}

FAKE_API Result cuStreamCreate(Stream *stream, unsigned) {
  ENTER("cuStreamCreate");
  *stream = make<StreamObject>();
  return Success;
}
FAKE_API Result cuStreamDestroy_v2(Stream stream) {
  Guard guard(lock);
  if (known(stream))
    drain(stream);
  return destroy(stream);
}
FAKE_API Result cuStreamSynchronize(Stream stream) {
  ENTER("cuStreamSynchronize");
  if (stream->capturing)
    return CaptureUnsupported;
  drain(stream);
  return currents.back()->lostBy;
}
FAKE_API Result cuStreamWaitEvent(Stream stream, Event event, unsigned) {
  ENTER("cuStreamWaitEvent");
  put(stream, {"wait", [marker = event->marker] { await(marker); }});
  return Success;
}
FAKE_API Result cuStreamBeginCapture_v2(Stream stream, int mode) {
  ENTER("cuStreamBeginCapture_v2");
  if (stream->capturing || mode != CaptureThreadLocal)
    return InvalidValue;
  stream->capturing = true;
  ++capturesHere;
  return Success;
}
FAKE_API Result cuStreamEndCapture(Stream stream, Graph *graph) {
  Guard guard(lock);
  ++calls["cuStreamEndCapture"];
  if (!stream->capturing)
    return CaptureUnmatched;
  stream->capturing = false;
  --capturesHere;
  *graph = make<GraphObject>();
  (*graph)->operations.swap(stream->captured);
  return Success;
}
FAKE_API Result cuEventCreate(Event *event, unsigned flags) {
  ENTER("cuEventCreate");
  *event = make<EventObject>();
  (*event)->timing = !(flags & EventDisableTiming);
  return Success;
}
FAKE_API Result cuEventDestroy_v2(Event event) {
  Guard guard(lock);
  return destroy(event);
}
FAKE_API Result cuEventRecord(Event event, Stream stream) {
  ENTER("cuEventRecord");
  if (stream->capturing)
    return CaptureUnsupported; // the fake knows external ones only
  auto marker = std::make_shared<Marker>();
  marker->stream = stream;
  event->marker = marker;
  put(stream, {"event", [marker] {
                 marker->done = true;
                 marker->microseconds = now;
               }});
  return Success;
}
FAKE_API Result cuEventRecordWithFlags(Event event, Stream stream, unsigned flags) {
  ENTER("cuEventRecordWithFlags");
  if ((flags & EventRecordExternal) == 0 || !stream->capturing)
    return InvalidValue;
  put(stream, recordOperation(event, stream));
  return Success;
}
FAKE_API Result cuEventSynchronize(Event event) {
  ENTER("cuEventSynchronize");
  await(event->marker);
  return currents.back()->lostBy;
}
FAKE_API Result cuEventElapsedTime(float *milliseconds, Event first, Event last) {
  ENTER("cuEventElapsedTime");
  if (!first->marker || !last->marker || !first->timing || !last->timing)
    return InvalidHandle;
  if (!first->marker->done || !last->marker->done)
    return 600;
  *milliseconds = float((last->marker->microseconds - first->marker->microseconds) / 1000);
  return Success;
}
FAKE_API Result cuGraphInstantiateWithFlags(GraphExec *exec, Graph graph, unsigned long long) {
  ENTER("cuGraphInstantiateWithFlags");
  *exec = make<GraphExecObject>();
  (*exec)->operations = graph->operations;
  return Success;
}
FAKE_API Result cuGraphExecUpdate_v2(GraphExec exec, Graph graph, GraphUpdateResult *) {
  ENTER("cuGraphExecUpdate_v2");
  bool same = std::equal(exec->operations.begin(), exec->operations.end(), graph->operations.begin(),
                         graph->operations.end(),
                         [](const Operation &a, const Operation &b) { return a.topology == b.topology; });
  if (!same)
    return GraphUpdateFailure;
  exec->operations = graph->operations;
  return Success;
}
FAKE_API Result cuGraphLaunch(GraphExec exec, Stream stream) {
  ENTER("cuGraphLaunch");
  for (const Operation &operation : exec->operations)
    put(stream, operation);
  return Success;
}
FAKE_API Result cuGraphExecDestroy(GraphExec exec) {
  Guard guard(lock);
  return destroy(exec);
}
FAKE_API Result cuGraphDestroy(Graph graph) {
  Guard guard(lock);
  return destroy(graph);
}
