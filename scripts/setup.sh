#!/usr/bin/env bash
# Installs what building and testing need on Debian 12: apt packages, and the Python tools of the tests in .venv.
# Idempotent; without anything to install it only looks (under a second) and touches no network.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(
  llvm-19-dev libmlir-19-dev mlir-19-tools llvm-19-tools clang-19 lld-19 ninja-build cmake ccache
  protobuf-compiler libprotobuf-dev libonnx-dev flatbuffers-compiler libflatbuffers-dev libfmt-dev
  libcli11-dev nlohmann-json3-dev catch2 libsqlite3-dev libzstd-dev zlib1g-dev spirv-tools xz-utils
  python3-venv
)
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
