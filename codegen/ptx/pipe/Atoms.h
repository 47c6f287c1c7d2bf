// The matrix atoms of NVIDIA GPUs as data.
#pragma once
#include "search/DeviceInfo.h"

namespace tgc::ptx {

/// Adds what the pipe may use on GPUs of that instruction set ("sm_90a"): atoms and the registers of a block.
void addPipeAtoms(DeviceInfo &device, const std::string &architecture);

} // namespace tgc::ptx
