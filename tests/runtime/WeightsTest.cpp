// Where weights come from, and what a change of one prepares again.
#include "runtime/format/File.h"
#include "runtime/io/RandomWeights.h"
#include "runtime/program/PreparePlan.h"
#include "tests/runtime/Api.h"
#include <cmath>
#include <fstream>

using namespace tgc::runtime;
using namespace tgc::runtime::test;
using tgc::api::Tensor;

namespace {
std::vector<uint8_t> raw(const std::vector<float> &values) {
  Bytes bytes = bytesOf(values);
  return {bytes.data(), bytes.data() + bytes.size()};
}

std::vector<uint8_t> safetensors(const std::string &header, const std::vector<float> &values) {
  std::vector<uint8_t> file(8);
  uint64_t size = header.size();
  std::memcpy(file.data(), &size, 8);
  file.insert(file.end(), header.begin(), header.end());
  std::vector<uint8_t> data = raw(values);
  file.insert(file.end(), data.begin(), data.end());
  return file;
}

std::vector<float> randomValues(const std::string &name, const Shape &shape, uint64_t seed) {
  std::vector<float> values(*tensorBytes(DType::F32, shape) / 4);
  fillRandom(DType::F32, shape, name, seed, 0, values.size(), values.data());
  return values;
}

Package externalPackage(const std::string &file, int64_t *transposed = nullptr) {
  Package package = linearPackage(transposed);
  package.weights[0].source = package.weights[1].source = WeightSource::External;
  package.weights[0].file = package.weights[1].file = file;
  package.weights[0].offset = 20; // nothing that a slot could use in place
  package.weights[1].offset = 4096;
  return package;
}
} // namespace

TEST_CASE("weights: a change prepares again only what depends on it", "[weights]") {
  static int64_t transposed;
  transposed = 0;
  tgc::api::Program program = load(linearPackage(&transposed));
  std::vector<float> x = ramp(32, 0.03f), w = ramp(128, 0.01f), b = ramp(16, 1);
  Tensor in = tensor("x", {4, 8}, x);
  run(program, {&in});
  REQUIRE(transposed == 8);
  run(program, {&in});
  REQUIRE(transposed == 8);
  program.setWeight(tensor("b", {16}, b)); // nothing is prepared from b
  run(program, {&in});
  REQUIRE(transposed == 8);
  for (int round = 0; round < 3; ++round) {
    w[5] = float(round);
    program.setWeight(tensor("w", {16, 8}, w));
    program.prepare();
    REQUIRE(transposed == 16 + 8 * round);
    requireClose(run(program, {&in}), linearReference(x, w, b));
    REQUIRE(transposed == 16 + 8 * round);
  }
}

TEST_CASE("weights: how far bringing them in is", "[weights]") {
  tgc::api::Program program = load(linearPackage());
  using Report = std::pair<uint64_t, uint64_t>;
  std::vector<Report> reports;
  auto callback = [](void *user, uint64_t done, uint64_t total) {
    static_cast<std::vector<Report> *>(user)->emplace_back(done, total);
  };
  REQUIRE(tgc_program_set_progress(program.get(), callback, &reports) == TGC_OK);
  program.prepare();
  REQUIRE(reports == std::vector<Report>{{64, 576}, {576, 576}});
  reports.clear();
  program.setWeight(tensor("b", {16}, ramp(16, 1)));
  program.prepare();
  REQUIRE(reports == std::vector<Report>{{64, 64}});
  REQUIRE(tgc_program_set_progress(program.get(), nullptr, nullptr) == TGC_OK);
  program.setWeight(tensor("b", {16}, ramp(16, 2)));
  program.prepare();
  REQUIRE(reports.size() == 1);
}

