// Random weights that depend only on (seed, name, type, shape): any thread count, order or part gives the
// same bytes, on every machine, so that a peer can be given the very same weights.
//
// Element i of a floating-point weight comes from a hash of (seed, name, i), rounded to the type:
//  - rank >= 2: close to normal (the sum of four uniform 16-bit numbers) with mean 0 and standard deviation
//    sqrt(2 / (d0 + rest)), rest being the product of the other dimensions: linear layers keep the size of
//    their input, so that deep networks stay finite.
//  - rank 0 and 1: uniform in [0.25, 0.75). Such a vector may be a norm's scale, a variance or a bias:
//    positive, so that a square root of it exists; of the size of one, so that neither a chain of scales nor
//    a sum of biases leaves the range; spread wide enough that a permuted vector is noticed.
// Integer and bool weights are zero.
#pragma once
#include "runtime/format/DType.h"
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace tgc::runtime {

/// Writes elements [first, first + count) of the weight to `out` (aligned to the element's size), on all
/// cores (or TGC_THREADS).
void fillRandom(DType dtype, const Shape &shape, const std::string &name, uint64_t seed, uint64_t first,
                uint64_t count, void *out);

/// What the weight's elements are made from, beside their numbers: for generators elsewhere, as on a GPU.
struct RandomParameters {
  uint64_t key = 0;
  float scale = 0; // 0: uniform
};
RandomParameters randomParameters(const Shape &shape, const std::string &name, uint64_t seed);

struct RandomPlace {
  std::string name;
  DType dtype = DType::F32;
  Shape shape;
  uint64_t offset = 0; // in the file
};

/// Writes a file (whole or not at all) that holds each weight at its offset and zeros elsewhere, for instance
/// the external data of an ONNX model.
void writeRandomFile(const std::string &path, const std::vector<RandomPlace> &places, uint64_t seed);

} // namespace tgc::runtime
