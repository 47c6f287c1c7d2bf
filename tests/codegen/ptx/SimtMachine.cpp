#include "tests/codegen/ptx/SimtMachine.h"

#include "compiler/support/Error.h"
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

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

/// The other way: argument 1 + m is the pair of matrix m.
void storeMatrices(const SimtInstruction &instruction, SimtThread *const *warp) {
  for (int m = 0; m < instruction.matrices; ++m)
    for (int t = 0; t < 32; ++t) {
      auto pair = uint32_t(warp[t]->arguments[size_t(1 + m)]);
      std::memcpy(reinterpret_cast<char *>(warp[8 * m + t / 4]->arguments[0]) + t % 4 * 4, &pair, 4);
    }
}

/// Bits of an operand's element.
int widthOf(SimtInstruction::Operand operand) {
  switch (operand) {
  case SimtInstruction::Half:
  case SimtInstruction::Brain:
    return 16;
  case SimtInstruction::Tf32:
    return 32;
  case SimtInstruction::Signed8:
  case SimtInstruction::E4M3:
    return 8;
  }
  internalError("no such operand");
}

double fromBits(uint32_t bits, SimtInstruction::Operand operand) {
  switch (operand) {
  case SimtInstruction::Half:
    return double(std::bit_cast<_Float16>(uint16_t(bits)));
  case SimtInstruction::Brain:
    return std::bit_cast<float>(bits << 16);
  case SimtInstruction::Tf32:
    if (bits & 0x1FFF) // machines ignore these bits, or not
      internalError("an operand was not rounded to tf32");
    return std::bit_cast<float>(bits);
  case SimtInstruction::Signed8:
    return int8_t(bits);
  case SimtInstruction::E4M3: {
    int exponent = int(bits >> 3 & 15), mantissa = int(bits & 7);
    double size = exponent == 15 && mantissa == 7 ? NAN
                  : exponent == 0                 ? std::ldexp(mantissa, -9)
                                                  : std::ldexp(8 + mantissa, exponent - 10);
    return bits & 0x80 ? -size : size;
  }
  }
  internalError("no such operand");
}

/// Lane t has the pair of columns 2 (t mod 4) of row t div 4; transposed, of the matrix's columns.
void loadMatrices(const SimtInstruction &instruction, SimtThread *const *warp) {
  for (int m = 0; m < instruction.matrices; ++m) {
    uint16_t matrix[8][8];
    for (int row = 0; row < 8; ++row)
      std::memcpy(matrix[row],
                  reinterpret_cast<const char *>(warp[8 * m + row]->arguments[0] + instruction.number), 16);
    for (int t = 0; t < 32; ++t) {
      int row = t / 4, column = t % 4 * 2;
      uint16_t low = instruction.transposed ? matrix[column][row] : matrix[row][column];
      uint16_t high = instruction.transposed ? matrix[column + 1][row] : matrix[row][column + 1];
      warp[t]->results[m] = low | uint32_t(high) << 16;
    }
  }
}

/// D 16×8 = A 16×k · B k×8 + C, k elements in 32 bytes. Arguments: four words of A, two of B, four of C.
void multiply(const SimtInstruction &instruction, SimtThread *const *warp) {
  int width = widthOf(instruction.operand), each = 32 / width, depth = 8 * each;
  double a[16][32], b[32][8];
  for (int t = 0; t < 32; ++t) {
    auto element = [&](int argument, int e) {
      return fromBits(uint32_t(warp[t]->arguments[size_t(argument)] >> (width * e)) &
                          uint32_t((uint64_t(1) << width) - 1),
                      instruction.operand);
    };
    for (int e = 0; e < each; ++e) {
      for (int i = 0; i < 4; ++i)
        a[t / 4 + i % 2 * 8][t % 4 * each + e + i / 2 * (depth / 2)] = element(i, e);
      for (int i = 0; i < 2; ++i)
        b[t % 4 * each + e + i * (depth / 2)][t / 4] = element(4 + i, e);
    }
  }
  bool integers = instruction.operand == SimtInstruction::Signed8;
  for (int t = 0; t < 32; ++t)
    for (int i = 0; i < 4; ++i) {
      int row = t / 4 + i / 2 * 8, column = t % 4 * 2 + i % 2;
      auto before = uint32_t(warp[t]->arguments[size_t(6 + i)]);
      double sum = 0;
      for (int k = 0; k < depth; ++k)
        sum += a[row][k] * b[k][column];
      warp[t]->results[i] = integers ? before + uint32_t(int32_t(sum))
                                     : std::bit_cast<uint32_t>(float(std::bit_cast<float>(before) + sum));
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
  } else if (begins(text, "stmatrix.sync.aligned.m8n8.x") && text.find(".trans") == std::string::npos) {
    made.kind = SimtInstruction::StoreMatrix;
    made.matrices = text[28] - '0';
  } else if (begins(text, "mma.sync.aligned.m16n8k")) {
    made.kind = SimtInstruction::Mma;
    made.results = 4;
    constexpr std::pair<const char *, SimtInstruction::Operand> known[] = {
        {"k16.row.col.f32.f16.f16.f32", SimtInstruction::Half},
        {"k16.row.col.f32.bf16.bf16.f32", SimtInstruction::Brain},
        {"k8.row.col.f32.tf32.tf32.f32", SimtInstruction::Tf32},
        {"k32.row.col.s32.s8.s8.s32", SimtInstruction::Signed8},
        {"k32.row.col.f32.e4m3.e4m3.f32", SimtInstruction::E4M3}};
    std::string shape = text.substr(22, text.find(' ') - 22);
    auto found =
        std::find_if(std::begin(known), std::end(known), [&](const auto &one) { return shape == one.first; });
    if (found == std::end(known))
      internalError("the host does not know the product {}", shape);
    made.operand = found->second;
  } else if (begins(text, "cvt.rna.tf32.f32")) {
    made.kind = SimtInstruction::RoundTf32;
    made.results = 1;
  } else if (begins(text, "bar.warp.sync 0xffffffff")) {
    made.kind = SimtInstruction::WarpSync;
  } else if (begins(text, "shfl.sync.bfly.b32 $0, $1, ")) {
    made.kind = SimtInstruction::ShuffleXor;
    made.number = std::stoll(text.substr(27));
    made.results = 1;
  } else if (begins(text, "ex2.approx.ftz.f32") || begins(text, "rcp.approx.ftz.f32") ||
             begins(text, "tanh.approx.f32")) {
    made.kind = text[0] == 'e'   ? SimtInstruction::Exp2
                : text[0] == 'r' ? SimtInstruction::Reciprocal
                                 : SimtInstruction::Tanh;
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
  case SimtInstruction::RoundTf32: // halves away from 0
    thread.results[0] = (uint32_t(thread.arguments[0]) + 0x1000) & ~0x1FFFu;
    return;
  default:
    internalError("an instruction of a warp is given to a thread");
  }
}

void execute(const SimtInstruction &instruction, SimtThread *const *warp) {
  switch (instruction.kind) {
  case SimtInstruction::LoadMatrix:
    return loadMatrices(instruction, warp);
  case SimtInstruction::StoreMatrix:
    return storeMatrices(instruction, warp);
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
