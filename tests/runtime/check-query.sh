#!/bin/sh
# tgc compile --device cuda:0 asks the GPU, here the fake one: the table's nearest and what differs. A GPU newer than
# what the compiler has instructions for gets PTX of an older architecture.
set -eu
tgc=$1 model=$2
export TGC_CUDA_LIBRARY=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
compiled() { "$tgc" compile "$model" -o "$work/model.tgc" --device cuda:0 2>&1; }
holds() { grep -aq "$1" "$work/model.tgc" || { echo "the package lacks: $1"; exit 1; }; }
expect() {
  case "$output" in
  *"$1"*) ;;
  *) printf '%s\nlacks: %s\n' "$output" "$1"; exit 1 ;;
  esac
}
output=$(FAKE_CUDA_UNITS=132 compiled); expect "compiled for h100 in"; holds sm_90a
output=$(FAKE_CUDA_UNITS=114 FAKE_CUDA_MEMORY_KHZ=1593000 compiled); expect "compiled for h100,units=114,bandwidth=2039 in"
output=$(FAKE_CUDA_UNITS=160 FAKE_CUDA_CAPABILITY=120 compiled); expect "compiled for rtx5090,units=160"; holds "^.target sm_90$"
if output=$(FAKE_CUDA_CAPABILITY=75 "$tgc" compile "$model" -o "$work/old.tgc" --device cuda:0 2>&1); then exit 1; fi
expect "architecture sm_75, which nothing is compiled for"
