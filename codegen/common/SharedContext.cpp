#include "codegen/common/SharedContext.h"

#include "compiler/support/Error.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace tgc {

void requireDialects(MLIRContext &context, llvm::ArrayRef<const char *> dialects, llvm::StringRef where,
                     llvm::StringRef registration) {
  for (const char *dialect : dialects)
    if (!context.getLoadedDialect(dialect))
      internalError("{}: the context has no dialect {}; see {}", where.str(), dialect, registration.str());
}

ErrorCollector::ErrorCollector(MLIRContext *context)
    : handler(context, [this](Diagnostic &diagnostic) {
        if (diagnostic.getSeverity() == DiagnosticSeverity::Error) {
          llvm::raw_string_ostream stream(text);
          stream << diagnostic.getLocation() << ": " << diagnostic << '\n';
        }
        return failure();
      }) {}

} // namespace tgc
