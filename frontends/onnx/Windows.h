// Geometry of convolution and pooling windows: attributes in, positions and padding out.
#pragma once
#include "frontends/onnx/NodeContext.h"

namespace tgc::onnx {

/// Position o, tap k reads o·strides + k·dilations − before. One entry for each spatial dimension.
struct Windows {
  /// `kernel` is the weight's for a convolution. Errors: BadInput for attributes that do not fit.
  Windows(NodeContext &c, llvm::ArrayRef<int64_t> in, llvm::ArrayRef<int64_t> kernel);

  Shape in, kernel, strides, dilations, before, after, out;
  /// Padding behind that the positions read.
  Shape usedAfter() const;
};

/// Input i, tap k adds to i·strides + k·dilations − before.
struct TransposedWindows {
  TransposedWindows(NodeContext &c, llvm::ArrayRef<int64_t> in, llvm::ArrayRef<int64_t> kernel);
  Shape kernel, strides, dilations, before, out;
};

} // namespace tgc::onnx