TEST_CASE("weights: wrong ones are refused and change nothing", "[weights]") {
  tgc::api::Program program = load(linearPackage());
  Tensor x = tensor("x", {4, 8}, ramp(32, 0.03f));
  std::vector<float> before = run(program, {&x});
  auto message = [&](const Tensor &weight) {
    auto [status, text] = failure([&] { program.setWeight(weight); });
    REQUIRE(status == TGC_USAGE);
    return text;
  };
  REQUIRE(message(tensor("v", {16, 8}, ramp(128, 1))) == "the program has no weight \"v\"");
  REQUIRE(message(tensor("w", {8, 16}, ramp(128, 1))) ==
          "weight \"w\": the given tensor is f32 8x16, the weight is f32 16x8");
  Tensor w = tensor("w", {16, 8}, ramp(128, 1));
  tgc_tensor bad = w.view();
  bad.bytes = 5;
  REQUIRE(tgc_program_set_weight(program.get(), &bad) == TGC_USAGE);
  bad = w.view();
  bad.data = nullptr;
  REQUIRE(tgc_program_set_weight(program.get(), &bad) == TGC_USAGE);
  REQUIRE(run(program, {&x}) == before);
}

TEST_CASE("weights: external files", "[weights]") {
  TemporaryFolder folder;
  std::vector<float> w = ramp(128, 0.02f), b = ramp(16, 3), x = ramp(32, 0.05f);
  std::vector<uint8_t> data(4096 + 64);
  std::memcpy(data.data() + 20, w.data(), 512);
  std::memcpy(data.data() + 4096, b.data(), 64);
  writeFile(folder / "w.bin", data);
  Tensor in = tensor("x", {4, 8}, x);

  SECTION("beside the package") {
    writePackage(externalPackage("w.bin"), folder / "m.tgc");
    tgc::api::Program program(tgc::api::Device("cpu"), folder / "m.tgc");
    requireClose(run(program, {&in}), linearReference(x, w, b));
  }
  SECTION("where the model was, and in a folder given later") {
    TemporaryFolder other;
    Package package = externalPackage("w.bin");
    package.modelDirectory = folder.path;
    tgc::api::Program program = load(package);
    requireClose(run(program, {&in}), linearReference(x, w, b));
    b[3] = -7;
    std::memcpy(data.data() + 4096, b.data(), 64);
    writeFile(other / "w.bin", data);
    program.useDirectory(other.path);
    requireClose(run(program, {&in}), linearReference(x, w, b));
    REQUIRE(failure([&] { program.useDirectory(other / "none"); }).first == TGC_BAD_INPUT);
  }
  SECTION("missing, then found") {
    tgc::api::Program program = load(externalPackage("w.bin"));
    auto [status, message] = failure([&] { run(program, {&in}); });
    REQUIRE(status == TGC_BAD_INPUT);
    REQUIRE(message ==
            "weight \"w\": its external file w.bin is in none of the folders searched: none are known");
    program.useDirectory(folder.path);
    requireClose(run(program, {&in}), linearReference(x, w, b));
  }
  SECTION("too short") {
    data.resize(4100);
    writeFile(folder / "w.bin", data);
    tgc::api::Program program = load(externalPackage("w.bin"), folder.path);
    REQUIRE_THAT(failure([&] { run(program, {&in}); }).second,
                 Catch::Contains("weight \"b\"") && Catch::Contains("has 4100 bytes"));
  }
  SECTION("outside of the folder") {
    for (const char *path : {"../w.bin", "/etc/passwd", "a/../../w.bin"}) {
      tgc::api::Program program = load(externalPackage(path), folder.path);
      REQUIRE_THAT(failure([&] { run(program, {&in}); }).second, Catch::Contains("does not lie below"));
    }
  }
}

TEST_CASE("weights: embedded in the package", "[weights]") {
  TemporaryFolder folder;
  std::vector<float> w = ramp(128, 0.02f), b = ramp(16, 3), x = ramp(32, 0.05f);
  Package package = linearPackage();
  package.weights[0].source = package.weights[1].source = WeightSource::Embedded;
  package.weights[0].data = bytesOf(w);
  package.weights[1].data = bytesOf(b);
  writePackage(package, folder / "m.tgc");
  Tensor in = tensor("x", {4, 8}, x);
  tgc::api::Program mapped(tgc::api::Device("cpu"), folder / "m.tgc"), copied = load(package);
  for (tgc::api::Program *program : {&mapped, &copied}) {
    program->useRandom(9); // embedded weights stay
    requireClose(run(*program, {&in}), linearReference(x, w, b));
  }
}

