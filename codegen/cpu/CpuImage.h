// Native code of one or more kernels as a flat image that is loaded with mmap and mprotect, without a linker.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace tgc::cpu {

/// The C ABI of every function of an image. `buffers[i]` is the base of the kernel's i-th memref (alignment
/// 64 bytes or its element's, offset not applied); `scratch` has the function's scratch bytes, aligned to 64,
/// and is private to the call; blocks `blockBegin` to `blockEnd` (exclusive) are computed.
using CpuEntry = void(void *const *buffers, void *scratch, int64_t blockBegin, int64_t blockEnd);

struct CpuImport {
  /// A C function of the runtime's table or of libm ("pow").
  std::string symbol;
  /// Byte offset of the 8-byte slot in the image that the loader fills with the function's address.
  uint64_t offset = 0;
};

struct CpuFunction {
  std::string name;
  /// Byte offset of the entry in the image.
  uint64_t offset = 0;
  /// Bytes that `scratch` must have; 0 if it is not touched.
  uint64_t scratchBytes = 0;
};

/// Bytes [0, writableOffset) are code and constants: read and execute. Bytes [writableOffset, writableOffset
/// + writableSize) are the import slots: written once by the loader, then they may become read-only. The
/// image runs at any address that is a multiple of `alignment`; nothing else in it needs relocation.
struct CpuImage {
  static constexpr uint64_t alignment = 4096;
  std::vector<uint8_t> bytes;
  uint64_t writableOffset = 0;
  uint64_t writableSize = 0;
  std::vector<CpuImport> imports;
  std::vector<CpuFunction> functions;
};

} // namespace tgc::cpu
