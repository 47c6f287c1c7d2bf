#!/bin/sh
# Installs the runtime into an empty folder, builds examples/run_model against it, and runs a package.
set -eu
source=$1 build=$2 tests=$3 cmake=$4 cc=$5 cxx=$6
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$cmake" --install "$build" --prefix "$work/prefix" --component runtime >/dev/null
"$cmake" -S "$source/examples/run_model" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/prefix" \
  -DCMAKE_C_COMPILER="$cc" -DCMAKE_CXX_COMPILER="$cxx" >/dev/null
"$cmake" --build "$work/build" >/dev/null

TGC_WRITE_PACKAGE="$work/model.tgc" "$tests" "[write]" >/dev/null
"$work/build/run_model" "$work/model.tgc" | tee "$work/random.txt"
grep -q '^y f32 4 16: min .* mean .* max ' "$work/random.txt"

# A NumPy file of 4x8 zeros: exp(0) = 1, so that the output does not depend on anything random but weights.
{
  printf '\223NUMPY\001\000v\000'
  printf '%-117s\n' "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 8), }"
  head -c 128 /dev/zero
} >"$work/x.npy"
"$work/build/run_model" "$work/model.tgc" "x=$work/x.npy" >"$work/zeros.txt"
grep -q '^y f32 4 16: min ' "$work/zeros.txt"
! cmp -s "$work/random.txt" "$work/zeros.txt"

# Errors end with the status of the library.
status=0
"$work/build/run_model" "$work/none.tgc" 2>"$work/error.txt" || status=$?
[ "$status" = 3 ] && grep -q 'No such file' "$work/error.txt"