TEST_CASE("weights: safetensors", "[weights]") {
  TemporaryFolder folder;
  std::vector<float> w = ramp(128, 0.02f), b = ramp(16, 3), x = ramp(32, 0.05f), all = w;
  all.insert(all.end(), b.begin(), b.end());
  writeFile(
      folder / "m.safetensors",
      safetensors(
          R"({"__metadata__":{"format":"pt"},"layer.w":{"dtype":"F32","shape":[16,8],"data_offsets":[0,512]},)"
          R"("b":{"dtype":"F32","shape":[16],"data_offsets":[512,576]}})",
          all));
  Package package = linearPackage();
  package.weights[0].source = package.weights[1].source = WeightSource::Named;
  package.weights[0].key = "layer.w";
  tgc::api::Program program = load(package);
  Tensor in = tensor("x", {4, 8}, x);
  auto [status, message] = failure([&] { run(program, {&in}); });
  REQUIRE(status == TGC_BAD_INPUT);
  REQUIRE_THAT(message, Catch::Contains("give a safetensors file"));
  REQUIRE(program.useSafetensors(folder / "m.safetensors") == 2);
  requireClose(run(program, {&in}), linearReference(x, w, b));

  writeFile(folder / "bad.safetensors",
            safetensors(R"({"b":{"dtype":"F32","shape":[4,4],"data_offsets":[0,64]}})", ramp(16, 1)));
  REQUIRE_THAT(failure([&] { program.useSafetensors(folder / "bad.safetensors"); }).second,
               Catch::Contains("weight \"b\" is f32 4x4 there, the program needs f32 16"));
  requireClose(run(program, {&in}), linearReference(x, w, b));
}

TEST_CASE("weights: random ones are those of tgc_random_fill", "[weights]") {
  tgc::api::Program program = load(linearPackage());
  std::vector<float> x = ramp(32, 0.05f);
  Tensor in = tensor("x", {4, 8}, x);
  for (uint64_t seed : {1, 2}) { // 1 is the package's own
    if (seed != 1)
      program.useRandom(seed);
    Tensor w = tensor("w", {16, 8}, std::vector<float>(128)), b = tensor("b", {16}, std::vector<float>(16));
    for (Tensor *weight : {&w, &b}) {
      tgc_tensor view = weight->view();
      REQUIRE(tgc_random_fill(&view, seed) == TGC_OK);
    }
    std::vector<float> wv(w.as<float>(), w.as<float>() + 128), bv(b.as<float>(), b.as<float>() + 16);
    REQUIRE(wv == randomValues("w", {16, 8}, seed));
    requireClose(run(program, {&in}), linearReference(x, wv, bv));
  }
}

namespace {
/// p = wa + wb (32 elements), q = wc + t with t = exp(wd) in an arena, y = p + q.
Package joinedPackage() {
  Package package = kernelPackage();
  uint32_t w[4];
  for (int i = 0; i < 4; ++i)
    w[i] = addWeight(package, std::string("w") + char('a' + i), {32});
  uint32_t p = addSlot(package, SlotClass::Prepared, 128), q = addSlot(package, SlotClass::Prepared, 128);
  uint32_t t = addSlot(package, SlotClass::Arena, 128), y = addOutput(package, "y", {32});
  package.arenas = {128};
  auto launch = [](const char *name, std::vector<Param> params) {
    Launch launch;
    launch.function = function(name);
    launch.grid = {2, 1, 1};
    launch.params = std::move(params);
    return launch;
  };
  auto in = [](uint32_t slot) { return Param::read(slot, 0, 128); };
  auto out = [](uint32_t slot) { return Param::write(slot, 0, 128); };
  package.prepare = {launch("add", {in(w[0]), in(w[1]), out(p)}), launch("exponential", {in(w[3]), out(t)}),
                     launch("add", {in(t), in(w[2]), out(q)})};
  package.run = {launch("add", {in(p), in(q), out(y)})};
  return package;
}
} // namespace

