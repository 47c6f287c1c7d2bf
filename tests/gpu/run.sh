#!/usr/bin/env bash
# Checks and measures tgc on a machine with a GPU and without build tools.
#   run.sh [--device cuda:0] [--target NAME] [--out FOLDER] [--limit SECONDS] [PART…]
# PARTs, all by default: devices, random, small, schedules, sanitizer, models, whole, kernels, peers. --target is what
# to compile for where the device's name does not tell; --limit is for one kernel, file of kernels or model, after which
# it counts as hung. It looks for bin/tgc, gpu/kernels/*.mlir, models/*/ and graphs/*.onnx.xz beside the folder that it
# lies in, as scripts/package.sh --with-tests puts them; TGC, KERNELS, MODELS and GRAPHS name others. SCHEDULES (8) is
# how many of each kernel are drawn by chance. The last line says how many parts failed.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)

device=cuda:0 target= out= limit=120 parts=()
while [ $# -gt 0 ]; do
  case $1 in
    --device) device=$2; shift ;;
    --target) target=$2; shift ;;
    --out) out=$2; shift ;;
    --limit) limit=$2; shift ;;
    -*) sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    *) parts+=("$1") ;;
  esac
  shift
done
out=${out:-$(mktemp -d)}
tgc=${TGC:-$here/../bin/tgc}
kernels=${KERNELS:-$here/kernels}
models=${MODELS:-$here/../models}
graphs=${GRAPHS:-$here/../graphs}
mkdir -p "$out"
if [ -z "$target" ]; then # the target whose name is part of the device's: "cuda:h200" of "NVIDIA H200"
  about=$("$tgc" devices | sed -n "s/^ \+$device \+\(.*\) (.*/\1/p" | head -n 1 | tr -d ' ' | tr '[:upper:]' '[:lower:]')
  for name in $("$tgc" devices | sed -n "s/^ \+${device%%:*}:\([a-z][a-z0-9]*\) .*/\1/p"); do
    case $about in *"$name"*) target=${device%%:*}:$name ;; esac
  done
  target=${target:-$device}
