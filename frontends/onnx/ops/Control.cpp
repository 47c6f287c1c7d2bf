// Control flow whose course is known at compile time.
#include "frontends/onnx/Importer.h"
#include "frontends/onnx/ops/Families.h"

namespace tgc::onnx {
namespace {

/// The branch that the condition takes is imported in place.
void branch(NodeContext &c) {
  bool condition = c.knownInt(0, "the condition of If") != 0;
  std::vector<TensorPtr> results =
      c.importer().inlineGraph(c.graphAttr(condition ? "then_branch" : "else_branch"));
  for (size_t i = 0; i < c.outputCount(); ++i) {
    if (i >= results.size())
      c.bad("the branch has {} outputs, the node {}", results.size(), c.outputCount());
    c.outTensor(i, results[i]);
  }
}

} // namespace

void addControl(HandlerTable &table) { table["If"] = branch; }

} // namespace tgc::onnx
