#include "search/KernelInfo.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace tgc {

int64_t bytesOf(ElementType type) {
  switch (type) {
  case ElementType::F64:
  case ElementType::I64:
    return 8;
  case ElementType::F32:
  case ElementType::I32:
    return 4;
  case ElementType::F16:
  case ElementType::BF16:
  case ElementType::I16:
    return 2;
  case ElementType::F8E4M3:
  case ElementType::I8:
  case ElementType::I1:
    return 1;
  }
  return 1;
}

const char *nameOf(ElementType type) {
  switch (type) {
  case ElementType::F64:
    return "f64";
  case ElementType::F32:
    return "f32";
  case ElementType::F16:
    return "f16";
  case ElementType::BF16:
    return "bf16";
  case ElementType::F8E4M3:
    return "f8e4m3";
  case ElementType::I64:
    return "i64";
  case ElementType::I32:
    return "i32";
  case ElementType::I16:
    return "i16";
  case ElementType::I8:
    return "i8";
  case ElementType::I1:
    return "i1";
  }
  return "";
}

const char *nameOf(KernelShape shape) {
  switch (shape) {
  case KernelShape::Map:
    return "map";
  case KernelShape::Reduce:
    return "reduce";
  case KernelShape::Contract:
    return "contract";
  case KernelShape::Attend:
    return "attend";
  }
  return "";
}

const char *nameOf(ReductionKind kind) {
  switch (kind) {
  case ReductionKind::Contract:
    return "contract";
  case ReductionKind::Add:
    return "add";
  case ReductionKind::Mul:
    return "mul";
  case ReductionKind::Max:
    return "max";
  case ReductionKind::Min:
    return "min";
  case ReductionKind::ArgMax:
    return "argmax";
  case ReductionKind::ArgMin:
    return "argmin";
  case ReductionKind::Moments:
    return "moments";
  case ReductionKind::Softmax:
    return "softmax";
  }
  return "";
}

int64_t BufferInfo::elements() const {
  int64_t product = 1;
  for (int64_t size : shape)
    product *= size;
  return product;
}

int64_t BufferInfo::span() const {
  int64_t last = offset;
  for (size_t i = 0; i < shape.size(); ++i)
    last += (shape[i] - 1) * strides[i];
  return last + 1;
}

int64_t BufferInfo::bytes() const { return elements() * bytesOf(type); }

std::optional<int64_t> Access::strideOf(int axis, const BufferInfo &buffer) const {
  int64_t stride = 0;
  for (size_t i = 0; i < indices.size(); ++i) {
    int64_t coefficient = indices[i].coefficients[axis];
    if (coefficient == 0)
      continue;
    if (!indices[i].linear)
      return std::nullopt;
    stride += coefficient * buffer.strides[i];
  }
  return stride;
}

std::optional<int> KernelInfo::axisNamed(const std::string &name) const {
  for (size_t i = 0; i < axes.size(); ++i)
    if (axes[i].name == name)
      return int(i);
  return std::nullopt;
}

std::optional<int> KernelInfo::bufferNamed(const std::string &name) const {
  for (size_t i = 0; i < buffers.size(); ++i)
    if (buffers[i].name == name)
      return int(i);
  return std::nullopt;
}

namespace {

class Describer {
public:
  explicit Describer(const KernelInfo &kernel) : kernel(kernel) {}

  std::string run() {
    text = fmt::format("kernel {} {} flops {:.4g} bytes {:.4g}\n", kernel.name, nameOf(kernel.shape),
                       kernel.flops, kernel.bytes);
    for (const AxisInfo &axis : kernel.axes)
      text += fmt::format("  axis {} = {}{}{}{}\n", axis.name, axis.extent, axis.stored ? " stored" : "",
                          axis.reduced ? " reduced" : "", axis.remapped ? " remapped" : "");
    for (const Access &access : kernel.accesses)
      describeAccess(access);
    for (const ReductionInfo &reduction : kernel.reductions)
      text += fmt::format("  {} over {} -> {} : {}\n", nameOf(reduction.kind), names(reduction.over),
                          names(axesOf(reduction.result)), nameOf(reduction.accumulator));
    if (kernel.contract)
      describeContract(*kernel.contract);
    if (const auto &attend = kernel.attend) {
      text += fmt::format("  attend batch {} m {} n {} e {} d {} values {}\n", names(attend->batch),
                          names(attend->m), names(attend->n), names(attend->e), names(attend->d),
                          operand(attend->values));
      if (attend->scores)
        describeContract(*attend->scores);
    }
    return text;
  }

private:
  std::string names(const std::vector<int> &axes) const {
    std::vector<std::string> parts;
    for (int axis : axes)
      parts.push_back(kernel.axes[axis].name);
    return fmt::format("({})", fmt::join(parts, ","));
  }

  static std::vector<int> axesOf(const std::vector<bool> &set) {
    std::vector<int> axes;
    for (size_t i = 0; i < set.size(); ++i)
      if (set[i])
        axes.push_back(int(i));
    return axes;
  }

  void describeAccess(const Access &access) {
    const BufferInfo &buffer = kernel.buffers[access.buffer];
    std::vector<std::string> strides;
    for (int axis : axesOf(access.uses)) {
      std::optional<int64_t> stride = access.strideOf(axis, buffer);
      strides.push_back(fmt::format("{}:{}", kernel.axes[axis].name, stride ? std::to_string(*stride) : "?"));
    }
    text += fmt::format("  {} {} : {} [{}]{}{} strides ({})\n", access.store ? "store" : "load", buffer.name,
                        nameOf(buffer.type), fmt::join(buffer.shape, "x"), buffer.free ? " free" : "",
                        access.guarded ? " guarded" : "", fmt::join(strides, ","));
  }

  std::string operand(const OperandInfo &operand) const {
    std::vector<std::string> buffers;
    for (int access : operand.accesses)
      buffers.push_back(kernel.buffers[kernel.accesses[access].buffer].name);
    return fmt::format("{} ({}){}{}", nameOf(operand.type), fmt::join(buffers, ","),
                       operand.plain ? " plain" : "", operand.reduced ? " reduced" : "");
  }

  void describeContract(const ContractInfo &contract) {
    text += fmt::format("  contract batch {} m {} n {} k {} lhs {} rhs {}{}\n", names(contract.batch),
                        names(contract.m), names(contract.n), names(contract.k), operand(contract.lhs),
                        operand(contract.rhs), contract.tf32 ? " tf32" : "");
  }

  const KernelInfo &kernel;
  std::string text;
};

} // namespace

std::string describe(const KernelInfo &kernel) { return Describer(kernel).run(); }

} // namespace tgc
