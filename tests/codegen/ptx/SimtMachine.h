// PTX instructions that kernels have as text, on the host: what a warp does together and copies that come later.
#pragma once
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace tgc::test {

/// One instruction of a kernel's text, with operands as $n.
struct SimtInstruction {
  enum Kind {
    CopyAsync,
    Commit,
    WaitGroup,
    LoadMatrix,
    StoreMatrix,
    Mma,
    WarpSync,
    ShuffleXor,
    Exp2,
    Reciprocal,
    Tanh,
    RoundTf32
  };
  enum Operand { Half, Brain, Tf32, Signed8, E4M3 };
  Kind kind = WarpSync;
  int matrices = 0; ///< LoadMatrix, StoreMatrix
  bool transposed = false;
  Operand operand = Half; ///< Mma
  int64_t number = 0; ///< WaitGroup: groups that may be under way; LoadMatrix: added bytes; ShuffleXor: lanes
  int predicate = -1, size = -1; ///< CopyAsync: operands, -1 for none
  int results = 0;
  /// Whether the threads of a warp do it together.
  bool collective() const {
    return kind == LoadMatrix || kind == StoreMatrix || kind == Mma || kind == WarpSync || kind == ShuffleXor;
  }
};

/// Throws tgc::Error (Internal) for text that the host does not know.
SimtInstruction parseInstruction(const std::string &text);

/// What one thread has of it.
struct SimtThread {
  std::vector<uint64_t> arguments;
  uint32_t results[4] = {};

  struct Copy {
    uint64_t to, from;
    int64_t bytes; ///< of 16, the others become 0
  };
  std::deque<std::vector<Copy>> groups;
  std::vector<Copy> open; ///< not committed yet
};

/// An instruction of one thread. `late`: copies happen when they are waited for, else at once.
void execute(const SimtInstruction &instruction, SimtThread &thread, bool late);
/// One of a warp of 32 threads.
void execute(const SimtInstruction &instruction, SimtThread *const *warp);

} // namespace tgc::test
