// A schedule: how a kernel is to be run, as a short text of options on named axes.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tgc {

/// The loop options take their factor off the remaining outer part of an axis, so the first is innermost.
enum class SplitKind { Local, Upcast, Unroll, Group };
struct LoopSplit {
  SplitKind kind;
  std::string axis;
  int64_t factor;
  bool operator==(const LoopSplit &) const = default;
};

/// Ring depth, copies, roles and so on of the matrix pipeline; also what a plain loop may use of them (tile).
struct Schedule {
  std::vector<LoopSplit> loops;                  ///< local upcast unroll group, in order
  std::map<std::string, int64_t> padTo;          ///< padto(a,n): extent rounded up to a multiple of n
  std::vector<std::string> order;                ///< order(a,…): grid order, fastest first
  bool noLocals = false;                         ///< nolocals
  std::vector<std::string> hold;                 ///< hold(x): buffers kept on chip between passes
  std::optional<std::string> atom;               ///< tc(atom)
  bool flip = false;                             ///< atom's M and N sides exchanged
  std::map<std::string, int64_t> tile;           ///< tile(a,n): block's extent; default 1
  int64_t warpsM = 1, warpsN = 1, producers = 0; ///< warps(MxN+P)
  bool pingpong = false, overlap = false;
  std::map<std::string, std::string> copies; ///< copy(x,kind)
  std::optional<int64_t> stages;             ///< stage(n): ring depth, 0 straight to registers
  std::map<std::string, int64_t> cluster;    ///< cluster(a,n)
  bool persistent = false;
  std::optional<std::pair<std::string, int64_t>> raster;
  std::map<std::string, int64_t> split; ///< split(a,n): n parts of a reduced axis
  std::optional<std::string> join;      ///< join(launch|cluster|ticket)
  std::optional<int64_t> slots, prefetch;
  std::map<std::string, std::string> packs; ///< pack(w,order)
  std::optional<int64_t> winograd;          ///< winograd(n): n results a side of a tile
  std::vector<std::string> unfold;          ///< unfold(x): operands laid out along the depth ahead, sorted

  bool operator==(const Schedule &) const = default;

  /// Whether it takes the kernel apart into others (planParts) in place of planning it (makePlan).
  bool splitsKernel() const { return (!split.empty() && !atom) || winograd || !unfold.empty(); }
};

/// Throws tgc::Error (Usage) that names the word it does not understand. parse(print(s)) == s, and equal
/// schedules print the same text.
Schedule parseSchedule(std::string_view text);
std::string printSchedule(const Schedule &schedule);

} // namespace tgc
