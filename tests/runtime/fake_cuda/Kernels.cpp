// The kernels that the fake driver's modules may name: those of kernels.c, and some for the GPU's own.
#include "tests/runtime/fake_cuda/FakeCuda.h"
#include <algorithm>
#include <cmath>
#include <cstring>

namespace fake {

namespace {
constexpr int BlockElements = 16;

int64_t scalar(void *param) { return *static_cast<int64_t *>(param); }

// (x, w, y): y = x + w, 16 elements a block.
void add(void **params, Dim block, Dim grid) {
  uint64_t count = uint64_t(grid.x) * BlockElements;
  const float *x = deviceArray<float>(params[0], count), *w = deviceArray<float>(params[1], count);
  float *y = deviceArray<float>(params[2], count);
  for (uint64_t i = block.x * BlockElements; i < (block.x + 1) * BlockElements; ++i)
    y[i] = x[i] + w[i];
}

// (x, y): y = exp(x), 16 elements a block.
void exponential(void **params, Dim block, Dim grid) {
  uint64_t count = uint64_t(grid.x) * BlockElements;
  const float *x = deviceArray<float>(params[0], count);
  float *y = deviceArray<float>(params[1], count);
  for (uint64_t i = block.x * BlockElements; i < (block.x + 1) * BlockElements; ++i)
    y[i] = std::exp(x[i]);
}

// (w, p, rows, columns, counter in host memory): p = transpose of w, a row of p a block.
void transpose(void **params, Dim block, Dim) {
  int64_t rows = scalar(params[2]), columns = scalar(params[3]);
  const float *w = deviceArray<float>(params[0], rows * columns);
  float *p = deviceArray<float>(params[1], rows * columns);
  for (int64_t i = 0; i < rows; ++i)
    p[block.x * rows + i] = w[i * columns + block.x];
  ++*reinterpret_cast<int64_t *>(scalar(params[4]));
}

// (x, p, b, y, inner, columns): y[m] = x[m] p + b, a row a block; the grid has two dimensions.
void matmul(void **params, Dim block, Dim grid) {
  int64_t m = block.y * grid.x + block.x, rows = int64_t(grid.x) * grid.y;
  int64_t inner = scalar(params[4]), columns = scalar(params[5]);
  const float *x = deviceArray<float>(params[0], rows * inner);
  const float *p = deviceArray<float>(params[1], inner * columns);
  const float *b = deviceArray<float>(params[2], columns);
  float *y = deviceArray<float>(params[3], rows * columns);
  for (int64_t n = 0; n < columns; ++n) {
    float sum = b[n];
    for (int64_t k = 0; k < inner; ++k)
      sum += x[m * inner + k] * p[k * columns + n];
    y[m * columns + n] = sum;
  }
}

// (counts): counts[block] += 1
void count(void **params, Dim block, Dim grid) {
  int32_t *counts = deviceArray<int32_t>(params[0], uint64_t(grid.x) * grid.y * grid.z);
  counts[(uint64_t(block.z) * grid.y + block.y) * grid.x + block.x] += 1;
}

// (y, index): y[0] = 1, 2, 4 or 8
void lookup(void **params, Dim, Dim) {
  *deviceArray<float>(params[0], 1) = float(1 << (scalar(params[1]) & 3));
}

// (x, y): y[0] += x[0]
void accumulate(void **params, Dim, Dim) {
  *deviceArray<float>(params[1], 1) += *deviceArray<float>(params[0], 1);
}

// (in, out: tensor maps): out = 2 · in, one box a block along the outer dimension.
void doubleBoxes(void **params, Dim block, Dim) {
  MapContent in, out;
  std::memcpy(&in, params[0], sizeof in);
  std::memcpy(&out, params[1], sizeof out);
  for (uint64_t row = block.x * in.box[1]; row < (block.x + 1) * in.box[1] && row < in.dims[1]; ++row)
    for (uint64_t column = 0; column < in.dims[0]; ++column) {
      auto at = [&](const MapContent &map) {
        return static_cast<float *>(deviceMemory(map.address + row * map.stride + column * 4, 4));
      };
      *at(out) = 2 * *at(in);
    }
}

// (out, key, first, count, scale): random f32 as in runtime/io/RandomWeights.cpp, 256 elements a block.
void randomF32(void **params, Dim block, Dim) {
  auto number = [&](int i) { return uint64_t(scalar(params[i])); };
  float scale = *static_cast<float *>(params[4]);
  float *out = deviceArray<float>(params[0], number(3));
  auto mix = [](uint64_t v) {
    v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9;
    v = (v ^ v >> 27) * 0x94d049bb133111eb;
    return v ^ v >> 31;
  };
  auto hash = [](uint32_t v) {
    v = (v ^ v >> 16) * 0x7feb352du;
    v = (v ^ v >> 15) * 0x846ca68bu;
    return v ^ v >> 16;
  };
  for (uint64_t i = block.x * 256; i < std::min(number(3), (block.x + 1) * uint64_t(256)); ++i) {
    uint64_t place = number(2) + i, keys = mix(number(1) + (place >> 16) * 0x9e3779b97f4a7c15);
    auto at = uint32_t(place & 65535);
    uint32_t a = hash(at ^ uint32_t(keys)), b = hash((at + 0x9e3779b9u) ^ uint32_t(keys >> 32));
    int sum = int(a & 65535) + int(a >> 16) + int(b & 65535) + int(b >> 16) - 131070;
    out[i] = scale == 0 ? float(16384 + (a & 32767)) / 65536 : float(sum) * scale;
  }
}

// (x): reads beyond any memory.
void stray(void **, Dim, Dim) { deviceMemory(64, 4); }

// (y): does nothing with a small scalar.
void small(void **, Dim, Dim) {}
} // namespace

const std::vector<HostKernel> &hostKernels() {
  static const std::vector<HostKernel> kernels = {
      {"add", {8, 8, 8}, 0, add},
      {"exponential", {8, 8}, 0, exponential},
      {"transpose", {8, 8, 8, 8, 8}, 0, transpose},
      {"matmul", {8, 8, 8, 8, 8, 8}, 1024, matmul},
      {"count", {8}, 0, count},
      {"lookup", {8, 8}, 0, lookup},
      {"accumulate", {8, 8}, 0, accumulate},
      {"doubleBoxes", {128, 128}, 0, doubleBoxes},
      {"stray", {8}, 0, stray},
      {"small", {8, 4}, 0, small},
      {"tgc_random_f32", {8, 8, 8, 8, 4}, 0, randomF32},
  };
  return kernels;
}

} // namespace fake
