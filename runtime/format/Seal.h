// The last 16 bytes of a package file: the length of what precedes and a checksum of it, so that damage
// anywhere, code and embedded weights included, is noticed. It is no protection against malice.
#pragma once
#include <cstdint>
#include <vector>

namespace tgc::runtime {

constexpr uint64_t SealBytes = 16;

/// Appends the seal.
void seal(std::vector<uint8_t> &file);

/// Throws bad input if the file does not end with the seal of what precedes it; returns the bytes before it.
uint64_t checkSeal(const uint8_t *file, uint64_t size);

} // namespace tgc::runtime