fi
[ ${#parts[@]} -gt 0 ] || parts=(devices random small schedules sanitizer models whole kernels peers)
failed=0
fail() { failed=$((failed + 1)); echo "FAILED: $*"; }

part_devices() {
  "$tgc" devices > "$out/devices.txt" || return 1
  grep -E "^ +$device " -A1 "$out/devices.txt" || { echo "there is no $device here"; return 1; }
}

# The same program on the CPU and on the device, with weights from the same seed.
part_random() {
  "$tgc" compile "$here/random.mlir" --from=kernel --device cpu -o "$out/random-cpu.tgc" > /dev/null &&
    "$tgc" compile "$here/random.mlir" --from=kernel --device "$target" -o "$out/random.tgc" > /dev/null &&
    "$tgc" run "$out/random-cpu.tgc" --random-weights 7 -o "$out/random-cpu" > /dev/null &&
    timeout "$limit" "$tgc" run "$out/random.tgc" --device "$device" --random-weights 7 -o "$out/random" || return 1
  for file in "$out"/random-cpu/*.npy; do
    cmp "$file" "$out/random/$(basename "$file")" || return 1
  done
}

# Every kernel of files in a process of its own, which a kernel that hangs is killed with: bench_files JOBS FILE…
bench_files() {
  local jobs=$1 file
  shift
  mkdir -p "$out/packages"
  export tgc target device limit out repeat
  bench_one() {
    timeout -k 5 "$limit" "$tgc" bench --kernels "$1" --kernel "$2" --device "$target" --run-on "$device" \
      --repeat "$repeat" --save "$out/packages" --export "$out/$2.json" > "$out/$2.txt" 2> "$out/$2.err"
    local code=$?
    tail -n +2 "$out/$2.txt"
    [ $code -eq 0 ] && return
    [ $code -ge 124 ] && echo "  hung or killed: $2"
    head -c 2000 "$out/$2.err"
    return 1
  }
  export -f bench_one
  for file in "$@"; do
    sed -n "s|^kernel\\.func @\\([A-Za-z0-9_]*\\).*|$file \\1|p" "$file"
  done | xargs -P "$jobs" -L 1 bash -c 'bench_one "$0" "$1"'
}

has_torch() { "${PYTHON:-python3}" -c 'import torch' 2> /dev/null; }

header() { printf '%9s %9s %9s %8s %6s  %-10s %s\n' us p10 GFLOP/s GB/s roof check kernel; }
part_small() {
  header
  repeat=5 bench_files 1 "$kernels/small.mlir"
}
# Where PyTorch is, part_peers times the same packages beside it: here they are made and checked, several at a time.
part_kernels() {
  local jobs=1 repeat=5
  has_torch && jobs=$(($(nproc) / 2 + 1)) repeat=0
  header
  bench_files "$jobs" "$kernels"/{gemm,attention,rows}.mlir
}

# Kernels of every class and of random shape under random legal schedules, outputs and scratch memory poisoned.
part_schedules() {
  mkdir -p "$out/schedules"
  export tgc target device limit out SCHEDULES=${SCHEDULES:-8} TGC_POISON=1
  one_file() {
    local name seed
    name=$(basename "$1" .mlir)
    seed=$((10#${name//[!0-9]/} + 1))
    timeout -k 5 "$limit" "$tgc" bench --kernels "$1" --random-schedules "$SCHEDULES" --seed "$seed" --device "$target" \
      --run-on "$device" > "$out/schedules/$name.txt" 2> "$out/schedules/$name.err"
    local code=$?
    [ $code -eq 0 ] && return
    echo "$name: exit code $code, the last schedule was $(tail -n 1 "$out/schedules/$name.err" | head -c 500)"
    grep -v '^seed' "$out/schedules/$name.txt" | head -n 20
  }
  export -f one_file
  printf '%s\n' "$kernels"/random/*.mlir | xargs -P "$(nproc)" -I{} bash -c 'one_file {}'
  cat "$out"/schedules/*.txt | awk '/^seed/ { runs += $3; elements += $5; failures += $7; files++ }
    END { printf "%d schedules of %d files, %d elements compared, %d failures\n", runs, files, elements, failures
          exit failures > 0 || files == 0 }' &&
    [ "$(grep -l '^seed' "$out"/schedules/*.txt | wc -l)" = "$(ls "$kernels"/random/*.mlir | wc -l)" ]
}

# One kernel of each class under NVIDIA's checkers.
part_sanitizer() {
  local checker
  checker=$(command -v compute-sanitizer || echo /usr/local/cuda/bin/compute-sanitizer)
  [ -x "$checker" ] || { echo "no compute-sanitizer here: skipped"; return 0; }
  mkdir -p "$out/sanitizer"
  export tgc target device limit out kernels checker
  one_check() {
    local file="$out/sanitizer/$1-$2.txt"
    timeout -k 5 "$limit" "$checker" --tool "$1" --report-api-errors no --error-exitcode 9 "$tgc" bench \
      --kernels "$kernels/small.mlir" --kernel "$2" --device "$target" --run-on "$device" --repeat 0 --rounds 1 --warm \
      > "$file" 2>&1
    local code=$?
    printf '%-10s %-28s %s\n' "$1" "$2" "$([ $code -eq 0 ] && echo clean || echo "exit code $code")"
    [ $code -eq 0 ] || { grep '=========' "$file" | head -n 12; return 1; }
  }
  export -f one_check
  for tool in memcheck racecheck; do
    sed -n "s/^kernel\.func @\([A-Za-z0-9_]*\).*/$tool \1/p" "$kernels/small.mlir"
  done | xargs -P 4 -L 1 bash -c 'one_check "$0" "$1"'
}

part_models() {
  local verdict=0 precision model
  for model in "$models"/*/model.onnx; do
    for precision in keep f16 bf16; do
      printf '%-14s %-5s ' "$(basename "$(dirname "$model")")" "$precision"
      local tolerance=2e-2
      [ $precision = keep ] && tolerance=1e-3
      timeout -k 5 "$limit" "$tgc" check "$model" --data "$(dirname "$model")/test_data_set_0" --device "$target" \
        --precision $precision --tolerance $tolerance 2>&1 | tail -n 1
      [ "${PIPESTATUS[0]}" -eq 0 ] || verdict=1
    done
  done
  return $verdict
}

# Full-size models with random weights, beside PyTorch evaluating the same graph with the same weights.
part_whole() {
  local python=${PYTHON:-python3} device_of_torch=cuda
  has_torch || { echo "no PyTorch here: skipped"; return 0; }
  [ "${device%%:*}" = cpu ] && device_of_torch=cpu
  "$python" "$here/whole_models.py" --tgc "$tgc" --target "$target" --device "$device" --torch "$device_of_torch" \
    --json "$out/whole.json" "$graphs"/*.onnx.xz
}

# The same shapes by cuBLAS and cuDNN through PyTorch, in one process and interleaved with ours.
part_peers() {
  local python=${PYTHON:-python3}
  has_torch || { echo "no PyTorch here: skipped"; return 0; }
  "$python" "$here/peers.py" --library "$(ls "$here"/../lib/libtgc_runtime.so 2> /dev/null || echo "${TGC_LIBRARY:-}")" \
    --device "$device" --json "$out/peers.json" "$out/packages"
}

for part in "${parts[@]}"; do
  echo "== $part"
  "part_$part" || fail "$part"
done
echo "$failed of ${#parts[@]} parts failed; files in $out"
[ "$failed" -eq 0 ]
