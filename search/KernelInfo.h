// What schedules and plans need to know of a kernel, without MLIR.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tgc {

enum class ElementType { F64, F32, F16, BF16, F8E4M3, I64, I32, I16, I8, I1 };
int64_t bytesOf(ElementType type); ///< i1 takes a byte in memory
const char *nameOf(ElementType type);

/// An axis can be stored over, reduced over, or both (a row: reduced, then mapped again).
struct AxisInfo {
  std::string name;
  int64_t extent = 1;
  bool stored = false;
  bool reduced = false;
  bool remapped = false; ///< a value is used at another place along it
};

struct BufferInfo {
  std::string name;
  ElementType type = ElementType::F32;
  std::vector<int64_t> shape, strides; ///< strides in elements
  int64_t offset = 0;
  bool free = false;   ///< a weight whose order the schedule may choose
  bool stored = false; ///< written by this kernel
  int64_t elements() const;
  int64_t span() const;  ///< elements from the memory's start to behind the last one reached
  int64_t bytes() const; ///< of its elements
};

/// factor · ⌊(offset + Σ coefficients[a] · axis a) / divisor⌋.
struct FloorTerm {
  std::vector<int64_t> coefficients;
  int64_t offset = 0, divisor = 1, factor = 1;
};

/// offset + Σ coefficients[a] · axis a. Not `linear`: floordiv, mod or a run-time index takes part, and only
/// the coefficients' being non-zero tells which axes matter. Where that are quotients alone they are `floors`, and
/// the index is offset + Σ direct[a] · axis a + Σ floors: an enlarged tensor's.
struct LinearIndex {
  std::vector<int64_t> coefficients;
  int64_t offset = 0;
  bool linear = true;
  std::vector<FloorTerm> floors = {};
  std::vector<int64_t> direct = {};
};

/// value ≥ 0, or (equal) value = 0.
struct Condition {
  LinearIndex value;
  bool equal = false;
};

/// An index that depends on a place of the result and on a tap only through their sum. The place is that of an axis,
/// or of two, outer first: place = outer · extent of inner + inner.
struct WindowInfo {
  std::vector<int> axes;
  int tap = 0; ///< the reduced axis
};

/// One piece of a load, or a store.
struct Access {
  int buffer = 0;
  bool store = false;
  bool guarded = false;             ///< has a condition, or may leave the buffer and then gives the fill
  bool zeroOutside = false;         ///< a load whose only condition is to be inside the buffer, and 0 outside
  bool clipped = false;             ///< a store whose only condition is to be inside the buffer
  std::vector<LinearIndex> indices; ///< one a buffer dimension
  std::vector<WindowInfo> windows;  ///< of a load, if no condition but that of being inside depends on them
  std::vector<bool> uses; ///< per axis, whether index, condition or (gather) the run-time index depends on it

  /// Elements the address moves when axis `axis` moves by one; nullopt when that is not a constant.
  std::optional<int64_t> strideOf(int axis, const BufferInfo &buffer) const;
};

enum class ReductionKind { Contract, Add, Mul, Max, Min, ArgMax, ArgMin, Moments, Softmax };
const char *nameOf(ReductionKind kind);

struct ReductionInfo {
  ReductionKind kind = ReductionKind::Add;
  std::vector<int> over;    ///< axes reduced
  std::vector<bool> result; ///< per axis, whether the result depends on it
  ElementType accumulator = ElementType::F32;
  int level = 1; ///< how many reductions stand one behind the other up to this one
};

/// One of the places that an element of an operand comes from.
struct ChoiceInfo {
  int access = -1;                   ///< position in KernelInfo::accesses; -1: it is 0
  std::vector<Condition> conditions; ///< all of which hold, beside the access's being inside its buffer
};

/// One side of a contraction: the loads its value is made of.
struct OperandInfo {
  ElementType type = ElementType::F32; ///< of the value that is multiplied
  std::vector<int> accesses;           ///< positions in KernelInfo::accesses
  bool plain = false;                  ///< exactly one piece loaded, no arithmetic
  bool reduced = false;                ///< another reduction is part of it: no walk over k can stream it
  /// The operand as a choice between loads: every element is that of the first choice whose conditions hold inside its
  /// buffer, or 0. Empty where it is more than that, or conditions are not linear.
  std::vector<ChoiceInfo> choices;
};

/// A sum of products in the terms of a matrix instruction. m: axes of the left operand alone; n: of the right
/// alone; batch: of both, not reduced; k: reduced. Axes of neither (broadcast) count as batch.
struct ContractInfo {
  int reduction = 0; ///< position in KernelInfo::reductions
  std::vector<int> batch, m, n, k;
  std::vector<int> complete; ///< axes that a later reduction or remap of the result runs over
  bool tf32 = false;         ///< operands of f32 may be rounded to 10 bits behind the point
  OperandInfo lhs, rhs;
};

/// Attention: scores = f(contract q·k over d), then Σ softmax(scores)·v over the keys.
struct AttendInfo {
  int reduction = 0;               ///< the softmax
  std::vector<int> batch, m, n, e; ///< queries m, keys n, value columns e
  std::vector<int> d;              ///< reduced in the scores
  std::vector<int> complete;       ///< axes that a later reduction or remap of the result runs over
  OperandInfo values;
  std::optional<ContractInfo> scores; ///< absent when the weights are no contraction
};

enum class KernelShape { Map, Reduce, Contract, Attend };
const char *nameOf(KernelShape shape);

struct KernelInfo {
  std::string name;
  uint64_t hash = 0; ///< of the canonical text
  KernelShape shape = KernelShape::Map;
  std::vector<AxisInfo> axes;
  std::vector<BufferInfo> buffers;
  std::vector<Access> accesses;
  std::vector<ReductionInfo> reductions;
  std::optional<ContractInfo> contract;
  std::optional<AttendInfo> attend;
  double flops = 0; ///< of contractions 2 a multiply-add, else 1 an operation and element
  double bytes = 0; ///< each buffer's touched bytes once

  std::optional<int> axisNamed(const std::string &name) const;
  std::optional<int> bufferNamed(const std::string &name) const;
};

/// One line each: axes, accesses with the strides of their axes, reductions, roles.
std::string describe(const KernelInfo &kernel);

} // namespace tgc
