// A free weight made ahead in the order in which the copy engine wants it.
#pragma once
#include "search/plan/PipeParts.h"

namespace tgc {

/// Puts the packed weight into `kernel`, as the kernel reads it after packing, and says how to pack it; nothing if it
/// reads it so already. `side` is the letter of the columns. Throws Refusal.
std::optional<PackPlan> packColumns(KernelInfo &kernel, const OperandInfo &operand, const std::string &name,
                                    const std::string &text, char side, const Side &columns,
                                    const Side &depth);

} // namespace tgc
