// A device as data: what schedules, plans and code generation may ask of it.
#pragma once
#include "search/KernelInfo.h"

namespace tgc {

/// A matrix instruction, or on a CPU a register-tiled outer product: D[m×n] += A[m×k]·B[k×n] a group of threads.
struct Atom {
  std::string name; ///< "fma", "mma", "wgmma", "dpas"
  ElementType a, b, accumulator;
  int64_t m = 1, n = 1, k = 1; ///< smallest tile; n may grow in steps of nStep up to nMax
  int64_t nStep = 0, nMax = 0;
  int64_t threads = 1;         ///< of one group
  bool aFromRegisters = false; ///< operand A may be a fragment
  bool asynchronous = false;
  int64_t neighbours = 2; ///< of a row of sums that a thread holds side by side (GPU)
  bool tf32 = false;      ///< operands of f32 are rounded to 10 bits: only where the kernel lets them be
};

/// What loads and stores of two-dimensional blocks of memory want.
struct BlockCopies {
  int64_t rows = 32, rowBytes = 64, storedRows = 8; ///< of the largest block
  int64_t base = 64, pitch = 16;   ///< bytes that begin and distance of rows are multiples of
  int64_t least = 64;              ///< bytes of a row of the whole, at least
  int64_t most = int64_t(1) << 24; ///< rows, bytes of a row, bytes between rows: fewer
};

struct DeviceInfo {
  std::string kind;           ///< folder under codegen/ and runtime/devices/: "cpu", "cuda", "level_zero"
  std::string name;           ///< "avx512", "h200"
  std::string architecture;   ///< part of the tuning key: "x86-avx512", "sm_90a"
  int64_t units = 1;          ///< cores or multiprocessors
  int64_t maxThreads = 1;     ///< of a block
  int64_t subgroup = 1;       ///< threads that shuffle among themselves
  int64_t vectorBytes = 16;   ///< widest load, and on a CPU the vector registers' width
  int64_t registers = 16;     ///< vector registers (CPU) or 32-bit registers a thread (GPU)
  int64_t blockRegisters = 0; ///< registers of all threads of a block (GPU)
  int64_t largeRegisters = 0; ///< of a thread, where a kernel may ask for more than `registers`; 0: none may
  int64_t sharedBytes = 0;    ///< of a block; on a CPU the part of the private cache a block should fill
  int64_t l1Bytes = 0, l2Bytes = 0, l3Bytes = 0;
  int64_t maxAllocation = 0; ///< 0 = unlimited
  int64_t maxCluster = 1;    ///< blocks that may share memory
  int64_t attendColumns =
      0; ///< most columns of values that attention keeps in registers; wider ones are products; 0: any
  std::vector<Atom> atoms;
  std::vector<std::string> copyKinds; ///< of "plain async tma block2d pack"
  BlockCopies blocks;                 ///< of block2d
  double bandwidth = 0;               ///< bytes a second, from memory, all units
  double launchSeconds = 0;           ///< cost of one launch
  /// Peak operations a second by operand type of a matrix atom, and of plain arithmetic in f32.
  double matrixRate(ElementType operand) const;
  double plainRate = 0;
  std::vector<std::pair<ElementType, double>> matrixRates;
};

} // namespace tgc
