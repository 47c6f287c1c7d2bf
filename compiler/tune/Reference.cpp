// 1. Inputs and weights: the caller's, or as the measuring process makes them, random by seed and name.
// 2. Places: of every output the corners of its index space, then random ones.
// 3. The evaluator's value and scale there; places that no store covers are left out.
#include "compiler/tune/Reference.h"

#include "compiler/support/Error.h"
#include "runtime/format/HugePages.h"
#include "runtime/io/RandomWeights.h"
#include <algorithm>
#include <cmath>
#include <random>

using namespace mlir;

namespace tgc {

runtime::DType dtypeOf(ElementType type) {
  switch (type) {
  case ElementType::F64:
    return runtime::DType::F64;
  case ElementType::F32:
    return runtime::DType::F32;
  case ElementType::F16:
    return runtime::DType::F16;
  case ElementType::BF16:
    return runtime::DType::BF16;
  case ElementType::I64:
    return runtime::DType::I64;
  case ElementType::I32:
    return runtime::DType::I32;
  case ElementType::I16:
    return runtime::DType::I16;
  case ElementType::I8:
    return runtime::DType::I8;
  case ElementType::I1:
    return runtime::DType::Bool;
  case ElementType::F8E4M3:
    break;
  }
  unsupported("buffers of {} have no random data", nameOf(type));
}

namespace {

/// Places of one output: all corners of up to 4 axes, then random ones.
std::vector<SmallVector<int64_t>> placesOf(ArrayRef<int64_t> shape, size_t count, std::mt19937_64 &random) {
  std::vector<SmallVector<int64_t>> places;
  if (llvm::is_contained(shape, 0))
    return places;
  unsigned corners = 1u << std::min<size_t>(shape.size(), 3);
  for (unsigned corner = 0; corner < corners; ++corner) {
    SmallVector<int64_t> place;
    for (auto [i, extent] : llvm::enumerate(shape))
      place.push_back(corner >> std::min<size_t>(i, 2) & 1 ? extent - 1 : 0);
    places.push_back(place);
  }
  while (places.size() < std::max<size_t>(count, corners)) {
    SmallVector<int64_t> place;
    for (int64_t extent : shape)
      place.push_back(int64_t(random() % uint64_t(extent)));
    places.push_back(place);
  }
  llvm::sort(places);
  places.erase(std::unique(places.begin(), places.end()), places.end());
  if (places.size() > count) {
    std::shuffle(places.begin(), places.end(), random);
    places.resize(count);
  }
  return places;
}

} // namespace

runtime::Shape boundShape(MemRefType type, const BufferInfo &info) {
  if (type.getLayout().isIdentity())
    return runtime::Shape(type.getShape().begin(), type.getShape().end());
  return {info.span()};
}

size_t affordableSamples(const KernelInfo &info, size_t most) {
  double outputs = 1;
  for (const BufferInfo &buffer : info.buffers)
    outputs += buffer.stored ? double(buffer.elements()) : 0;
  // An element of a row needs the whole row's sums, which the row's other elements share only on the device.
  double behind = info.flops / outputs;
  for (const ReductionInfo &reduction : info.reductions) {
    double points = 1;
    for (int axis : reduction.over)
      points *= double(info.axes[axis].extent);
    behind = std::max(behind, points);
  }
  constexpr double Budget = 6e6;
  return std::clamp<size_t>(size_t(Budget / std::max(1.0, behind)), std::min<size_t>(most, 4), most);
}

SampledReference::SampledReference(kernel::FuncOp kernel, const KernelInfo &info, uint64_t seed) {
  std::vector<std::shared_ptr<uint8_t>> memory;
  std::vector<kernel::Bytes> buffers;
  for (auto [i, buffer] : llvm::enumerate(kernel.getBuffers())) {
    const BufferInfo &described = info.buffers[i];
    kernel::Bytes &bytes = buffers.emplace_back();
    if (described.stored)
      continue;
    auto size = size_t(described.span() * bytesOf(described.type));
    memory.push_back(runtime::newBuffer(size));
    uint8_t *data = memory.back().get();
    bytes = {reinterpret_cast<const char *>(data), size};
    runtime::fillRandom(dtypeOf(described.type), boundShape(cast<MemRefType>(buffer.getType()), described),
                        described.name, seed, 0, uint64_t(described.span()), data);
  }
  evaluate(kernel, info, buffers, affordableSamples(info, 96), seed);
}

SampledReference::SampledReference(kernel::FuncOp kernel, const KernelInfo &info,
                                   ArrayRef<kernel::Bytes> data, size_t count, uint64_t seed) {
  evaluate(kernel, info, data, count, seed);
}

void SampledReference::evaluate(kernel::FuncOp kernel, const KernelInfo &info, ArrayRef<kernel::Bytes> data,
                                size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<kernel::Sample> samples;
  for (auto [i, buffer] : llvm::enumerate(kernel.getBuffers()))
    if (info.buffers[i].stored)
      for (SmallVector<int64_t> &place :
           placesOf(cast<MemRefType>(buffer.getType()).getShape(), count, random))
        samples.push_back({unsigned(i), place});
  std::vector<kernel::Reference> found = kernel::evaluateAt(kernel, data, samples);
  for (auto [sample, reference] : llvm::zip(samples, found)) {
    if (!reference.stored)
      continue;
    auto type = cast<MemRefType>(kernel.getBuffers()[sample.argument].getType());
    SmallVector<int64_t> strides;
    int64_t place = 0;
    if (failed(getStridesAndOffset(type, strides, place)))
      internalError("a buffer without strides");
    for (auto [coordinate, stride] : llvm::zip(sample.coordinates, strides))
      place += coordinate * stride;
    elements.push_back({info.buffers[sample.argument].name, place});
    references.push_back(reference);
    types.push_back(type.getElementType());
  }
}

SampledReference::Verdict SampledReference::compare(const std::vector<double> &values) const {
  Verdict verdict;
  for (size_t i = 0; i < values.size(); ++i) {
    const kernel::Reference &reference = references[i];
    kernel::Tolerance tolerance = kernel::toleranceOf(types[i]);
    double allowed = tolerance.relative * std::abs(reference.value) + tolerance.ofScale * reference.scale;
    if (allowed > 0 && std::isfinite(values[i]) && std::isfinite(reference.value))
      verdict.worst = std::max(verdict.worst, std::abs(values[i] - reference.value) / allowed);
    if (!kernel::agrees(values[i], reference.value, reference.scale, types[i]) && verdict.wrong++ < 2)
      verdict.message += fmt::format("{}[{}] is {}, not {}; ", elements[i].output, elements[i].element,
                                     values[i], reference.value);
  }
  return verdict;
}

std::string SampledReference::disagreement(const std::vector<double> &values) const {
  if (values.size() != references.size())
    return fmt::format("{} of {} sampled elements were answered", values.size(), references.size());
  Verdict verdict = compare(values);
  return verdict.wrong
             ? fmt::format("{}{} of {} sampled elements wrong", verdict.message, verdict.wrong, values.size())
             : "";
}

} // namespace tgc
