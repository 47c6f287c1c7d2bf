// The operator families: each file adds its operators to the one table.
#pragma once
#include "frontends/onnx/NodeContext.h"

namespace tgc::onnx {

void addActivations(HandlerTable &table);
void addArithmetic(HandlerTable &table);
void addAttention(HandlerTable &table);
void addCasts(HandlerTable &table);
void addConstants(HandlerTable &table);
void addControl(HandlerTable &table);
void addConvolutions(HandlerTable &table);
void addGathers(HandlerTable &table);
void addLogic(HandlerTable &table);
void addMatmuls(HandlerTable &table);
void addMovement(HandlerTable &table);
void addNormalizations(HandlerTable &table);
void addPadding(HandlerTable &table);
void addPooling(HandlerTable &table);
void addQuantization(HandlerTable &table);
void addReductions(HandlerTable &table);
void addResize(HandlerTable &table);
void addScatters(HandlerTable &table);
void addSlices(HandlerTable &table);

} // namespace tgc::onnx