TEST_CASE("weights: which launches and sources a change needs", "[weights]") {
  Package package = joinedPackage();
  PreparePlan plan(package);
  REQUIRE(plan.launchesFor({0}) == std::vector<uint32_t>{0});
  REQUIRE(plan.launchesFor({3}) == std::vector<uint32_t>{1, 2});
  REQUIRE(plan.launchesFor({2}) == std::vector<uint32_t>{1, 2}); // t is gone by then
  REQUIRE(plan.launchesFor({0, 3}) == std::vector<uint32_t>{0, 1, 2});
  for (uint32_t w = 0; w < 4; ++w) {
    REQUIRE(plan.neededForOthers(w));
    REQUIRE(!plan.usedByRun(w));
  }
  REQUIRE(plan.peakBytes() == 3 * 128); // p, wa, wb; then p, q, wc: t lies in the arena
  Package linear = linearPackage();
  PreparePlan single(linear);
  REQUIRE(!single.neededForOthers(0));
  REQUIRE(single.usedByRun(1));
}

TEST_CASE("weights: several sources of one launch, set one by one", "[weights]") {
  tgc::api::Program program = load(joinedPackage());
  std::vector<float> w[4];
  auto reference = [&] {
    std::vector<float> y(32);
    for (int i = 0; i < 32; ++i)
      y[i] = w[0][i] + w[1][i] + w[2][i] + std::exp(w[3][i]);
    return y;
  };
  for (int i = 0; i < 4; ++i)
    w[i] = randomValues(std::string("w") + char('a' + i), {32}, 1);
  requireClose(run(program, {}), reference());
  for (int round = 0; round < 12; ++round) {
    int i = (round * 7 + 1) % 4;
    w[i] = ramp(32, 0.01f * float(round), float(i) * 0.1f);
    program.setWeight(tensor(std::string("w") + char('a' + i), {32}, w[i]));
    requireClose(run(program, {}), reference());
  }
}

namespace {
/// A field of /proc/self/status, in bytes.
uint64_t status(const std::string &field) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);)
    if (line.rfind(field + ":", 0) == 0)
      return std::stoull(line.substr(field.size() + 1)) * 1024;
  return 0;
}
} // namespace

TEST_CASE("weights: sources are not held beside their prepared form", "[weights][cpu]") {
  constexpr uint64_t Count = 6, Rows = 1024, Columns = 4096, Size = Rows * Columns * 4;
  static int64_t transposed;
  Package package = kernelPackage();
  TemporaryFolder folder;
  for (uint64_t i = 0; i < Count; ++i) {
    uint32_t w = addWeight(package, "w" + std::to_string(i), {Rows, Columns});
    if (i % 2 == 0) { // half of them from a file
      package.weights[i].source = WeightSource::External;
      package.weights[i].file = "w.bin";
      package.weights[i].offset = i * Size;
    }
    Launch launch;
    launch.function = function("transpose");
    launch.grid = {Columns, 1, 1};
    launch.params = {Param::read(w, 0, Size),
                     Param::write(addSlot(package, SlotClass::Prepared, Size), 0, Size), Param::value(Rows),
                     Param::value(Columns), Param::value(reinterpret_cast<uint64_t>(&transposed))};
    package.prepare.push_back(launch);
  }
  std::vector<RandomPlace> places;
  for (uint64_t i = 0; i < Count; ++i)
    places.push_back({"w", DType::F32, {Rows, Columns}, i * Size});
  writeRandomFile(folder / "w.bin", places, 1);
  tgc::api::Program program = load(package, folder.path);
  REQUIRE(program.describe().prepare_peak_bytes == (Count + 1) * Size);
  std::ofstream("/proc/self/clear_refs")
      << "5"; // the highest resident size starts anew, where that is allowed
  bool reset = status("VmHWM") < status("VmRSS") + Size;
  uint64_t before = status("VmRSS");
  program.prepare();
  REQUIRE(status("VmRSS") - before < Count * Size + Size / 2);
  if (reset)
    REQUIRE(status("VmHWM") - before < (Count + 1) * Size + Size / 2);
}
