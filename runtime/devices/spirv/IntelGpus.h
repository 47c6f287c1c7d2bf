// Intel's GPUs by their numbers: the names that code is compiled for.
#pragma once
#include <cstdint>
#include <string>

namespace tgc::runtime::spirv {

/// "bmg", of the number that drivers give an instruction set; "gpu" for one without a name here.
std::string architectureOfVersion(uint32_t version);
/// The same of a device's PCI number, for drivers that tell no instruction set.
std::string architectureOfDevice(uint32_t pciDevice);

} // namespace tgc::runtime::spirv
