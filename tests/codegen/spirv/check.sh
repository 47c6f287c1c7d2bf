#!/bin/bash
# A tiny model on Intel's OpenCL runtime for processors: check.sh TGC FOLDER PRECISION [LEVEL_ZERO_DRIVER]. With the tests'
# Level Zero driver it runs through Level Zero, the loader's validation layer between. f32 agrees with the reference
# outputs to 1e-3 of their scale, 16 bits to 2e-2. What the runtime compiles is kept in tests/native.db of the build.
# 77 where the runtime (scripts/setup.sh) or the driver is not there.
set -u
tgc=$1 model=$2 precision=$3 driver=${4:-}
export TGC_OPENCL_LIBRARY=$(dirname "$0")/../../../.venv/lib/libintelocl.so
[ -e "$TGC_OPENCL_LIBRARY" ] || { echo "Intel's OpenCL runtime for processors is not installed"; exit 77; }
device=opencl:0
if [ -n "$driver" ]; then
  [ -e "$driver" ] || { echo "the tests' Level Zero driver was not built"; exit 77; }
  export ZE_ENABLE_ALT_DRIVERS=$driver ZE_ENABLE_VALIDATION_LAYER=1 ZE_ENABLE_PARAMETER_VALIDATION=1
  device=level_zero:0
fi
export TGC_DATABASE=$(dirname "$tgc")/../tests/native.db
tolerance=2e-2
[ "$precision" = f32 ] && tolerance=1e-3
exec "$tgc" check "$model/model.onnx" --data "$model/test_data_set_0" --device "$device" --precision "$precision" \
  --tolerance "$tolerance"
