// Search's measuring process on the fake GPU: times by its clock, a context that is lost, memory that is short.
#include "search/measure/Measure.h"
#include "tests/runtime/Support.h"
#include <cstdlib>

using namespace tgc;
using namespace tgc::runtime::test;

namespace {
MeasureRequest requestFor(const TemporaryFolder &folder) {
  MeasureRequest request;
  request.package = folder / "model.tgc";
  request.device = "cuda:0";
  request.samples = {{"y", 0}, {"y", 63}};
  runtime::writePackage(forCuda(linearPackageToWrite()), request.package);
  return request;
}
} // namespace

TEST_CASE("measuring on a GPU", "[measure]") {
  ::setenv("TGC_CUDA_LIBRARY", TGC_FAKE_CUDA, 1);
  TemporaryFolder folder;
  MeasureRequest request = requestFor(folder);
  std::unique_ptr<Measurer> measurer = makeProcessMeasurer({TGC_COMMAND, "measure-worker"});
  MeasureReply good = measurer->measure(request);
  INFO(good.message);
  REQUIRE(good.outcome == Outcome::Ok);
  REQUIRE(good.values.size() == 2);
  REQUIRE(good.seconds.size() >= size_t(request.leastRuns));
  for (double seconds : good.seconds) // two launches of a few blocks, a microsecond each
    REQUIRE((seconds > 1e-6 && seconds < 1e-4));

  // Without a device nothing is said of the candidate.
  measurer->refresh();
  ::setenv("FAKE_CUDA_FAIL", "cuInit:803", 1);
  REQUIRE_THROWS_WITH(measurer->measure(request), Catch::Contains("the CUDA driver cannot be used"));
  ::unsetenv("FAKE_CUDA_FAIL");
  REQUIRE(measurer->measure(request).outcome == Outcome::Ok);

  // A candidate that costs the context says so; the next one is measured as if nothing had been.
  measurer->refresh();
  ::setenv("FAKE_CUDA_FAIL", "kernel matmul:700", 1);
  MeasureReply lost = measurer->measure(request);
  ::unsetenv("FAKE_CUDA_FAIL");
  REQUIRE(lost.outcome == Outcome::Failed);
  REQUIRE_THAT(lost.message,
               Catch::Contains("CUDA_ERROR_ILLEGAL_ADDRESS") && Catch::Contains("TGC_CUDA_DEBUG=1"));
  MeasureReply after = measurer->measure(request);
  INFO(after.message);
  REQUIRE(after.outcome == Outcome::Ok);
  REQUIRE(after.values == good.values);

  // What loading takes is not the candidate's. (Making random weights loads a module too.)
  measurer->refresh();
  MeasureRequest brief = request;
  brief.limitSeconds = 3.3;
  ::setenv("FAKE_CUDA_LOAD_MS", "2000", 1);
  MeasureReply slow = measurer->measure(brief);
  INFO(slow.message);
  REQUIRE(slow.outcome == Outcome::Ok);
  measurer->refresh();
  brief.loadSeconds = 0.5;
  REQUIRE(measurer->measure(brief).outcome == Outcome::Hung);
  ::unsetenv("FAKE_CUDA_LOAD_MS");

  measurer->refresh();
  ::setenv("FAKE_CUDA_MEMORY", "1000", 1);
  MeasureReply full = measurer->measure(request);
  ::unsetenv("FAKE_CUDA_MEMORY");
  REQUIRE(full.outcome == Outcome::Failed);
  REQUIRE_THAT(full.message,
               Catch::Contains("the program needs 1.60 kB") && Catch::Contains("1.00 kB are free"));
  REQUIRE(measurer->measure(request).outcome == Outcome::Ok);

  // Cold is the device's memory: of that there must be some to go through.
  MeasureRequest cold = request;
  cold.coldBytes = 1 << 20;
  MeasureReply emptied = measurer->measure(cold);
  INFO(emptied.message);
  REQUIRE(emptied.outcome == Outcome::Ok);
  measurer->refresh();
  ::setenv("FAKE_CUDA_MEMORY", "1000000", 1);
  REQUIRE(measurer->measure(request).outcome == Outcome::Ok);
  REQUIRE(measurer->measure(cold).outcome == Outcome::Failed);
  ::unsetenv("FAKE_CUDA_MEMORY");
}
