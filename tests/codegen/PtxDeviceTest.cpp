// GPUs as data: by name, by name and differences, and from what a driver says.
#include "codegen/ptx/PtxDevice.h"
#include "compiler/support/Error.h"

#include <catch2/catch.hpp>

using namespace tgc;
using namespace tgc::ptx;

namespace {

FoundDevice found(const char *architecture, int64_t units, const char *features) {
  return {"cuda", architecture, "NVIDIA", features, units};
}

} // namespace

TEST_CASE("a GPU's name takes what differs from the table") {
  PtxDevice table = *ptxDevice("rtx3090"),
            mine = *ptxDevice("rtx3090,units=41,bandwidth=500,l2=4194304,shared=65536");
  CHECK(mine.info.units == 41);
  CHECK(mine.info.bandwidth == 500e9);
  CHECK(mine.info.l2Bytes == 4 << 20);
  CHECK(mine.info.sharedBytes == 65536);
  // Rates are of the whole GPU.
  CHECK(mine.info.plainRate == Approx(table.info.plainRate / 2));
  CHECK(mine.info.matrixRate(ElementType::BF16) == Approx(table.info.matrixRate(ElementType::BF16) / 2));
  for (const char *wrong :
       {"rtx3091", "rtx3090,units", "rtx3090,units=", "rtx3090,units=-1", "rtx3090,cores=5"})
    CHECK(!ptxDevice(wrong));
}

TEST_CASE("the nearest GPU of the table, and what differs") {
  auto named = [](const FoundDevice &device) { return ptxDeviceFor(device).value_or("none"); };
  CHECK(named(found("sm_90a", 132, "shared=232448 l2=62914560 bandwidth=4917")) == "h200");
  CHECK(named(found("sm_90a", 132, "shared=232448 l2=52428800 bandwidth=3352")) == "h100");
  CHECK(named(found("sm_90a", 114, "shared=232448 l2=52428800 bandwidth=2039")) ==
        "h100,units=114,bandwidth=2039");
  CHECK(named(found("sm_86", 68, "l2=5242880 bandwidth=760")) == "rtx3090,units=68,bandwidth=760,l2=5242880");
  CHECK(named(found("sm_80", 108, "")) == "a100"); // a driver that says nothing more
  CHECK(named(found("sm_75", 72, "")) == "none");
}

TEST_CASE("GPUs newer than the table's instructions run portable PTX") {
  auto named = [](const FoundDevice &device) { return ptxDeviceFor(device).value_or("none"); };
  CHECK(named(found("sm_100a", 148, "bandwidth=8000")) == "b200");
  CHECK(named(found("sm_120a", 170, "bandwidth=1792")) == "rtx5090");
  CHECK(named(found("sm_103a", 148, "bandwidth=8000")) == "b200");
  CHECK(named(found("sm_130a", 200, "bandwidth=1792")) == "rtx5090,units=200");
  PtxDevice device = *ptxDevice("rtx5090");
  CHECK(device.portable);
  CHECK(device.info.architecture == "sm_90"); // without the letter: any newer GPU takes it
  for (const Atom &atom : device.info.atoms)
    CHECK(!atom.asynchronous);
  CHECK(!ptxDevice("h200")->portable);
}
