// Packages made by hand for the tests, and small helpers.
#pragma once
#include "runtime/format/Package.h"
#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace tgc::runtime::test {

/// A package without launches, tensors and slots: the code image of kernels.c and its functions.
Package kernelPackage();
/// The index of a function of kernels.c.
uint32_t function(const std::string &name);

/// The same package for the fake CUDA driver (fake_cuda/), whose kernels have the names of those of kernels.c.
Package forCuda(Package package);
/// The same package for OpenCL and Level Zero: opencl/kernels.mlir has the functions.
Package forOpenCl(Package package);
/// The package in the form of the device that programs of the tests run on.
Package forTestDevice(Package package);
/// The device that programs of the tests run on: "cpu", or TGC_TEST_DEVICE of the environment.
std::string testDevice();

/// Adds a slot and returns its index.
uint32_t addSlot(Package &package, SlotClass slotClass, uint64_t bytes);
/// Adds an f32 input or output with a slot of its own and returns the slot.
uint32_t addInput(Package &package, const std::string &name, const Shape &shape);
uint32_t addOutput(Package &package, const std::string &name, const Shape &shape);
/// Adds an f32 weight of the source random(1) and returns the slot.
uint32_t addWeight(Package &package, const std::string &name, const Shape &shape);
Bytes bytesOf(const std::vector<float> &values);

/// y[4,16] = exp(x)[4,8] · wᵀ + b, with x and y as input and output, w[16,8] transposed in preparation
/// (raising *transposed by 8 each time, if given) and exp(x) in an arena. w and b are random(1) unless
/// changed.
Package linearPackage(int64_t *transposed = nullptr);
/// What it computes.
std::vector<float> linearReference(const std::vector<float> &x, const std::vector<float> &w,
                                   const std::vector<float> &b);

/// The same for other processes: its preparation adds, since counting takes a pointer of this one.
Package linearPackageToWrite();

/// Numbers that differ from place to place.
std::vector<float> ramp(size_t count, float step, float start = 0);

/// A new empty folder, removed at the end of the test.
class TemporaryFolder {
public:
  TemporaryFolder();
  ~TemporaryFolder();
  std::string operator/(const std::string &name) const { return path + "/" + name; }
  std::vector<std::string> files() const;
  std::string path;
};

void writeFile(const std::string &path, const std::vector<uint8_t> &bytes);
std::vector<uint8_t> readFile(const std::string &path);

/// The message of the tgc::runtime::Error that `body` throws; fails the test if it throws nothing.
template <typename F>
std::string errorOf(F body) {
  try {
    body();
  } catch (const std::runtime_error &error) {
    return error.what();
  }
  FAIL("no error");
  return "";
}

} // namespace tgc::runtime::test
