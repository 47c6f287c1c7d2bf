// 1. Inputs and weights as the measuring process makes them: random by seed and name.
// 2. Places: of every output the corners of its index space, then random ones.
// 3. The evaluator's value and scale there; places that no store covers are left out.
#include "compiler/tune/Reference.h"

#include "compiler/support/Error.h"
#include "runtime/io/RandomWeights.h"
#include <algorithm>
#include <random>

using namespace mlir;

namespace tgc {
namespace {

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

/// The shape under which a program binds the buffer: its own if it is dense, else its span.
runtime::Shape boundShape(MemRefType type, const BufferInfo &info) {
  if (type.getLayout().isIdentity())
    return runtime::Shape(type.getShape().begin(), type.getShape().end());
  return {info.span()};
}

} // namespace

SampledReference::SampledReference(kernel::FuncOp kernel, const KernelInfo &info, uint64_t seed) {
  std::mt19937_64 random(seed);
  double behind = 1;
  for (const AxisInfo &axis : info.axes)
    if (axis.reduced)
      behind *= double(axis.extent);
  auto count = size_t(std::clamp(4e6 / behind, 4.0, 96.0));
  std::vector<std::vector<char>> memory;
  std::vector<kernel::Bytes> bytes;
  std::vector<kernel::Sample> samples;
  for (auto [i, buffer] : llvm::enumerate(kernel.getBuffers())) {
    auto type = cast<MemRefType>(buffer.getType());
    const BufferInfo &described = info.buffers[i];
    std::vector<char> &data = memory.emplace_back();
    if (described.stored) {
      for (SmallVector<int64_t> &place : placesOf(type.getShape(), count, random))
        samples.push_back({unsigned(i), place});
    } else {
      data.resize(size_t(described.span() * bytesOf(described.type)));
      runtime::fillRandom(dtypeOf(described.type), boundShape(type, described), described.name, seed, 0,
                          uint64_t(described.span()), data.data());
    }
  }
  for (const std::vector<char> &data : memory)
    bytes.push_back(kernel::Bytes(data.data(), data.size()));
  std::vector<kernel::Reference> found = kernel::evaluateAt(kernel, bytes, samples);
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

std::string SampledReference::disagreement(const std::vector<double> &values) const {
  if (values.size() != references.size())
    return fmt::format("{} of {} sampled elements were answered", values.size(), references.size());
  std::string text;
  size_t wrong = 0;
  for (size_t i = 0; i < values.size(); ++i)
    if (!kernel::agrees(values[i], references[i].value, references[i].scale, types[i]) && wrong++ < 2)
      text += fmt::format("{}[{}] is {}, not {}; ", elements[i].output, elements[i].element, values[i],
                          references[i].value);
  return wrong ? fmt::format("{}{} of {} sampled elements wrong", text, wrong, values.size()) : "";
}

} // namespace tgc
