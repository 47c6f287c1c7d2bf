#!/bin/sh
# Compiles models for GPUs without one: tests/codegen/ptx/assemble.sh TGC DEVICES MODEL...
# A model is an ONNX file or one in xz. Where the machine has an assembler (libnvJitLink or ptxas) every kernel is
# assembled, and its remarks on spills and serialised matrix instructions are printed; STRICT=1 makes them failures.
set -u
tgc=$1 devices=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
for model; do
  onnx=$model
  case $model in
  *.xz)
    onnx=$work/$(basename "$model" .xz)
    xz -dkc "$model" > "$onnx" || exit 1
    ;;
  esac
  for device in $devices; do
    if "$tgc" compile "$onnx" --device "$device" -o "$work/model.tgc" --json > "$work/report" 2> "$work/errors"; then
      python3 - "$model" "$device" "$work/report" <<'P' || failed=1
import json, os, sys
model, device, report = sys.argv[1:]
summary = json.load(open(report))
remarks = summary["assembler"]
print(f"{model} {device}: {summary['kernels']} kernels, {sum(summary['seconds'].values()):.1f} s, remarks on {len(remarks)}")
for kernel, text in remarks.items():
    print("  " + kernel + ": " + text.strip().replace("\n", "\n    "))
serialised = [kernel for kernel, text in remarks.items() if "wgmma" in text]
sys.exit(1 if serialised or (remarks and os.environ.get("STRICT") == "1") else 0)
P
    else
      echo "$model $device: failed"
      cat "$work/errors"
      failed=1
    fi
  done
  case $model in *.xz) rm -f "$onnx" ;; esac
done
exit $failed
