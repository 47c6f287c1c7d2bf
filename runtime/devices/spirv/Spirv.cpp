#include "runtime/devices/spirv/Spirv.h"
#include "runtime/format/Error.h"
#include <algorithm>
#include <cstring>

namespace tgc::runtime::spirv {

namespace {
constexpr uint32_t Magic = 0x07230203, HeaderWords = 5;
constexpr uint32_t OpEntryPoint = 15, OpExecutionMode = 16, OpCapability = 17, OpFunction = 54,
                   OpDecorate = 71;
constexpr uint32_t ModeLocalSize = 17, ModeSubgroupSize = 35;
constexpr uint32_t DecorationLinkage = 41, LinkageImport = 1;

/// A string's words end with the one that holds a zero byte.
std::string text(const std::vector<uint32_t> &words, size_t from, size_t end) {
  const char *first = reinterpret_cast<const char *>(words.data() + from);
  return std::string(first, strnlen(first, (end - from) * 4));
}
} // namespace

bool ModuleFacts::needs(uint32_t capability) const {
  return std::find(capabilities.begin(), capabilities.end(), capability) != capabilities.end();
}

ModuleFacts readModule(const Bytes &image, const std::string &where) {
  std::vector<uint32_t> words(image.size() / 4);
  std::memcpy(words.data(), image.data(), words.size() * 4);
  if (image.size() % 4 != 0 || words.size() < HeaderWords || words[0] != Magic)
    badInput(where + " is no SPIR-V");
  ModuleFacts facts;
  facts.major = words[1] >> 16 & 255;
  facts.minor = words[1] >> 8 & 255;
  std::vector<std::pair<uint32_t, size_t>> functions; // id and place in kernels
  for (size_t at = HeaderWords; at < words.size();) {
    uint32_t count = words[at] >> 16, op = words[at] & 0xFFFF;
    if (count == 0 || count > words.size() - at)
      badInput(where + " is damaged SPIR-V");
    if (op == OpFunction)
      break;
    size_t end = at + count;
    if (op == OpCapability && count == 2) {
      facts.capabilities.push_back(words[at + 1]);
    } else if (op == OpEntryPoint && count >= 4) {
      functions.push_back({words[at + 2], facts.kernels.size()});
      facts.kernels.push_back({text(words, at + 3, end), {0, 0, 0}, 0});
    } else if (op == OpExecutionMode && count >= 4) {
      for (auto [id, place] : functions)
        if (id == words[at + 1]) {
          if (words[at + 2] == ModeSubgroupSize)
            facts.kernels[place].subgroup = words[at + 3];
          if (words[at + 2] == ModeLocalSize && count == 6)
            std::copy_n(words.begin() + long(at) + 3, 3, facts.kernels[place].block.begin());
        }
    } else if (op == OpDecorate && count >= 5 && words[at + 2] == DecorationLinkage &&
               words[end - 1] == LinkageImport) {
      facts.imports.push_back(text(words, at + 3, end - 1));
    }
    at = end;
  }
  return facts;
}

} // namespace tgc::runtime::spirv
