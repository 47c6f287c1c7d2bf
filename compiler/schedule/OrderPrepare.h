// Orders a program's prepare launches so that what they make for each other is short-lived.
#pragma once
#include "compiler/kernel/Kernel.h"

namespace tgc {

/// Moves a prepare launch whose results only other prepare launches read right before the first of these. Transforming a
/// weight and packing the result follow each other then, weight by weight, and their workspaces share memory.
void orderPrepare(kernel::ProgramOp program);

} // namespace tgc
