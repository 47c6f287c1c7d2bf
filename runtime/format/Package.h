// What a compiled model is: code, launches, memory and weights, as plain structs, and its file form.
//
// A program has two launch lists. `prepare` runs when weights are bound (packing, joined projections, tables)
// and writes prepared slots; `run` runs every time. A launch names a function and the memory it touches; all
// memory is in slots, and the compiler has planned where arena and workspace slots lie.
#pragma once
#include "runtime/format/Bytes.h"
#include "runtime/format/DType.h"
#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace tgc::runtime {

constexpr uint32_t FormatVersion = 1;
/// Sizes above this are refused, so that sums of a few of them cannot overflow.
constexpr uint64_t MaxBytes = uint64_t(1) << 48;

/// An 8-byte cell of a module's import table that the loader fills with the address of `symbol`.
struct Import {
  std::string symbol;
  uint64_t offset = 0; // in the image
};

/// Code. For the device "cpu" the format is "cpu-image": a flat position-independent image of text and
/// read-only data, its internal relocations applied. The page-aligned part [writableOffset, +writableSize)
/// holds only the import table; the loader fills it and makes it read-only, all else becomes executable.
/// For "opencl" and "level_zero" it is "spirv": words in this machine's byte order, which the driver compiles; what
/// they need of a device they say themselves. For "cuda" it is "cubin" (machine code of exactly the package's
/// architecture) or "ptx" (text, which the driver compiles). There is no import table for either.
struct Module {
  std::string format;
  Bytes image;
  uint64_t writableOffset = 0, writableSize = 0;
  std::vector<Import> imports;
};

/// On the CPU the entry has the C type
///   void entry(void *const *buffers, void *scratch, int64_t blockBegin, int64_t blockEnd)
/// and runs the blocks [blockBegin, blockEnd) of the launch's linear grid. buffers[i] is the address of
/// parameter i (of the 8 bytes of its value for a scalar); scratch is scratchBytes of memory aligned to 64
/// and private to the calling thread, its content undefined. Calls run side by side on several threads.
///
/// On a GPU the entry is the symbol `name` of the image, and a launch's parameters are the kernel's, in
/// order: 8 bytes each (a buffer's address, a scalar), 128 bytes by value for a tensor map. sharedBytes is
/// the dynamic shared memory of a block.
struct Function {
  std::string name;
  uint32_t module = 0;
  uint64_t entry = 0; // offset in the image
  uint64_t scratchBytes = 0;
  // Of GPU functions:
  std::array<uint32_t, 3> block = {1, 1, 1}, cluster = {1, 1, 1};
  uint64_t sharedBytes = 0;
  uint32_t registers = 0;
};

enum class ParamKind : uint8_t { Buffer = 0, Scalar = 1, TensorMap = 2 };
constexpr unsigned ParamKindCount = 3;
enum class Access : uint8_t { Read = 1, Write = 2, ReadWrite = 3 };

/// How a copy engine sees the part of a slot that starts at the parameter's offset: a strided tensor of
/// which one instruction moves a box. Lists begin with the innermost dimension; sizes are in elements,
/// strides in bytes. The device makes the descriptor when memory is bound.
struct TensorMap {
  DType dtype = DType::F32;
  std::vector<uint64_t> dims;           // 1 to 5
  std::vector<uint64_t> strides;        // of dimensions 1, 2, ...: one less than dims; multiples of 16
  std::vector<uint32_t> box;            // 1 to 256 each, in elements of the tensor
  std::vector<uint32_t> elementStrides; // 1 to 8 each; empty: all 1
  uint32_t swizzle = 0;                 // bytes of a row of the box in shared memory: 0 (none), 32, 64, 128
  uint32_t promotion = 256;             // of accesses in the L2 cache, in bytes: 0, 64, 128, 256
  uint8_t fill = 0;                     // outside the tensor: 0 zeros, 1 NaN

  /// Bytes from the first to the last element, both included; the lists must agree in length. UINT64_MAX if
  /// there are too many.
  uint64_t span() const;
};

/// A buffer is the part [offset, offset + bytes) of a slot, and so is the memory of a tensor map. A scalar is
/// 8 bytes.
struct Param {
  ParamKind kind = ParamKind::Buffer;
  Access access = Access::Read;
  uint32_t slot = 0;
  uint64_t offset = 0;
  uint64_t bytes = 0;
  uint64_t scalar = 0;
  std::shared_ptr<const TensorMap> map; // of kind TensorMap

