// One program used by several threads, and weights changed under them.
#include "tests/runtime/Api.h"
#include <atomic>
#include <thread>

using namespace tgc::runtime;
using namespace tgc::runtime::test;
using tgc::api::Tensor;

TEST_CASE("concurrency: runs share weights and nothing else", "[concurrency]") {
  tgc::api::Program program = load(linearPackage());
  std::vector<float> w = ramp(128, 0.01f, -0.3f), b = ramp(16, 1);
  program.setWeight(tensor("w", {16, 8}, w));
  program.setWeight(tensor("b", {16}, b));
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t)
    threads.emplace_back([&, t] {
      std::vector<float> x = ramp(32, 0.01f * float(t + 1), -0.2f * float(t));
      std::vector<float> expected = linearReference(x, w, b);
      Tensor in = tensor("x", {4, 8}, x), out(program.outputs()[0]);
      for (int round = 0; round < 500; ++round) {
        program.run({&in}, {&out});
        for (int i = 0; i < 64; ++i)
          wrong += std::abs(out.as<float>()[i] - expected[i]) > 1e-4f * (1 + std::abs(expected[i]));
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  REQUIRE(wrong == 0);
}

TEST_CASE("concurrency: a weight changes between runs, never inside one", "[concurrency]") {
  tgc::api::Program program = load(linearPackage());
  // With w = 0 every output is b; both weights are set to one of two values, w always 0.
  program.setWeight(tensor("w", {16, 8}, std::vector<float>(128, 0)));
  program.setWeight(tensor("b", {16}, std::vector<float>(16, 1)));
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0}, runs{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([&] {
      Tensor in = tensor("x", {4, 8}, ramp(32, 0.1f)), out(program.outputs()[0]);
      while (!stop) {
        program.run({&in}, {&out});
        float first = out.as<float>()[0];
        for (int i = 0; i < 64; ++i)
          wrong += out.as<float>()[i] != first || (first != 1 && first != 2);
        ++runs;
      }
    });
  for (int round = 0; round < 200; ++round) {
    program.setWeight(tensor("b", {16}, std::vector<float>(16, round % 2 ? 1.0f : 2.0f)));
    if (round % 3 == 0)
      program.setWeight(tensor("w", {16, 8}, std::vector<float>(128, 0)));
  }
  while (runs < 100)
    std::this_thread::yield();
  stop = true;
  for (std::thread &thread : threads)
    thread.join();
  REQUIRE(wrong == 0);
}

TEST_CASE("concurrency: messages belong to the thread", "[concurrency]") {
  REQUIRE(tgc_device_open("nothing", nullptr) == TGC_USAGE);
  std::string mine = tgc_last_error();
  std::thread([] {
    REQUIRE(std::string(tgc_last_error()).empty());
    tgc_device *device;
    tgc_device_open("other", &device);
  }).join();
  REQUIRE(tgc_last_error() == mine);
}
