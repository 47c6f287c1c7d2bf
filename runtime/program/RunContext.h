// The memory of one run and the launches bound to it; a program keeps a pool of them.
#pragma once
#include "runtime/program/Program.h"

namespace tgc::runtime {

struct Program::Context {
  std::vector<DeviceMemory> arenas;
  DeviceMemory workspace;
  std::vector<DeviceMemory> staging; // by slot: inputs and outputs that cannot be used where they are
  std::vector<Address> bound;        // by slot: where inputs and outputs are in this run
  std::unique_ptr<Sequence> sequence;
  uint64_t generation = UINT64_MAX; // of the program when the other slots were bound
};

} // namespace tgc::runtime
