// tgc-import MODEL.onnx: prints the graph stage of an ONNX model.
#include "frontends/onnx/Import.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/raw_ostream.h"
#include <cstring>

static std::vector<int64_t> parseShape(const std::string &text) {
  std::vector<int64_t> shape;
  for (size_t i = 0; i < text.size();) {
    size_t end = std::min(text.find('x', i), text.size());
    size_t used = 0;
    shape.push_back(std::stoll(text.substr(i, end - i), &used));
    if (used != end - i)
      throw std::invalid_argument(text);
    i = end + 1;
  }
  return shape;
}

int main(int argc, char **argv) {
  const char *usage =
      "usage: tgc-import MODEL.onnx [--shape NAME=1x4x64x64]... [--precision f32|tf32|f16|bf16]"
      " [--locations] [--quiet]\n";
  tgc::onnx::ImportOptions options;
  std::string path;
  bool locations = false, quiet = false;
  try {
    for (int i = 1; i < argc; ++i) {
      std::string argument = argv[i];
      if (argument == "--shape" && i + 1 < argc) {
        std::string text = argv[++i];
        size_t equals = text.rfind('=');
        if (equals == std::string::npos)
          throw std::invalid_argument(text);
        options.shapes[text.substr(0, equals)] = parseShape(text.substr(equals + 1));
      } else if (argument == "--precision" && i + 1 < argc) {
        options.precision = argv[++i];
      } else if (argument == "--locations") {
        locations = true;
      } else if (argument == "--quiet") {
        quiet = true;
      } else if (path.empty() && argument[0] != '-') {
        path = argument;
      } else {
        throw std::invalid_argument(argument);
      }
    }
    if (path.empty())
      throw std::invalid_argument("no model");
  } catch (const std::exception &error) {
    llvm::errs() << usage << "bad argument: " << error.what() << "\n";
    return int(tgc::ErrorKind::Usage);
  }
  try {
    mlir::MLIRContext context;
    mlir::OwningOpRef<mlir::ModuleOp> module = tgc::onnx::importModel(context, path, options);
    mlir::OpPrintingFlags flags;
    if (locations)
      flags.enableDebugInfo(true, false);
    if (!quiet) {
      module->print(llvm::outs(), flags);
      llvm::outs() << "\n";
    }
    return 0;
  } catch (const tgc::Error &error) {
    llvm::errs() << "error: " << error.what() << "\n";
    return error.exitCode();
  }
}
