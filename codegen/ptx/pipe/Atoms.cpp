#include "codegen/ptx/pipe/Atoms.h"

namespace tgc::ptx {

void addPipeAtoms(DeviceInfo &device, const std::string &architecture) {
  device.blockRegisters = 65536;
  // A warp's, on every architecture since sm_80.
  Atom warp;
  warp.name = "mma";
  warp.accumulator = ElementType::F32;
  warp.m = 16;
  warp.n = 8;
  warp.k = 16;
  warp.nStep = 8;
  warp.nMax = 256;
  warp.threads = 32;
  warp.aFromRegisters = true;
  auto addWarps = [&] {
    for (ElementType type : {ElementType::BF16, ElementType::F16}) {
      warp.a = warp.b = type;
      device.atoms.push_back(warp);
    }
  };
  if (architecture != "sm_90a")
    return addWarps();
  Atom atom;
  atom.name = "wgmma";
  atom.accumulator = ElementType::F32;
  atom.m = 64;
  atom.n = 8;
  atom.nStep = 8;
  atom.nMax = 256;
  atom.threads = 128;
  atom.aFromRegisters = true;
  atom.asynchronous = true;
  for (ElementType type : {ElementType::BF16, ElementType::F16}) {
    atom.a = atom.b = type;
    atom.k = 16;
    device.atoms.push_back(atom);
  }
  atom.a = atom.b = ElementType::F8E4M3;
  atom.k = 32;
  device.atoms.push_back(atom);
  addWarps(); // for what the faster ones do not take
}

} // namespace tgc::ptx
