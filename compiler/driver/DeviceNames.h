// Names of devices: of targets ("cuda:h200", "opencl:bmg") and of this machine's devices ("cuda:0", "opencl:0").
#pragma once
#include <string>

namespace tgc::driver {

/// Whether the name is of a device of this machine: a kind and a number.
bool namesDevice(const std::string &name);

/// The target that code for a device is compiled for. Names of targets are given back as they are; for a device of
/// this machine it is what targetFor says, from what the device's driver says. Throws tgc::Error (Usage) if there is no such
/// device, (Unsupported) if there is no such target.
std::string targetOf(const std::string &name);

} // namespace tgc::driver
