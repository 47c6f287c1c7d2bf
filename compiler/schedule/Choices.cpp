// 1. A load's pieces in their order, each under its conditions; where the fill is another number than 0 there is no choice.
// 2. Of a selection by a test: what is chosen where the test holds, under its conditions too, then the rest.
// 3. What a guarded load leaves is 0 before the rest has its turn.
#include "compiler/schedule/Choices.h"

#include "compiler/kernel/transforms/Access.h"
#include "compiler/schedule/Describe.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace tgc {
namespace {

class Choices {
public:
  Choices(kernel::FuncOp func, llvm::function_ref<int(Operation *)> positionOf)
      : func(func), positionOf(positionOf) {}

  bool add(Value value, const std::vector<Condition> &under) {
    if (auto constant = value.getDefiningOp<arith::ConstantOp>()) {
      found.push_back({-1, under});
      return isZero(constant.getValue());
    }
    if (auto load = value.getDefiningOp<kernel::LoadOp>())
      return addLoad(load, under);
    auto select = value.getDefiningOp<arith::SelectOp>();
    auto test = select ? select.getCondition().getDefiningOp<kernel::TestOp>() : kernel::TestOp();
    std::vector<Condition> both = under;
    return test && addConditions(kernel::accessOf(func, test).conditions.front(), both) &&
           add(select.getTrueValue(), both) && add(select.getFalseValue(), under);
  }

  std::vector<ChoiceInfo> found;

private:
  bool addLoad(kernel::LoadOp load, const std::vector<Condition> &under) {
    if (load.getFill() && !isZero(*load.getFill()))
      return false;
    kernel::Access access = kernel::accessOf(func, load);
    for (unsigned i = 0; i < load.getNumPieces(); ++i) {
      ChoiceInfo choice{positionOf(load) + int(i), under};
      if (!kernel::isAlwaysTrue(access.conditions[i]) &&
          !addConditions(access.conditions[i], choice.conditions))
        return false;
      found.push_back(std::move(choice));
    }
    if (load.getFill())
      found.push_back({-1, under});
    return true;
  }

  bool addConditions(IntegerSet set, std::vector<Condition> &conditions) {
    for (auto [constraint, equal] : llvm::zip(set.getConstraints(), set.getEqFlags())) {
      Condition condition{{std::vector<int64_t>(func.getNumAxes(), 0)}, equal};
      if (!addLinear(constraint, 1, condition.value))
        return false;
      conditions.push_back(std::move(condition));
    }
    return true;
  }

  kernel::FuncOp func;
  llvm::function_ref<int(Operation *)> positionOf;
};

} // namespace

std::vector<ChoiceInfo> choicesOf(kernel::FuncOp func, Value value,
                                  llvm::function_ref<int(Operation *)> positionOf) {
  Choices choices(func, positionOf);
  if (!choices.add(value, {}))
    return {};
  while (!choices.found.empty() && choices.found.back().access < 0)
    choices.found.pop_back(); // 0 is what is left
  return std::move(choices.found);
}

} // namespace tgc
