#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test. The last line is `N passed, N failed, N skipped`;
# the exit code is not 0 when anything failed.
#   1. ctest: unit tests, the exports of models/, the tests of the scripts
#   2. lit: the textual tests of tests/
#   3. ONNX's node tests: every case of tests/onnx_backend/passing.txt must pass
set -uo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh || exit 1
scripts/build.sh || { echo "0 passed, 1 failed"; exit 1; }

build=${BUILD_DIR:-build}
python=.venv/bin/python
failed=0
rm -f "$build"/{ctest.xml,lit.json,onnx_backend.json}

ctest --test-dir "$build" --output-on-failure --exclude-regex '^lit$' -j "$(nproc)" --no-tests=error \
  --output-junit ctest.xml || failed=1
"$python" -c 'from lit.main import main; main()' -sv "$build/tests" --output "$build/lit.json" || failed=1
"$python" tests/onnx_backend/run.py --tgc "$build/bin/tgc" --expect tests/onnx_backend/passing.txt \
  --json "$build/onnx_backend.json" | tee "$build/onnx_backend.txt"
[ "${PIPESTATUS[0]}" = 0 ] || failed=1

"$python" scripts/summary.py "$build" "$failed"
