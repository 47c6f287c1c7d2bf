// What every compilation needs of a context that compiling threads share.
#pragma once
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include <string>

namespace tgc {

/// Throws an internal error that names the first dialect which the context lacks: loading one while other threads
/// compile is not safe. `where` begins the message; `registration` names what registers them.
void requireDialects(mlir::MLIRContext &context, llvm::ArrayRef<const char *> dialects, llvm::StringRef where,
                     llvm::StringRef registration);

/// Gathers the errors that passes report, as lines "location: message". The handlers of the caller see them too.
class ErrorCollector {
public:
  explicit ErrorCollector(mlir::MLIRContext *context);
  const std::string &lines() const { return text; }

private:
  std::string text;
  mlir::ScopedDiagnosticHandler handler;
};

} // namespace tgc
