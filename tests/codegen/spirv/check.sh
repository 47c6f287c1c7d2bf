#!/bin/bash
# A tiny model on Intel's OpenCL runtime for processors: check.sh TGC FOLDER PRECISION [DEVICE [LEVEL_ZERO_DRIVER]]. DEVICE
# is opencl:0 by default; the code of a GPU (opencl:bmg) runs there with stand-ins for the matrix engine, which its
# kernels must use. With the tests' Level Zero driver it runs through Level Zero, the loader's validation layer between.
# f32 agrees with the reference outputs to 1e-3 of their scale, 16 bits to 2e-2. What the runtime compiles is kept in
# tests/native.db of the build. 77 where the runtime (scripts/setup.sh) or the driver is not there.
set -u
tgc=$1 model=$2 precision=$3 device=${4:-opencl:0} driver=${5:-}
export TGC_OPENCL_LIBRARY=$(dirname "$0")/../../../.venv/lib/libintelocl.so
[ -e "$TGC_OPENCL_LIBRARY" ] || { echo "Intel's OpenCL runtime for processors is not installed"; exit 77; }
if [ -n "$driver" ]; then
  [ -e "$driver" ] || { echo "the tests' Level Zero driver was not built"; exit 77; }
  export ZE_ENABLE_ALT_DRIVERS=$driver ZE_ENABLE_VALIDATION_LAYER=1 ZE_ENABLE_PARAMETER_VALIDATION=1
fi
export TGC_DATABASE=$(dirname "$tgc")/../tests/native.db
tolerance=2e-2
[ "$precision" = f32 ] && tolerance=1e-3
case $device in *[a-z])
  package=$(mktemp)
  trap 'rm -f "$package"' EXIT
  "$tgc" compile "$model/model.onnx" --device "$device" --precision "$precision" -o "$package" > /dev/null || exit 1
  grep -aq matrix_mad "$package" || { echo "no kernel uses the matrix engine"; exit 1; }
  ;;
esac
"$tgc" check "$model/model.onnx" --data "$model/test_data_set_0" --device "$device" --precision "$precision" \
  --tolerance "$tolerance"
