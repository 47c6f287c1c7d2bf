// In:  the graph stage.
// Out: the same with the f32 operands of contractions rounded to a 16-bit type; sums stay in f32. For tf32, which no
//      buffer has, contractions say that their operands may be rounded.
// This is what a model in f32 becomes under a 16-bit --precision: matrix units get the operands they want and
// weights take half the memory, while sums, norms, residuals and angles keep the model's precision. A value
// that contractions alone read is stored rounded, because its producer does the rounding.
// 1. A contraction too small for a matrix instruction stays as it is.
// 2. Each operand of f32 goes through one truncf; a value read by several contractions is rounded once.
#include "compiler/graph/Graph.h"
#include "compiler/graph/transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace tgc::graph {
namespace {

struct NarrowContractions : PassWrapper<NarrowContractions, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(NarrowContractions)
  NarrowContractions() = default;
  explicit NarrowContractions(StringRef name) { to = name.str(); }
  NarrowContractions(const NarrowContractions &other) : PassWrapper(other) { to = other.to; }
  StringRef getArgument() const override { return "graph-narrow-contractions"; }
  StringRef getDescription() const override {
    return "rounds operands of contractions to f16 or bf16, or lets them be rounded to tf32";
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect>();
  }
  Option<std::string> to{*this, "to", llvm::cl::desc("f16, bf16 or tf32"), llvm::cl::init("bf16")};

  void runOnOperation() override {
    Type narrow =
        to == "f16" ? Type(Float16Type::get(&getContext())) : Type(BFloat16Type::get(&getContext()));
    llvm::DenseMap<Value, Value> rounded;
    getOperation()->walk([&](ContractOp contract) {
      if (tooSmall(contract))
        return;
      if (to == "tf32") {
        contract.setTf32(contract.getKind() == ContractKind::Sum && isF32(contract.getLhs()) &&
                         isF32(contract.getRhs()));
        return;
      }
      contract.getLhsMutable().assign(round(contract.getLhs(), contract, narrow, rounded));
      contract.getRhsMutable().assign(round(contract.getRhs(), contract, narrow, rounded));
    });
  }

  static bool isF32(Value value) { return getElementTypeOrSelf(value.getType()).isF32(); }

  /// Too few columns or products for a matrix instruction: nothing is gained, as in a last convolution to 3
  /// channels.
  static bool tooSmall(ContractOp contract) {
    constexpr int64_t least = 32;
    int64_t columns = 1, depth = 1;
    for (auto [d, extent] : llvm::enumerate(contract.getExtents())) {
      bool result = int64_t(d) < cast<RankedTensorType>(contract.getResult().getType()).getRank();
      if (!result)
        depth *= extent;
      else if (contract.getRhsMap().isFunctionOfDim(d) && !contract.getLhsMap().isFunctionOfDim(d))
        columns *= extent;
    }
    return columns < least || depth < least;
  }

  static Value round(Value value, ContractOp contract, Type narrow, llvm::DenseMap<Value, Value> &rounded) {
    auto type = cast<RankedTensorType>(value.getType());
    // Weights of a softmax are no operand of a matrix instruction before they are normalised.
    bool isScores = contract.getKind() == ContractKind::Softmax && value == contract.getLhs();
    if (!type.getElementType().isF32() || isScores)
      return value;
    Value &result = rounded[value];
    if (!result) {
      OpBuilder builder(value.getContext());
      builder.setInsertionPointAfterValue(value);
      result = builder.create<arith::TruncFOp>(value.getLoc(), type.clone(narrow), value);
    }
    return result;
  }
};

} // namespace

std::unique_ptr<Pass> createNarrowContractionsPass(StringRef to) {
  return std::make_unique<NarrowContractions>(to);
}
void registerNarrowContractionsPass() { PassRegistration<NarrowContractions>(); }

} // namespace tgc::graph
