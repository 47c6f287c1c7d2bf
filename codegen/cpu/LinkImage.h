// Lays an ELF object out as a flat, position-independent image and applies its relocations.
#pragma once
#include "codegen/cpu/CpuImage.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include <string>

namespace tgc::cpu {

/// Links the x86-64 ELF relocatable `object`. `entries` are the functions to publish (their `offset` is
/// filled in). Every undefined symbol becomes an import. An error is an internal one: the object has
/// something that a flat image cannot hold (writable data, absolute addresses, thread-local storage).
llvm::Expected<CpuImage> linkImage(llvm::ArrayRef<char> object, std::vector<CpuFunction> entries);

} // namespace tgc::cpu
