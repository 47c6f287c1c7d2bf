#!/bin/bash
# Compiles models for Intel GPUs without one: tests/codegen/spirv/models.sh TGC TARGETS MODEL...
# PRECISIONS lists what they are recast to (default: keep, as the model has it).
# A model is an ONNX file or one in xz; a target is pvc, bmg, lnl, dg2 or cpu. spirv-val accepts every module, and none
# computes in float64 unless the model's data does (ALLOW_DOUBLE=1). Where Intel's offline compiler (ocloc) is installed
# and knows the GPU, every EVERYth module (default 1; 0: none) is compiled too, and must not spill registers.
set -u
tgc=$1 targets=$2
shift 2
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
fail() { echo "$model $target: $1"; failed=1; }
offline() { # the compiler's name of a target; none if it does not know it
  local name=$1
  [ "$name" = dg2 ] && name=dg2-g10
  command -v ocloc > /dev/null && ocloc ids "$name" 2>&1 | grep -q '[0-9]\.[0-9]' && echo "$name"
}
for model; do
  onnx=$model
  case $model in
  *.xz)
    onnx=$work/$(basename "$model" .xz)
    xz -dkc "$model" > "$onnx" || exit 1
    ;;
  esac
  for target in $targets; do for precision in ${PRECISIONS:-keep}; do
    rm -rf "$work/m" && mkdir "$work/m"
    start=$SECONDS
    "$tgc" compile "$onnx" --device "opencl:$target" --precision "$precision" -o "$work/model.tgc" > "$work/log" 2>&1 || { fail "$(tail -3 "$work/log")"; continue; }
    seconds=$((SECONDS - start))
    mapfile -t modules < <(python3 "$here/modules.py" "$work/model.tgc" "$work/m")
    [ ${#modules[@]} -gt 0 ] || fail "no modules"
    device=$(offline "$target")
    number=0 compiled=0
    for module in "${modules[@]}"; do
      "$here/validate.sh" python3 "$module" > "$work/log" 2>&1 || fail "$(cat "$work/log")"
      spirv-dis "$module.known" -o "$work/text" || fail "$module has no text"
      [ "${ALLOW_DOUBLE:-0}" = 1 ] || ! grep -q 'OpCapability Float64' "$work/text" || fail "$module computes in float64"
      number=$((number + 1))
      if [ -n "$device" ] && [ "${EVERY:-1}" -gt 0 ] && [ $((number % ${EVERY:-1})) = 0 ]; then
        ocloc compile -q -spirv_input -file "$module" -device "$device" -output x -out_dir "$work/o" > "$work/log" 2>&1 \
          || fail "$module: $(cat "$work/log")"
        compiled=$((compiled + 1))
        grep -i spill "$work/log" && fail "$module spills"
      fi
    done
    echo "$model $target $precision: ${#modules[@]} modules, $seconds s, $compiled by ocloc"
  done; done
  case $model in *.xz) rm -f "$onnx" ;; esac
done
exit $failed
