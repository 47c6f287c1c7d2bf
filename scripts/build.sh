#!/usr/bin/env bash
# Builds tgc and its runtime library: build/bin/tgc, build/lib/libtgc_runtime.so.
#   scripts/build.sh [TARGET…]        all targets if none is named
# Environment: BUILD_DIR (build), JOBS (as many as cores), CC and CXX (clang-19), TGC_CMAKE_ARGS (more for CMake).
set -euo pipefail
cd "$(dirname "$0")/.."

build=${BUILD_DIR:-build}
if [ ! -f "$build/build.ninja" ]; then
  args=(-G Ninja "-DCMAKE_C_COMPILER=${CC:-clang-19}" "-DCMAKE_CXX_COMPILER=${CXX:-clang++-19}")
  if [[ ${CXX:-clang++-19} == *clang* ]]; then
    args+=(-DCMAKE_EXE_LINKER_FLAGS=-fuse-ld=lld -DCMAKE_SHARED_LINKER_FLAGS=-fuse-ld=lld)
  fi
  if command -v ccache >/dev/null; then
    args+=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
    # Precompiled headers are only cached with this; ccache's own default is too careful for them.
    export CCACHE_SLOPPINESS=${CCACHE_SLOPPINESS:-pch_defines,time_macros}
  fi
  read -r -a more <<< "${TGC_CMAKE_ARGS:-}"
  cmake -S . -B "$build" "${args[@]}" "${more[@]}"
fi
export CCACHE_SLOPPINESS=${CCACHE_SLOPPINESS:-pch_defines,time_macros}
ninja -C "$build" -j "${JOBS:-$(nproc)}" "$@"
