#!/bin/sh
# Has spirv-val look at modules: validate.sh PYTHON MODULE...; what it does not know yet is left out (known.py).
python=$1
shift
failed=0
for module; do
  "$python" "$(dirname "$0")/known.py" "$module" "$module.known" || exit 1
  spirv-val --target-env spv1.3 "$module.known" || { echo "$module is not valid"; failed=1; }
done
exit $failed
