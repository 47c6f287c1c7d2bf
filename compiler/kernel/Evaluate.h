// The reference evaluator: kernels in double precision, without code generation.
#pragma once
#include "compiler/kernel/Kernel.h"

#include <map>
#include <string>
#include <vector>

namespace tgc::kernel {

/// The bytes of one buffer, from the base that its memref type's offset counts from.
using Bytes = llvm::ArrayRef<char>;

/// A value with the size of what was summed to make it: a computed y may differ from it by
/// τ · |value| + σ · scale. Integers are exact and have scale 0.
struct Reference {
  double value = 0;
  int64_t integer = 0; ///< of integer types, sign-extended; `value` is the same as a double
  double scale = 0;
  bool stored = false; ///< false: no store covers this element
};

/// One stored buffer in its logical shape, row-major.
struct StoredBuffer {
  unsigned argument = 0; ///< position among the kernel's buffers
  mlir::MemRefType type;
  std::vector<Reference> elements;
};

/// Evaluates the kernel everywhere. `buffers` holds one entry for each buffer argument; entries of stored
/// buffers are not read. Throws BadInput when a buffer is too short and Unsupported on an unknown operation.
std::vector<StoredBuffer> evaluate(FuncOp func, llvm::ArrayRef<Bytes> buffers);

/// One element of one stored buffer.
struct Sample {
  unsigned argument = 0;
  llvm::SmallVector<int64_t> coordinates;
};

/// Evaluates single elements; time is about samples × the size of the reductions behind each, spread
/// over the context's threads.
std::vector<Reference> evaluateAt(FuncOp func, llvm::ArrayRef<Bytes> buffers, llvm::ArrayRef<Sample> samples);

/// Whether a computed value is as good as its reference: NaN and infinities agree, integers are equal, and
/// |value - reference| <= τ·|reference| + σ·scale with the type's tolerances.
bool agrees(double value, double reference, double scale, mlir::Type type);
/// The type's τ and σ.
struct Tolerance {
  double relative, ofScale;
};
Tolerance toleranceOf(mlir::Type type);

using NamedBytes = std::map<std::string, std::vector<char>>;

/// Runs all launches of a program in order, rounding stored values to the buffers' types. `bound` holds the
/// bytes of inputs and of weights whose source is not a dense attribute, by name. Gives the outputs by name.
/// Throws BadInput when a name is missing or its bytes do not fit.
NamedBytes evaluateProgram(mlir::ModuleOp module, ProgramOp program, const NamedBytes &bound);

} // namespace tgc::kernel
