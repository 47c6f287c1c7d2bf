#include "frontends/onnx/ops/Families.h"

namespace tgc::onnx {

const HandlerTable &handlers() {
  static const HandlerTable table = [] {
    HandlerTable result;
    for (auto add :
         {addActivations, addArithmetic, addAttention, addCasts, addConstants, addControl, addConvolutions,
          addGathers, addLogic, addMatmuls, addMovement, addNormalizations, addPadding, addPooling,
          addQuantization, addReductions, addResize, addScatters, addSlices})
      add(result);
    return result;
  }();
  return table;
}

} // namespace tgc::onnx
