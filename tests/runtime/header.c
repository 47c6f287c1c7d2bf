/* The header is C: this file is compiled as C and used by ProgramTest.cpp. */
#include "tgc/tgc.h"

int openAndCloseInC(void) {
  tgc_device *device = NULL;
  tgc_device_info info;
  if (tgc_device_open("cpu", &device) != TGC_OK || tgc_device_describe(device, &info) != TGC_OK)
    return 1;
  tgc_device_close(device);
  return info.units > 0 ? 0 : 1;
}