  static Param read(uint32_t slot, uint64_t offset, uint64_t bytes) {
    return {ParamKind::Buffer, Access::Read, slot, offset, bytes, 0, nullptr};
  }
  static Param write(uint32_t slot, uint64_t offset, uint64_t bytes) {
    return {ParamKind::Buffer, Access::Write, slot, offset, bytes, 0, nullptr};
  }
  static Param readWrite(uint32_t slot, uint64_t offset, uint64_t bytes) {
    return {ParamKind::Buffer, Access::ReadWrite, slot, offset, bytes, 0, nullptr};
  }
  static Param value(uint64_t scalar) { return {ParamKind::Scalar, Access::Read, 0, 0, 8, scalar, nullptr}; }
  /// `bytes` is the map's span.
  static Param tensorMap(uint32_t slot, uint64_t offset, Access access, TensorMap map) {
    uint64_t bytes = map.span();
    return {ParamKind::TensorMap,
            access,
            slot,
            offset,
            bytes,
            0,
            std::make_shared<const TensorMap>(std::move(map))};
  }

  /// Whether it is (a view of) a slot's memory, which `access` speaks of.
  bool usesSlot() const { return kind != ParamKind::Scalar; }

  bool reads() const { return static_cast<uint8_t>(access) & 1; }
  bool writes() const { return static_cast<uint8_t>(access) & 2; }
};

/// One execution of a function over a grid; the linear block number runs fastest over grid[0].
struct Launch {
  uint32_t function = 0;
  std::array<uint64_t, 3> grid = {1, 1, 1};
  std::vector<Param> params;
  /// Prepare launches: the weights (indices) that the result depends on, also through other prepare
  /// launches. May be left empty: the runtime derives it from the parameters and adds what is stated here.
  std::vector<uint32_t> weights;
  // For reports:
  std::string kernel, schedule, shape;
  uint64_t flops = 0, bytesMoved = 0;
  std::vector<std::string> nodes; // names of the ONNX nodes

  uint64_t blocks() const { return grid[0] * grid[1] * grid[2]; }
};

/// Memory. Input, output, weight: one tensor, dense. Prepared: written by prepare, kept. Arena: at `offset`
/// of the arena `arena`, shared by slots whose lifetimes do not meet, private to a run. Workspace: the same
/// in the one workspace area. Constant: the embedded `data`. A zeroed slot is cleared before the first launch
/// of a list (prepared: when it is allocated), so its planned lifetime starts at the first launch.
enum class SlotClass : uint8_t {
  Input = 0,
  Output = 1,
  Weight = 2,
  Prepared = 3,
  Arena = 4,
  Workspace = 5,
  Constant = 6
};
constexpr unsigned SlotClassCount = 7;
const char *slotClassName(SlotClass slotClass);

struct Slot {
  SlotClass slotClass = SlotClass::Arena;
  uint32_t arena = 0;
  uint64_t offset = 0;
  uint64_t bytes = 0;
  uint32_t alignment = 64; // a power of two from 64 to 4096
  bool zeroed = false;
  Bytes data;
};

/// Where a weight comes from unless the application says otherwise.
enum class WeightSource : uint8_t {
  External = 0, // bytes at `offset` of `file`, a path relative to the model's or the package's folder
  Embedded = 1, // `data`
  Named = 2,    // the tensor `key` (or the weight's name) of safetensors files that the application gives
  Random = 3    // made from `seed` (runtime/io/RandomWeights.h)
};
const char *weightSourceName(WeightSource source);

struct Weight {
  std::string name;
  DType dtype = DType::F32;
  Shape shape;
  uint32_t slot = 0;
  WeightSource source = WeightSource::External;
  std::string file;
  uint64_t offset = 0;
  Bytes data;
  std::string key;
  uint64_t seed = 0;
};

/// An input (its slot has class input, one each) or an output. An output's slot usually has class output;
/// any class but workspace is allowed, and a slot may serve several outputs: then the runtime copies.
struct TensorRecord {
  std::string name;
  DType dtype = DType::F32;
  Shape shape;
  uint32_t slot = 0;
};

struct Package {
  std::string device;                // "cpu"
  std::string arch;                  // "x86_64"
  std::vector<std::string> features; // required, by LLVM's names: "avx2", "fma", "avx512f", ...
  std::vector<Module> modules;
  std::vector<Function> functions;
  std::vector<Launch> prepare, run;
  std::vector<Slot> slots;
  std::vector<uint64_t> arenas; // bytes of each
  uint64_t workspaceBytes = 0;
  std::vector<Weight> weights;
  std::vector<TensorRecord> inputs, outputs;
  /// Where the model lay when it was compiled; external files are looked for there last. May be empty.
  std::string modelDirectory;
  std::vector<std::pair<std::string, std::string>> provenance; // "compiler", "model", "model hash", ...
};

/// Throws bad input with a message that names the record if a rule of the format does not hold: indices in
/// range, buffers inside slots, slots inside arenas, sizes that agree, one tensor per input and weight slot,
/// no write to what is read-only, prepared slots written before they are read.
void check(const Package &package);

/// The bytes of the file, after check().
std::vector<uint8_t> serialize(const Package &package);

/// Reads and checks; throws bad input for anything that is not a whole, valid package of this version. The
/// large byte ranges of the result are views that keep `file` alive.
Package parse(const Bytes &file);

/// serialize() into a file that appears whole or not at all.
void writePackage(const Package &package, const std::string &path);

} // namespace tgc::runtime
