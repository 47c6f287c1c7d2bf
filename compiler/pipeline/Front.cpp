// 1. The key: a hash of the imported module's bytecode with its locations, of the device, and of what else the stages up
//    to the schedule read of the options.
// 2. Kept with the module, as attributes: the graph's hash with the decisions that were turned; for every kernel that the
//    database was asked about the recorded schedules up to the one that was taken.
// 3. To take it those are asked again: the same answers would lead to the same module.
#include "compiler/pipeline/Front.h"

#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/BLAKE3.h"
#include "llvm/Support/SourceMgr.h"
#include <fmt/ranges.h>

using namespace mlir;

namespace tgc {
namespace {

constexpr llvm::StringLiteral cutAttr = "tgc.cut", askedAttr = "tgc.asked";

/// Hashes what is written.
class HashStream : public llvm::raw_ostream {
public:
  HashStream() : raw_ostream(/*unbuffered=*/false) {}
  ~HashStream() override { flush(); }
  std::string text() {
    flush();
    return llvm::toHex(hash.final<16>(), /*LowerCase=*/true);
  }

private:
  void write_impl(const char *data, size_t size) override {
    hash.update(llvm::ArrayRef(reinterpret_cast<const uint8_t *>(data), size));
    written += size;
  }
  uint64_t current_pos() const override { return written; }

  llvm::BLAKE3 hash;
  uint64_t written = 0;
};

std::string deviceText(const Target &target) {
  const DeviceInfo &device = target.device();
  return fmt::format("{} {} {} {} {} {} {} {} {} {} {} {} {} {}", device.kind, device.name,
                     device.architecture, device.units, device.vectorBytes, device.registers,
                     device.sharedBytes, device.l1Bytes, device.l2Bytes, device.l3Bytes, device.maxAllocation,
                     device.bandwidth, device.plainRate, fmt::join(target.requiredFeatures(), ","));
}

ArrayAttr texts(MLIRContext *context, const std::vector<std::string> &list) {
  Builder builder(context);
  return builder.getArrayAttr(llvm::map_to_vector(
      list, [&](const std::string &text) -> Attribute { return builder.getStringAttr(text); }));
}

std::vector<std::string> texts(ArrayAttr list) {
  std::vector<std::string> found;
  for (StringAttr text : list.getAsRange<StringAttr>())
    found.push_back(text.str());
  return found;
}

} // namespace

bool Front::applies(const CompileOptions &options) {
  return options.kept && options.from.empty() && (options.until.empty() || options.until == "schedule") &&
         !options.locked && options.schedules.empty() && !options.turned && options.recorded &&
         options.recordedCut;
}

Front::Front(StageAccess access) : access(access) {
  HashStream stream;
  stream << deviceText(access.target()) << "\n"
         << access.options().device << "\n"
         << access.options().import.precision.value_or("") << "\n";
  if (succeeded(writeBytecodeToFile(access.module().get(), stream)))
    key = stream.text();
}

bool Front::holds(ModuleOp module) const {
  auto cut = module->getAttrOfType<ArrayAttr>(cutAttr);
  auto asked = module->getAttrOfType<DictionaryAttr>(askedAttr);
  if (!cut || cut.empty() || !asked)
    return false;
  std::vector<std::string> turned = texts(cut);
  uint64_t graph = std::stoull(turned.front(), nullptr, 16);
  turned.erase(turned.begin());
  if (access.options().recordedCut(graph) != turned)
    return false;
  return llvm::all_of(asked, [&](NamedAttribute kernel) {
    std::vector<std::string> before = texts(cast<ArrayAttr>(kernel.getValue()));
    std::vector<std::string> now =
        access.options().recorded(std::stoull(kernel.getName().str(), nullptr, 16));
    // The first says whether one was taken; if not, another one may be legal.
    bool taken = before.front() == "taken";
    before.erase(before.begin());
    return now.size() >= before.size() && (taken || now.size() == before.size()) &&
           std::equal(before.begin(), before.end(), now.begin());
  });
}

bool Front::take() {
  // Who wants a stage's text wants what is known of its kernels too.
  bool whole = access.options().until.empty() && !key.empty();
  std::optional<std::vector<uint8_t>> bytes = whole ? access.options().kept->find(key) : std::nullopt;
  if (!bytes)
    return false;
  auto buffer = llvm::WritableMemoryBuffer::getNewUninitMemBuffer(bytes->size(), "front", llvm::Align(64));
  std::copy(bytes->begin(), bytes->end(), buffer->getBufferStart());
  auto sources = std::make_shared<llvm::SourceMgr>();
  sources->AddNewSourceBuffer(std::move(buffer), llvm::SMLoc());
  // Another version's, perhaps: what cannot be read is made again.
  ScopedDiagnosticHandler quiet(&access.context(), [](Diagnostic &) { return success(); });
  OwningOpRef<ModuleOp> module =
      parseSourceFile<ModuleOp>(sources, ParserConfig(&access.context(), /*verifyAfterParse=*/false));
  if (!module || !holds(*module))
    return false;
  (*module)->removeAttr(cutAttr);
  (*module)->removeAttr(askedAttr);
  access.module() = std::move(module);
  return true;
}

void Front::keep() {
  if (key.empty())
    return;
  ModuleOp module = *access.module();
  MLIRContext *context = &access.context();
  std::vector<std::string> cut{fmt::format("{:016x}", access.cut().graph)};
  cut.insert(cut.end(), access.cut().turned.begin(), access.cut().turned.end());
  NamedAttrList asked;
  for (const auto &[kernel, answer] : access.asked()) {
    std::vector<std::string> list{answer.taken ? "taken" : "none"};
    list.insert(list.end(), answer.schedules.begin(), answer.schedules.end());
    asked.append(fmt::format("{:016x}", kernel), texts(context, list));
  }
  module->setAttr(cutAttr, texts(context, cut));
  module->setAttr(askedAttr, asked.getDictionary(context));
  std::string bytes;
  llvm::raw_string_ostream stream(bytes);
  if (succeeded(writeBytecodeToFile(module, stream)))
    access.options().kept->store(key, {reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()});
  module->removeAttr(cutAttr);
  module->removeAttr(askedAttr);
}

} // namespace tgc
