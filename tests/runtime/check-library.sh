#!/bin/sh
# Checks that the runtime library is small, stripped of dependencies, and exports only its C API.
set -eu
library=$1
copy=$(mktemp)
trap 'rm -f "$copy"' EXIT
strip -o "$copy" "$library"
size=$(stat -c %s "$copy")
[ "$size" -lt 2000000 ] || { echo "the stripped library has $size bytes"; exit 1; }
others=$(readelf -d "$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
  grep -v -E '^(libc|libm|libpthread|libdl|ld-linux[-a-z0-9_]*)\.so' || true)
[ -z "$others" ] || { echo "the library needs $others"; exit 1; }
exports=$(nm -D --defined-only "$library" | awk '{print $3}' | grep -v '^tgc_' || true)
[ -z "$exports" ] || { echo "the library exports $exports"; exit 1; }
echo "$size bytes"
