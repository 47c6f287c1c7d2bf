#!/bin/bash
# Search on Intel's OpenCL runtime for processors: beam.sh TGC PYTHON FOLDER BUDGET WORK. The database holds records of that
# device alone, none of a wrong result; a second compilation takes its schedules from there; the model that it builds is
# right. 77 where the runtime (scripts/setup.sh) is not there.
set -eu
tgc=$1 python=$2 model=$3 budget=$4 work=$5
export TGC_OPENCL_LIBRARY=$(dirname "$0")/../../../.venv/lib/libintelocl.so
[ -e "$TGC_OPENCL_LIBRARY" ] || { echo "Intel's OpenCL runtime for processors is not installed"; exit 77; }
rm -rf "$work" && mkdir -p "$work"
export TGC_DATABASE=$work/native.db
"$tgc" compile "$model/model.onnx" --device opencl:0 --search beam --budget "$budget" --seed 1 --db "$work/tuning.db" \
  -o "$work/searched.tgc"
"$tgc" db export --db "$work/tuning.db" "$work/records.json"
"$tgc" compile "$model/model.onnx" --device opencl:0 --db "$work/tuning.db" -o "$work/again.tgc"
cmp "$work/searched.tgc" "$work/again.tgc"
"$tgc" kernels "$model/model.onnx" --device opencl:0 --db "$work/tuning.db" --json > "$work/again.json"
"$tgc" kernels "$model/model.onnx" --device opencl:0 --json > "$work/plain.json"
"$python" "$(dirname "$0")/beam.py" "$work"
"$tgc" check "$model/model.onnx" --data "$model/test_data_set_0" --device opencl:0 --db "$work/tuning.db" --tolerance 1e-3
