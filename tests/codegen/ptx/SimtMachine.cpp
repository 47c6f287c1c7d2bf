#include "tests/codegen/ptx/SimtMachine.h"

#include "compiler/support/Error.h"
#include <bit>
#include <cmath>
#include <cstring>

namespace tgc::test {
namespace {

bool begins(const std::string &text, const char *with) { return text.rfind(with, 0) == 0; }

/// The number behind the last `before`.
int64_t numberAfter(const std::string &text, const std::string &before) {
  size_t at = text.rfind(before);
  return at == std::string::npos ? 0 : std::stoll(text.substr(at + before.size()));
}

void copy(const SimtThread::Copy &copy) {
  char *to = reinterpret_cast<char *>(copy.to);
  if (copy.bytes > 0) // else nothing may be read
    std::memcpy(to, reinterpret_cast<const char *>(copy.from), size_t(copy.bytes));
  std::memset(to + copy.bytes, 0, size_t(16 - copy.bytes));
}

float fromHalf(uint16_t bits, bool brain) {
  if (brain)
    return std::bit_cast<float>(uint32_t(bits) << 16);
  return float(std::bit_cast<_Float16>(bits));
}

/// Lane t has the pair of columns 2 (t mod 4) of row t div 4; transposed, of the matrix's columns.
void loadMatrices(const SimtInstruction &instruction, SimtThread *const *warp) {
  for (int m = 0; m < instruction.matrices; ++m) {
    uint16_t matrix[8][8];
    for (int row = 0; row < 8; ++row)
      std::memcpy(matrix[row], reinterpret_cast<const char *>(warp[8 * m + row]->arguments[0] + instruction.number), 16);
    for (int t = 0; t < 32; ++t) {
      int row = t / 4, column = t % 4 * 2;
      uint16_t low = instruction.transposed ? matrix[column][row] : matrix[row][column];
      uint16_t high = instruction.transposed ? matrix[column + 1][row] : matrix[row][column + 1];
      warp[t]->results[m] = low | uint32_t(high) << 16;
    }
  }
}

/// D 16×8 = A 16×16 · B 16×8 + C. Arguments: four pairs of A, two of B, four of C.
void multiply(const SimtInstruction &instruction, SimtThread *const *warp) {
  float a[16][16], b[16][8];
  for (int t = 0; t < 32; ++t) {
    auto element = [&](int argument, int half) {
      return fromHalf(uint16_t(warp[t]->arguments[argument] >> (16 * half)), instruction.brain);
    };
    for (int half = 0; half < 2; ++half) {
      for (int i = 0; i < 4; ++i)
        a[t / 4 + i % 2 * 8][t % 4 * 2 + half + i / 2 * 8] = element(i, half);
      for (int i = 0; i < 2; ++i)
        b[t % 4 * 2 + half + i * 8][t / 4] = element(4 + i, half);
    }
  }
  for (int t = 0; t < 32; ++t)
    for (int i = 0; i < 4; ++i) {
      int row = t / 4 + i / 2 * 8, column = t % 4 * 2 + i % 2;
      float sum = std::bit_cast<float>(uint32_t(warp[t]->arguments[6 + i]));
      for (int k = 0; k < 16; ++k)
        sum += a[row][k] * b[k][column];
      warp[t]->results[i] = std::bit_cast<uint32_t>(sum);
    }
}

} // namespace

SimtInstruction parseInstruction(const std::string &whole) {
  SimtInstruction made;
  std::string text = whole;
  if (begins(text, "@$")) {
    made.predicate = int(std::stoll(text.substr(2)));
    text = text.substr(text.find(' ') + 1);
  }
  if (begins(text, "cp.async.cg.shared.global [$0], [$1], 16")) {
    made.kind = SimtInstruction::CopyAsync;
    made.size = text.find(", $2") == std::string::npos ? -1 : 2;
  } else if (begins(text, "cp.async.commit_group")) {
    made.kind = SimtInstruction::Commit;
  } else if (begins(text, "cp.async.wait_group ")) {
    made.kind = SimtInstruction::WaitGroup;
    made.number = numberAfter(text, "wait_group ");
  } else if (begins(text, "ldmatrix.sync.aligned.m8n8.x")) {
    made.kind = SimtInstruction::LoadMatrix;
    made.matrices = made.results = text[28] - '0';
    made.transposed = text.find(".trans") != std::string::npos;
    made.number = numberAfter(text, "+");
  } else if (begins(text, "mma.sync.aligned.m16n8k16.row.col.f32.")) {
    made.kind = SimtInstruction::Mma;
    made.results = 4;
    made.brain = text.find(".bf16.bf16.") != std::string::npos;
  } else if (begins(text, "bar.warp.sync 0xffffffff")) {
    made.kind = SimtInstruction::WarpSync;
  } else if (begins(text, "shfl.sync.bfly.b32 $0, $1, ")) {
    made.kind = SimtInstruction::ShuffleXor;
    made.number = std::stoll(text.substr(27));
    made.results = 1;
  } else if (begins(text, "ex2.approx.ftz.f32") || begins(text, "rcp.approx.ftz.f32") || begins(text, "tanh.approx.f32")) {
    made.kind = text[0] == 'e' ? SimtInstruction::Exp2 : text[0] == 'r' ? SimtInstruction::Reciprocal : SimtInstruction::Tanh;
    made.results = 1;
  } else {
    internalError("the host does not know the instruction {}", whole);
  }
  return made;
}

void execute(const SimtInstruction &instruction, SimtThread &thread, bool late) {
  auto number = [&] { return std::bit_cast<float>(uint32_t(thread.arguments[0])); };
  auto result = [&](float value) { thread.results[0] = std::bit_cast<uint32_t>(value); };
  switch (instruction.kind) {
  case SimtInstruction::CopyAsync: {
    if (instruction.predicate >= 0 && !(thread.arguments[size_t(instruction.predicate)] & 1))
      break;
    int64_t bytes = instruction.size < 0 ? 16 : int64_t(int32_t(thread.arguments[size_t(instruction.size)]));
    if (bytes < 0 || bytes > 16)
      internalError("a copy of {} bytes", bytes);
    SimtThread::Copy one{uint32_t(thread.arguments[0]), thread.arguments[1], bytes};
    if (one.to % 16 != 0 || (bytes > 0 && one.from % 16 != 0))
      internalError("a copy of 16 bytes from {:x} to {:x}", one.from, one.to);
    if (late)
      thread.open.push_back(one);
    else
      copy(one);
    break;
  }
  case SimtInstruction::Commit:
    thread.groups.push_back(std::move(thread.open));
    thread.open.clear();
    break;
  case SimtInstruction::WaitGroup:
    while (int64_t(thread.groups.size()) > instruction.number) {
      for (const SimtThread::Copy &one : thread.groups.front())
        copy(one);
      thread.groups.pop_front();
    }
    break;
  case SimtInstruction::Exp2:
    return result(std::exp2(number()));
  case SimtInstruction::Reciprocal:
    return result(1 / number());
  case SimtInstruction::Tanh:
    return result(std::tanh(number()));
  default:
    internalError("an instruction of a warp is given to a thread");
  }
}

void execute(const SimtInstruction &instruction, SimtThread *const *warp) {
  switch (instruction.kind) {
  case SimtInstruction::LoadMatrix:
    return loadMatrices(instruction, warp);
  case SimtInstruction::Mma:
    return multiply(instruction, warp);
  case SimtInstruction::ShuffleXor:
    for (int t = 0; t < 32; ++t)
      warp[t]->results[0] = uint32_t(warp[t ^ instruction.number]->arguments[0]);
    return;
  case SimtInstruction::WarpSync:
    return;
  default:
    internalError("an instruction of a thread is given to a warp");
  }
}

} // namespace tgc::test
