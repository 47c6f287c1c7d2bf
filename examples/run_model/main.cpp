// run_model MODEL.tgc [INPUT=FILE.npy]...: runs a compiled model once on the CPU and prints its outputs'
// ranges. Inputs that are not given are random; so are weights whose files are missing.
#include "tgc/tgc.hpp"
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <map>

using tgc::api::Tensor;

// The data of a .npy file of the same type and shape follows a header whose length is in bytes 8 and 9.
static void readNpy(const std::string &path, Tensor &tensor) {
  std::ifstream file(path, std::ios::binary);
  std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  size_t start = bytes.size() < 10 ? 0 : 10 + (bytes[8] & 255) + 256 * (bytes[9] & 255);
  if (start == 0 || bytes.size() != start + tensor.info().bytes)
    throw tgc::api::Error(TGC_BAD_INPUT, path + " does not hold the input " + tensor.info().name);
  std::copy(bytes.begin() + start, bytes.end(), static_cast<char *>(tensor.data()));
}

static void printRange(Tensor &y) {
  std::printf("%s %s", y.info().name.c_str(), tgc_dtype_name(y.info().dtype));
  for (int64_t dim : y.info().shape)
    std::printf(" %lld", static_cast<long long>(dim));
  double sum = 0, low = INFINITY, high = -INFINITY;
  for (size_t i = 0; y.info().dtype == TGC_F32 && i < y.elements(); ++i) {
    double value = y.as<float>()[i];
    sum += value, low = std::min(low, value), high = std::max(high, value);
  }
  if (y.info().dtype == TGC_F32)
    std::printf(": min %g mean %g max %g", low, sum / double(y.elements()), high);
  std::printf("\n");
}

int main(int argc, char **argv) try {
  std::map<std::string, std::string> files;
  for (std::string text : std::vector<std::string>(argv + std::min(argc, 2), argv + argc))
    files[text.substr(0, text.find('='))] = text.substr(text.find('=') + 1);
  tgc::api::Program program(tgc::api::Device("cpu"), argc > 1 ? argv[1] : "model.tgc");
  if (tgc_program_prepare(program.get()) != TGC_OK) {
    std::fprintf(stderr, "using random weights: %s\n", tgc_last_error());
    program.useRandom(1);
  }
  std::vector<Tensor> inputs, outputs;
  for (const auto &info : program.inputs()) {
    tgc_tensor view = inputs.emplace_back(info).view();
    tgc::api::check(tgc_random_fill(&view, 2));
    if (files.count(info.name))
      readNpy(files[info.name], inputs.back());
  }
  for (const auto &info : program.outputs())
    outputs.emplace_back(info);
  program.run(inputs, outputs);
  std::for_each(outputs.begin(), outputs.end(), printRange);
} catch (const tgc::api::Error &error) {
  std::fprintf(stderr, "run_model: %s\n", error.what());
  return error.status;
}
