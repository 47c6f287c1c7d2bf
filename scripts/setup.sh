#!/usr/bin/env bash
# Installs what building and testing need on Debian 12: apt packages, and the Python tools of the tests in .venv.
# Idempotent; without anything to install it only looks (under a second) and touches no network.
# Optional, for tests of Intel GPUs without one: TGC_SETUP_INTEL=off leaves out Intel's compilers for GPUs and Level Zero
# (apt; a newer compiler is unpacked into .intel-compiler, 0.3 GB), and its OpenCL runtime for processors (PyPI, Intel's
# licence, 0.7 GB in .venv); tests that need them are then left out too.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(
  llvm-19-dev libmlir-19-dev mlir-19-tools llvm-19-tools clang-19 lld-19 ninja-build cmake ccache
  protobuf-compiler libprotobuf-dev libonnx-dev flatbuffers-compiler libflatbuffers-dev libfmt-dev
  libcli11-dev nlohmann-json3-dev catch2 libsqlite3-dev libzstd-dev zlib1g-dev spirv-tools xz-utils
  python3-venv
)
[ "${TGC_SETUP_INTEL:-on}" = off ] || packages+=(intel-opencl-icd ocl-icd-libopencl1 opencl-c-headers libze1 libze-dev)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
if ((${#missing[@]})); then
  echo "setup: installing ${missing[*]}"
  root=()
  [ "$(id -u)" = 0 ] || root=(sudo)
  "${root[@]}" apt-get update -qq
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi

# Debian's own interpreter: the python3 first on PATH may be one without the venv module or of another version.
python=/usr/bin/python3
[ -x "$python" ] || python=python3
requirements=scripts/requirements.txt
if ! cmp -s "$requirements" .venv/requirements.installed; then
  echo "setup: installing the Python tools into .venv"
  "$python" -m venv .venv
  .venv/bin/python -m pip install --quiet --disable-pip-version-check -r "$requirements"
  cp "$requirements" .venv/requirements.installed
fi
intel=scripts/requirements-intel.txt
if [ "${TGC_SETUP_INTEL:-on}" != off ] && ! cmp -s "$intel" .venv/requirements-intel.installed; then
  echo "setup: installing Intel's OpenCL runtime for processors into .venv"
  if .venv/bin/python -m pip install --quiet --disable-pip-version-check -r "$intel"; then
    cp "$intel" .venv/requirements-intel.installed
  else
    echo "setup: it cannot be had here; SPIR-V will be compiled in tests, but not run" >&2
  fi
fi
if [ "${TGC_SETUP_INTEL:-on}" != off ]; then
  scripts/intel-compiler.sh || echo "setup: tests of what Intel's newer compiler makes are left out" >&2
fi
