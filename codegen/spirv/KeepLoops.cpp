// Loops that the device's compiler must leave as they are: MLIR's dialect can say so of structured loops alone.
//  A branch back to a label that came before is a loop's end, and that label its beginning, which branches to the body or
//  out of it. Before that branch comes OpLoopMerge with the label behind the loop, that of its end, and DontUnroll.
#include "codegen/spirv/LowerThread.h"

#include "llvm/ADT/DenseMap.h"

namespace tgc::spv {

void keepLoops(std::vector<uint32_t> &words) {
  constexpr uint32_t header = 5, loopMerge = 246, labelOp = 248, branch = 249, branchConditional = 250,
                     dontUnroll = 2;
  llvm::DenseMap<uint32_t, size_t> ends;     // of the blocks that begin loops: their conditional branch, or 0
  llvm::DenseMap<uint32_t, uint32_t> goesOn; // the loop's beginning → the label of its last block
  uint32_t label = 0;
  for (size_t at = header; at < words.size(); at += words[at] >> 16) {
    uint32_t op = words[at] & 0xffff;
    if (op == labelOp) {
      label = words[at + 1];
      ends[label] = 0;
    } else if (op == branchConditional) {
      ends[label] = at;
    } else if (op == branch && ends.count(words[at + 1])) {
      // Of two ways back none is the end.
      auto [found, fresh] = goesOn.try_emplace(words[at + 1], label);
      found->second = fresh ? label : 0;
    }
  }
  std::vector<uint32_t> result(words.begin(), words.begin() + header);
  result.reserve(words.size() + 4 * goesOn.size());
  label = 0;
  for (size_t at = header; at < words.size(); at += words[at] >> 16) {
    uint32_t op = words[at] & 0xffff;
    if (op == labelOp)
      label = words[at + 1];
    if (uint32_t end = goesOn.lookup(label); op == branchConditional && end != 0)
      result.insert(result.end(), {4 << 16 | loopMerge, words[at + 3], end, dontUnroll});
    result.insert(result.end(), words.begin() + at, words.begin() + at + (words[at] >> 16));
  }
  words = std::move(result);
}

} // namespace tgc::spv
