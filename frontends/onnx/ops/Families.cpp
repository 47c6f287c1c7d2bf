#include "frontends/onnx/ops/Families.h"

namespace tgc::onnx {

const HandlerTable &handlers() {
  static const HandlerTable table = [] {
    HandlerTable result;
    for (auto add : {addActivations, addArithmetic, addCasts, addConstants, addControl, addConvolutions, addGathers,
                     addLogic, addMatmuls, addMovement, addNormalizations, addPadding, addPooling, addReductions,
                     addResize, addScatters, addSlices})
      add(result);
    return result;
  }();
  return table;
}

} // namespace tgc::onnx
