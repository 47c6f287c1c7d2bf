#include "codegen/ptx/pipe/Atoms.h"

namespace tgc::ptx {
namespace {

/// Operands of an instruction, which takes 32 bytes of the depth, and their sums.
struct Operands {
  ElementType type, sums;
  bool tf32 = false;
  bool ada = false; ///< of warps: sm_89 alone; sm_90a has its own
};

constexpr Operands operands[] = {{ElementType::BF16, ElementType::F32},
                                 {ElementType::F16, ElementType::F32},
                                 {ElementType::F8E4M3, ElementType::F32, false, true},
                                 {ElementType::I8, ElementType::I32},
                                 {ElementType::F32, ElementType::F32, true}};

Atom make(const char *name, const Operands &of, int64_t m, int64_t threads) {
  Atom atom;
  atom.name = name;
  atom.a = atom.b = of.type;
  atom.accumulator = of.sums;
  atom.tf32 = of.tf32;
  atom.m = m;
  atom.n = atom.nStep = 8;
  atom.k = 32 / bytesOf(of.type);
  atom.nMax = 256;
  atom.threads = threads;
  atom.aFromRegisters = bytesOf(of.type) == 2;
  return atom;
}

} // namespace

void addPipeAtoms(DeviceInfo &device, const std::string &architecture) {
  device.blockRegisters = 65536;
  device.attendColumns = 256;
  if (architecture == "sm_90a")
    for (const Operands &of : operands) {
      Atom atom = make("wgmma", of, 64, 128);
      atom.asynchronous = true;
      if (of.sums == ElementType::I32)
        atom.n = atom.nStep = 16;
      device.atoms.push_back(atom);
    }
  // A warp's, for what the faster ones do not take.
  for (const Operands &of : operands)
    if (!of.ada || architecture == "sm_89")
      device.atoms.push_back(make("mma", of, 16, 32));
}

} // namespace tgc::ptx
