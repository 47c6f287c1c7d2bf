// The register-tiled outer product of the CPU: acc[M×N] += A[M×K]·B[K×N] on blocks that fit the caches.
#pragma once
#include "codegen/cpu/CpuTarget.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include <string>
#include <vector>

namespace tgc::cpu {

/// Rows × (vectors × lanes) accumulators in registers; each step of k loads `vectors` vectors of B and
/// broadcasts `rows` elements of A.
struct MicroTile {
  int rows = 1;
  int vectors = 1;
  int lanes = 4;
  /// Steps of k in the loop's body.
  int unroll = 1;

  /// Width of a panel of B.
  int columns() const { return vectors * lanes; }
  /// "12x2x16 u2".
  std::string print() const;
};

/// The tile for sums of `element` (f32 or f64), by the number and width of the target's registers.
MicroTile chooseMicroTile(const CpuTarget &target, mlir::Type element);
/// All tiles that fit the registers and are worth trying, the chosen one first.
std::vector<MicroTile> microTileCandidates(const CpuTarget &target, mlir::Type element);

/// A's element (m, k) is at
///   offset + (m / panelRows)·panelStride + (m mod panelRows)·rowStride + k·kStride
/// elements from the base of the memory of `memref`, which may have any rank and static layout (the offset in
/// its type is not added). With panelRows = 0 the rows are not in panels: offset + m·rowStride + k·kStride.
/// Otherwise panelRows is the micro tile's rows.
struct DotLeft {
  mlir::Value memref;
  /// Index, or null for 0.
  mlir::Value offset;
  int64_t rowStride = 0;
  int64_t kStride = 0;
  int64_t panelRows = 0;
  int64_t panelStride = 0;
};

/// B's element (k, n) is at offset + (n / NR)·panelStride + k·NR + n mod NR, where NR is the micro tile's
/// columns.
struct DotRight {
  mlir::Value memref;
  mlir::Value offset;
  int64_t panelStride = 0;
  /// Scratch of the sums' type for one panel (depth·NR elements, from the base of its memory), or null. With
  /// it a narrower panel is widened once, before the rows pass by, and not again for every micro panel of
  /// rows: worth it from about 4 of these on.
  mlir::Value widened;
};

/// The sum (m, n) is at offset + m·rowStride + n.
struct DotSums {
  mlir::Value memref;
  mlir::Value offset;
  int64_t rowStride = 0;
};

struct DotProblem {
  DotLeft left;
  DotRight right;
  DotSums sums;
  /// Rows: fixed, or `dynamicRows` (an index of at most `rows`) if it is set.
  int64_t rows = 0;
  mlir::Value dynamicRows;
  /// A multiple of the micro tile's columns: panels of B are padded, and so are the rows of the sums.
  int64_t columns = 0;
  /// Length of the sum: fixed, or `dynamicDepth` if it is set.
  int64_t depth = 0;
  mlir::Value dynamicDepth;
  /// An i1: start from zero where true, from what is in the sums where false. Null: as `startFromZero` says.
  mlir::Value dynamicStart;
  bool startFromZero = false;
  /// While a panel of B is walked, bring the next one near the second cache: for a B that lies in memory.
  bool prefetchRight = false;
};

/// Emits the loops over panels of B, micro panels of rows and k. The elements of A and B may be narrower
/// floats than those of the sums: they are extended on the way (prefer to widen A when it is packed: an
/// element of A is read once for every panel of B). Rows that remain are done by smaller tiles, without
/// touching rows outside.
void emitDot(mlir::OpBuilder &builder, mlir::Location loc, const CpuTarget &target, const MicroTile &tile,
             const DotProblem &problem);

} // namespace tgc::cpu
