#include "codegen/cpu/CpuDevice.h"

#include "codegen/cpu/MicroKernel.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/MLIRContext.h"
#include <fmt/format.h>

namespace tgc::cpu {

DeviceInfo deviceInfo(const CpuTarget &target) {
  DeviceInfo device;
  device.kind = "cpu";
  device.name = target.name;
  device.architecture = fmt::format("x86-64{}", target.hasAvx512 ? "-avx512" : target.hasFma ? "-avx2" : "");
  device.units = target.cores;
  device.vectorBytes = target.vectorBits / 8;
  device.registers = target.vectorRegisters;
  device.l1Bytes = target.l1Bytes;
  device.l2Bytes = target.l2Bytes;
  device.l3Bytes = target.l3Bytes;
  device.sharedBytes = target.l2Bytes;
  device.copyKinds = {"plain", "pack"};
  mlir::MLIRContext context;
  for (auto [type, bits] : {std::pair(ElementType::F32, 32), std::pair(ElementType::F64, 64)}) {
    MicroTile tile = chooseMicroTile(target, bits == 32 ? mlir::Type(mlir::Float32Type::get(&context))
                                                        : mlir::Type(mlir::Float64Type::get(&context)));
    Atom atom;
    atom.name = "fma";
    atom.a = atom.b = atom.accumulator = type;
    atom.m = tile.rows;
    atom.n = tile.columns();
    device.atoms.push_back(atom);
    device.matrixRates.push_back({type, target.peakGflopsPerCore * 1e9 * target.cores * 32 / bits});
  }
  device.plainRate = target.peakGflopsPerCore * 1e9 * target.cores / 2;
  device.bandwidth = target.memoryGbPerSecond * 1e9;
  device.launchSeconds = 3e-6;
  return device;
}

} // namespace tgc::cpu
