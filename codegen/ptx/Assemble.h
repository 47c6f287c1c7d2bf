// PTX to machine code by what the machine has.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tgc::ptx {

/// What the assembler made of a module with one kernel.
struct Assembled {
  std::vector<uint8_t> cubin;
  uint32_t registers = 0;  ///< of a thread
  uint32_t spillBytes = 0; ///< stored and loaded
  std::string log;         ///< spills and warnings, a line each; empty if there are none
};

/// Tries, in this order: the program that TGC_PTXAS names, else `ptxas` on PATH or in /usr/local/cuda/bin ("off": none);
/// the library libnvJitLink (TGC_NVJITLINK names another file, or "off"; kernels with setmaxnreg must be compiled whole,
/// which it does not do).
/// Nothing if the machine has none of them: the driver assembles then. What spills is tried again with all registers for
/// one block.
/// Throws tgc::Error (Internal) if the text is refused. May run on several threads.
std::optional<Assembled> assemble(const std::string &ptx, const std::string &architecture);

} // namespace tgc::ptx
