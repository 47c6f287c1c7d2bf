#!/usr/bin/env bash
# The main job, end to end: compiles a real export for the CPU, runs it on random weights made from a seed, shows
# where the time goes, and checks the result against onnxruntime on the same weights.
#   scripts/demo.sh [sdvae|sd15-b2]      the decoder of Stable Diffusion's VAE (default), or its UNet
# The last line says `right` or `WRONG`; the exit code is not 0 when it is wrong. A few minutes after the build.
set -euo pipefail
cd "$(dirname "$0")/.."

model=${1:-sdvae}
build=${BUILD_DIR:-build}
scripts/setup.sh
scripts/build.sh
work=$build/bench/seed1

echo "== $model: compile, run, compare"
verdict=0
.venv/bin/python bench/onnxruntime_cpu.py "$model" --tgc "$build/bin/tgc" --work "$build/bench" --rounds 1 --runs 2 \
  > "$build/demo.txt" || verdict=$?
if [ -f "$work/$model.tgc" ]; then
  echo "== kernels"
  "$build/bin/tgc" bench "$work/$model.tgc" --input "$work/$model.inputs.npz" --weights "$work" --repeat 2 --rows 15
fi
echo "== against onnxruntime"
cat "$build/demo.txt"
exit "$verdict"
