// Reference values of some elements of a kernel's outputs, on the random data that candidates are measured with.
#pragma once
#include "compiler/kernel/Evaluate.h"
#include "search/KernelInfo.h"
#include "search/measure/Measure.h"

namespace tgc {

class SampledReference {
public:
  /// Evaluates at once: corners, edges and random places, as many as a second or so of evaluation allows.
  SampledReference(kernel::FuncOp kernel, const KernelInfo &info, uint64_t seed);

  const std::vector<SampledElement> &samples() const { return elements; }
  std::string disagreement(const std::vector<double> &values) const;

private:
  std::vector<SampledElement> elements;
  std::vector<kernel::Reference> references;
  std::vector<mlir::Type> types;
};

} // namespace tgc
