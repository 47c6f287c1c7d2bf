#include "compiler/pipeline/Compilation.h"

#include "compiler/graph/Graph.h"
#include "compiler/pipeline/Front.h"
#include "compiler/pipeline/Stages.h"
#include "compiler/support/Error.h"
#include "compiler/tile/Tile.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include <atomic>
#include <chrono>
#include <thread>

using namespace mlir;

namespace tgc {

static std::unique_ptr<MLIRContext> makeContext() {
  DialectRegistry registry;
  registry.insert<arith::ArithDialect, math::MathDialect, func::FuncDialect, memref::MemRefDialect,
                  scf::SCFDialect, vector::VectorDialect, affine::AffineDialect, graph::GraphDialect,
                  kernel::KernelDialect, tile::TileDialect>();
  registerTargetDialects(registry);
  auto context = std::make_unique<MLIRContext>(registry);
  context->loadAllAvailableDialects();
  return context;
}

Compilation::Compilation(CompileOptions options)
    : options_(std::move(options)), context_(makeContext()), target_(makeTarget(options_.device)) {}
Compilation::~Compilation() = default;

/// Collects what MLIR reports while it is alive.
class DiagnosticText {
public:
  explicit DiagnosticText(MLIRContext *context)
      : handler_(context, [this](Diagnostic &diagnostic) {
          if (diagnostic.getSeverity() == DiagnosticSeverity::Remark)
            return failure();
          llvm::raw_string_ostream(text) << diagnostic.getLocation() << ": " << diagnostic.str() << "\n";
          return success();
        }) {}
  std::string text;

private:
  ScopedDiagnosticHandler handler_;
};

static OwningOpRef<ModuleOp> parseStage(const CompileOptions &options, MLIRContext *context) {
  DiagnosticText diagnostics(context);
  std::string name = options.model.string();
  ParserConfig config(context);
  OwningOpRef<ModuleOp> module = options.text.empty()
                                     ? parseSourceFile<ModuleOp>(name, config)
                                     : parseSourceString<ModuleOp>(options.text, config, name);
  if (!module)
    badInput("{}: {}", name, diagnostics.text.empty() ? "cannot be read" : diagnostics.text);
  return module;
}

void Compilation::run() {
  StageAccess access{*this};
  bool skip = !options_.from.empty();
  if (skip)
    module_ = parseStage(options_, context_.get());
  std::optional<Front> front;
  std::string_view taken; // the last stage whose work was kept
  for (const Stage &stage : stages()) {
    if (!taken.empty()) {
      if (taken == stage.name)
        taken = {};
      continue;
    }
    if (skip) {
      skip = options_.from != stage.name;
      if (!skip && options_.until == stage.name)
        return;
      continue;
    }
    auto start = std::chrono::steady_clock::now();
    access.progress(stage.name, 0, 1);
    {
      DiagnosticText diagnostics(context_.get());
      stage.run(access);
      if (stage.text && failed(mlir::verify(*module_)))
        internalError("invalid after stage {}: {}", stage.name, diagnostics.text);
    }
    times_.push_back(
        {stage.name, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()});
    if (Front::applies(options_) && (stage.run == importStage || stage.run == scheduleStage)) {
      start = std::chrono::steady_clock::now();
      if (stage.run == scheduleStage)
        front->keep();
      else if (front.emplace(access).take())
        taken = "schedule";
      times_.push_back({taken.empty() ? "keeping" : "kept",
                        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()});
    }
    if (options_.until == stage.name)
      return;
  }
}

std::string Compilation::text() {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module_->print(stream);
  stream << "\n";
  return text;
}

kernel::ProgramOp Compilation::program() {
  for (auto program : module_->getOps<kernel::ProgramOp>())
    return program;
  badInput("{}: there is no kernel.program", options_.model.string());
}

void runPasses(StageAccess access, llvm::function_ref<void(OpPassManager &)> add) {
  PassManager passes(&access.context());
  passes.enableVerifier(access.options().verify);
  add(passes);
  DiagnosticText diagnostics(&access.context());
  if (failed(passes.run(access.module().get())))
    internalError("a pass failed: {}", diagnostics.text);
}

void inParallel(StageAccess access, std::string_view stage, size_t count,
                llvm::function_ref<void(size_t)> work) {
  unsigned jobs =
      access.options().jobs ? access.options().jobs : std::max(1u, std::thread::hardware_concurrency());
  std::atomic<size_t> next = 0, done = 0;
  std::exception_ptr failure;
  std::mutex mutex;
  auto worker = [&] {
    for (size_t i; (i = next++) < count;) {
      try {
        work(i);
      } catch (...) {
        std::lock_guard lock(mutex);
        if (!failure)
          failure = std::current_exception();
        next = count;
      }
      access.progress(stage, ++done, count);
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 1; i < std::min<size_t>(jobs, count); ++i)
    threads.emplace_back(worker);
  worker();
  for (std::thread &thread : threads)
    thread.join();
  if (failure)
    std::rethrow_exception(failure);
}

} // namespace tgc
