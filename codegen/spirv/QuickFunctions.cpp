// OpenCL's native functions, of which MLIR's dialect has none: programs call imports of their names, and what was written
// becomes the instruction. Every driver knows those; names that compilers give such functions change with their versions.
//  1. Imports are found by their linkage, and the set of OpenCL's instructions by its name; where it is missing it is
//     imported before the memory model.
//  2. Calls become instructions of the set; declarations and decorations of the imports go.
#include "codegen/spirv/QuickFunctions.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringSwitch.h"
#include <algorithm>

namespace tgc::spv {

namespace {

constexpr uint32_t header = 5, boundWord = 3, opName = 5, opImportSet = 11, opInstruction = 12,
                   opMemoryModel = 14, opFunction = 54, opFunctionEnd = 56, opCall = 57, opDecorate = 71,
                   linkage = 41;
constexpr llvm::StringLiteral set = "OpenCL.std";

/// The number of the instruction, or 0.
uint32_t instructionOf(llvm::StringRef name) {
  return llvm::StringSwitch<uint32_t>(name).Case("native_exp2", 84).Case("native_recip", 90).Default(0);
}

} // namespace

void useQuickFunctions(std::vector<uint32_t> &words) {
  llvm::DenseMap<uint32_t, uint32_t> instructions; // of imports
  uint32_t setId = 0;
  for (size_t at = header; at < words.size(); at += words[at] >> 16) {
    uint32_t op = words[at] & 0xffff;
    if (op == opDecorate && words[at + 2] == linkage) {
      if (uint32_t number = instructionOf(reinterpret_cast<const char *>(&words[at + 3])))
        instructions[words[at + 1]] = number;
    } else if (op == opImportSet && reinterpret_cast<const char *>(&words[at + 2]) == set) {
      setId = words[at + 1];
    }
  }
  if (instructions.empty())
    return;
  std::vector<uint32_t> result(words.begin(), words.begin() + header);
  bool dropped = false;
  for (size_t at = header; at < words.size(); at += words[at] >> 16) {
    uint32_t op = words[at] & 0xffff;
    if (op == opMemoryModel && setId == 0) {
      setId = result[boundWord]++;
      uint32_t length = set.size() / 4 + 1;
      result.insert(result.end(), {(length + 2) << 16 | opImportSet, setId});
      result.resize(result.size() + length);
      std::copy(set.begin(), set.end(), reinterpret_cast<char *>(&result[result.size() - length]));
    }
    dropped |= op == opFunction && instructions.count(words[at + 2]);
    if (op == opCall && instructions.count(words[at + 3])) {
      result.insert(result.end(), {((words[at] >> 16) + 1) << 16 | opInstruction, words[at + 1],
                                   words[at + 2], setId, instructions[words[at + 3]]});
      result.insert(result.end(), words.begin() + at + 4, words.begin() + at + (words[at] >> 16));
    } else if (!dropped && !((op == opDecorate || op == opName) && instructions.count(words[at + 1]))) {
      result.insert(result.end(), words.begin() + at, words.begin() + at + (words[at] >> 16));
    }
    dropped &= op != opFunctionEnd;
  }
  words = std::move(result);
}

} // namespace tgc::spv
