// The public C++ API over the handmade packages of Support.h.
#pragma once
#include "tests/runtime/Support.h"
#include "tgc/tgc.hpp"
#include <cstring>

namespace tgc::runtime::test {

inline api::Program load(const Package &package, const std::string &directory = "") {
  std::vector<uint8_t> file = serialize(forTestDevice(package));
  return api::Program(api::Device(testDevice()), file.data(), file.size(), directory);
}

inline api::Tensor tensor(const std::string &name, const Shape &shape, const std::vector<float> &values) {
  api::TensorInfo info;
  info.name = name;
  info.shape = shape;
  info.bytes = values.size() * 4;
  api::Tensor tensor(info);
  if (!values.empty())
    std::memcpy(tensor.data(), values.data(), info.bytes);
  return tensor;
}

/// The f32 values of the only output.
inline std::vector<float> run(api::Program &program, const std::vector<const api::Tensor *> &inputs) {
  api::Tensor y(program.outputs()[0]);
  program.run(inputs, {&y});
  return std::vector<float>(y.as<float>(), y.as<float>() + y.elements());
}

inline void requireClose(const std::vector<float> &a, const std::vector<float> &b) {
  REQUIRE(a.size() == b.size());
  for (size_t i = 0; i < a.size(); ++i)
    REQUIRE(a[i] == Approx(b[i]).epsilon(1e-5).margin(1e-6));
}

/// The message and status of a call that must fail.
template <typename F>
std::pair<tgc_status, std::string> failure(F body) {
  try {
    body();
  } catch (const api::Error &error) {
    return {error.status, error.what()};
  }
  FAIL("no error");
  return {};
}

} // namespace tgc::runtime::test
