// Code that devices' drivers have compiled, kept in the tuning database.
#pragma once
#include "runtime/include/tgc/tgc.h"

namespace tgc::driver {

/// Programs that are loaded on the device take code from the user's database (Records.h) and leave it there, so that a
/// driver compiles a package once. A database that cannot be used is told once on standard error and does no harm.
void keepCompiledCode(tgc_device *device);

} // namespace tgc::driver
