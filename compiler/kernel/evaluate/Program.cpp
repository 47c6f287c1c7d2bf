// The reference device: a program's launches in order on byte buffers.
#include "compiler/kernel/Elements.h"
#include "compiler/kernel/Evaluate.h"
#include "compiler/kernel/evaluate/StoreEvaluation.h"
#include "compiler/support/Error.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace tgc;
using namespace tgc::kernel;
using namespace tgc::kernel::evaluator;

namespace {

/// The elements of a constant; empty if it is none.
std::vector<char> denseBytes(Attribute source) {
  if (auto resource = dyn_cast_or_null<DenseResourceElementsAttr>(source)) {
    ArrayRef<char> data = resource.getRawHandle().getBlob()->getData();
    return {data.begin(), data.end()};
  }
  auto attribute = dyn_cast_or_null<DenseElementsAttr>(source);
  if (!attribute)
    return {};
  Type type = attribute.getElementType();
  int64_t bytes = elementBytes(type);
  std::vector<char> data(attribute.getNumElements() * bytes);
  char *out = data.data();
  if (isa<FloatType>(type))
    for (const APFloat &value : attribute.getValues<APFloat>()) {
      APInt bits = value.bitcastToAPInt();
      uint64_t word = bits.getZExtValue();
      std::memcpy(out, &word, bytes);
      out += bytes;
    }
  else
    for (const APInt &value : attribute.getValues<APInt>()) {
      writeInteger(out, value.getSExtValue(), type);
      out += bytes;
    }
  return data;
}

class ProgramRun {
public:
  ProgramRun(ModuleOp module, const NamedBytes &bound) : symbols_(module), bound_(bound) {}

  NamedBytes run(ProgramOp program) {
    NamedBytes outputs;
    for (Operation &op : *program.getBlock())
      llvm::TypeSwitch<Operation *>(&op)
          .Case([&](InputOp input) { bind(input.getResult(), input.getName(), nullptr); })
          .Case([&](WeightOp weight) {
            bind(weight.getResult(), weight.getName(), weight.getSource().value_or(nullptr));
          })
          .Case<OutputOp, BufferOp>([&](auto buffer) {
            auto storage = std::make_shared<std::vector<char>>();
            storage->resize(bufferBytes(cast<MemRefType>(buffer.getResult().getType())));
            storage_[buffer.getResult()] = storage;
          })
          .Case([&](memref::ReinterpretCastOp cast) { view(cast); })
          .Case([&](LaunchOp launch) { this->launch(launch); })
          .Default([&](Operation *other) {
            unsupported("the evaluator has no program operation {}", other->getName().getStringRef().str());
          });
    for (OutputOp output : program.getBlock()->getOps<OutputOp>())
      outputs[output.getName().str()] = *storage_[output.getResult()];
    return outputs;
  }

private:
  using Storage = std::shared_ptr<std::vector<char>>;

  void bind(Value buffer, StringRef name, Attribute source) {
    int64_t bytes = bufferBytes(cast<MemRefType>(buffer.getType()));
    auto given = bound_.find(name.str());
    auto storage = std::make_shared<std::vector<char>>();
    if (given != bound_.end())
      *storage = given->second;
    else
      *storage = denseBytes(source);
    if (storage->empty())
      badInput("no data for `{}`", name.str());
    if (int64_t(storage->size()) != bytes)
      badInput("`{}` needs {} bytes, {} were given", name.str(), bytes, storage->size());
    storage_[buffer] = storage;
  }

  void view(memref::ReinterpretCastOp cast) {
    auto type = mlir::cast<MemRefType>(cast.getType());
    Storage base = storage_[cast.getSource()];
    if (!type.hasStaticShape() || bufferBytes(type) > int64_t(base->size()))
      badInput("a reinterpret_cast reaches past its buffer");
    storage_[cast.getResult()] = base;
  }

  void launch(LaunchOp launch) {
    auto func = symbols_.lookup<FuncOp>(launch.getKernel());
    if (!func)
      badInput("no kernel @{}", launch.getKernel().str());
    SmallVector<Bytes> buffers;
    SmallVector<char *> bases;
    for (auto [i, buffer] : llvm::enumerate(launch.getBuffers())) {
      std::vector<char> &bytes = *storage_[buffer];
      int64_t offset = launch.offsetOf(i) * elementBytes(cast<MemRefType>(buffer.getType()).getElementType());
      if (offset > int64_t(bytes.size()))
        badInput("launch of @{}: buffer {} starts behind its end", launch.getKernel().str(), i);
      bases.push_back(bytes.data() + offset);
      buffers.push_back(Bytes(bytes).drop_front(offset));
    }
    if (buffers.size() != func.getNumBuffers())
      badInput("launch of @{} with {} buffers, it has {}", launch.getKernel().str(), buffers.size(),
               func.getNumBuffers());
    Interpreter interpreter(func, buffers, /*scales=*/false);
    // A stored buffer may share memory with a loaded one, so nothing is written before all is computed.
    struct Element {
      char *at;
      char bytes[8];
    };
    std::vector<std::pair<int64_t, std::vector<Element>>> written;
    for (StoreOp store : func.getBlock()->getOps<StoreOp>()) {
      auto argument = cast<BlockArgument>(store.getBuffer());
      auto type = cast<MemRefType>(argument.getType());
      char *base = bases[argument.getArgNumber()];
      if (bufferBytes(type) > int64_t(buffers[argument.getArgNumber()].size()))
        badInput("launch of @{}: buffer {} is too short", launch.getKernel().str(), argument.getArgNumber());
      Type elementType = type.getElementType();
      int64_t size = elementBytes(elementType);
      std::vector<Element> &elements = written.emplace_back(size, std::vector<Element>()).second;
      bool real = isa<FloatType>(elementType);
      forEachStored(func, store, interpreter, elementOffset(type, store.getMap()),
                    [&](int64_t position, const Cell &cell) {
                      Element &element = elements.emplace_back();
                      element.at = base + position * size;
                      if (real)
                        writeReal(element.bytes, cell.real, elementType);
                      else
                        writeInteger(element.bytes, cell.integer, elementType);
                    });
    }
    for (auto &[size, elements] : written)
      for (const Element &element : elements)
        std::memcpy(element.at, element.bytes, size);
  }

  SymbolTable symbols_;
  const NamedBytes &bound_;
  DenseMap<Value, Storage> storage_;
};

} // namespace

NamedBytes tgc::kernel::evaluateProgram(ModuleOp module, ProgramOp program, const NamedBytes &bound) {
  return ProgramRun(module, bound).run(program);
}
