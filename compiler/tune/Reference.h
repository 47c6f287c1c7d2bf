// Reference values of some elements of a kernel's outputs, to check what ran on a device.
#pragma once
#include "compiler/kernel/Evaluate.h"
#include "runtime/format/DType.h"
#include "search/KernelInfo.h"
#include "search/measure/Measure.h"

namespace tgc {

/// The runtime's type of a buffer's elements. Throws tgc::Error (Unsupported) for types that have no random data.
runtime::DType dtypeOf(ElementType type);
/// The shape under which a program around the kernel binds the buffer: its own if it is dense, else its span.
runtime::Shape boundShape(mlir::MemRefType type, const BufferInfo &info);
/// How many elements of an output a second or so of evaluation allows, up to `most`: fewer behind long reductions.
size_t affordableSamples(const KernelInfo &info, size_t most);

class SampledReference {
public:
  /// On the data that the measuring process makes from the seed. Evaluates at once.
  SampledReference(kernel::FuncOp kernel, const KernelInfo &info, uint64_t seed);
  /// On data of the caller's, by the kernel's buffers: corners, then random places, `count` of each output.
  SampledReference(kernel::FuncOp kernel, const KernelInfo &info, llvm::ArrayRef<kernel::Bytes> data,
                   size_t count, uint64_t seed);

  const std::vector<SampledElement> &samples() const { return elements; }

  struct Verdict {
    size_t wrong = 0;
    double worst = 0;    ///< largest error, as a part of what is tolerated
    std::string message; ///< the first wrong elements
  };
  /// Values of the samples, in their order.
  Verdict compare(const std::vector<double> &values) const;
  /// What is wrong with them in words; empty if they agree.
  std::string disagreement(const std::vector<double> &values) const;

private:
  void evaluate(kernel::FuncOp kernel, const KernelInfo &info, llvm::ArrayRef<kernel::Bytes> data,
                size_t count, uint64_t seed);

  std::vector<SampledElement> elements;
  std::vector<kernel::Reference> references;
  std::vector<mlir::Type> types;
};

} // namespace tgc
