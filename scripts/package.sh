#!/usr/bin/env bash
# Makes the portable package: dist/tgc-VERSION-linux-x86_64.tar.xz with the tgc command, the runtime library, its
# headers and the licences. The command is one file that needs glibc 2.35 and a kernel, nothing else: it runs on
# Debian 12, Ubuntu 22.04 and 24.04. NVIDIA's driver is looked for when a GPU is asked for.
#   scripts/package.sh [--with-tests]    adds what tests/gpu/run.sh needs: the scripts, kernels, the tiny models and three
#                                        full-size graphs
# Environment: as scripts/build.sh. The objects are those of the ordinary build; only the linking differs.
set -euo pipefail
cd "$(dirname "$0")/.."

tests=
[ "${1:-}" = --with-tests ] && tests=1
build=${BUILD_DIR:-build}
oldest=2.35
scripts/build.sh tgc-portable tgc_runtime
version=$(sed -n 's/^project(tgc VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
name=tgc-$version-linux-x86_64
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
root=$stage/$name
mkdir -p "$root"/{bin,lib,include,licences} dist

strip -o "$root/bin/tgc" "$build/bin/tgc-portable"
library=$(readlink -f "$build/lib/libtgc_runtime.so")
soname=$(readelf -d "$library" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')
strip -o "$root/lib/$soname" "$library"
ln -s "$soname" "$root/lib/libtgc_runtime.so"
cp -r runtime/include/tgc "$root/include/"

# What is linked in, with the terms that its packages state.
for package in libllvm19 libstdc++6 libzstd1 zlib1g libfmt-dev libflatbuffers-dev libcli11-dev nlohmann-json3-dev; do
  [ -f "/usr/share/doc/$package/copyright" ] && cp "/usr/share/doc/$package/copyright" "$root/licences/$package.txt"
done
for own in LICENSE LICENSE.txt COPYING; do
  [ -f "$own" ] && cp "$own" "$root/licences/tgc.txt"
done
cat > "$root/README" <<TEXT
tgc $version: tensor graphs, compiled ahead of time

  bin/tgc compile model.onnx -o model.tgc --device cpu      (tgc devices lists the names)
  bin/tgc run model.tgc --input x=x.npy -o out
  bin/tgc check model.onnx --data test_data_set_0

lib/libtgc_runtime.so and include/tgc/ run packages from a program of your own. licences/ has the terms of
what is linked in. The command and the library need glibc $oldest or newer; a GPU needs NVIDIA's driver, CUDA 12.0
or newer.
TEXT
if [ -n "$tests" ]; then
  mkdir "$root/gpu"
  cp tests/gpu/{README.md,run.sh,random.mlir,*.py} "$root/gpu/"
  tests/gpu/kernels.py "$root/gpu/kernels"
  mkdir -p "$root/models" "$root/graphs"
  cp -rL models/tiny/* "$root/models/"
  cp models/graphs/{flux-768,flux-1024,wan-1.3b}.onnx.xz "$root/graphs/"
fi

# What would keep it from running elsewhere is an error here.
for file in "$root/bin/tgc" "$root/lib/$soname"; do
  others=$(readelf -d "$file" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | grep -v -E '^(libc|libm|libdl|libpthread|ld-linux[-a-z0-9_]*)\.so' || true)
  [ -z "$others" ] || { echo "$file needs $others" >&2; exit 1; }
  newer=$(objdump -T "$file" | grep -oE 'GLIBC_[0-9.]+\)? +[^ ]+' | tr -d ')' |
    awk -v oldest="$oldest" '{ split(substr($1, 7), v, "."); split(oldest, o, ".");
      if (v[1] > o[1] || (v[1] == o[1] && v[2] > o[2])) print $2 "@" $1 }')
  [ -z "$newer" ] || { echo "$file needs a newer C library: $newer" >&2; exit 1; }
done
# The proof: a folder with the C library alone becomes the root, and a model compiles, runs and agrees there.
bare=$stage/bare
mkdir -p "$bare"/{bin,lib64,tmp}
cp "$root/bin/tgc" "$bare/bin/"
cp -r models/tiny/sdvae "$bare/model"
ldd "$bare/bin/tgc" | grep -oE '/[^ ]+' | sort -u | xargs -I{} cp -L {} "$bare/lib64/"
alone=(env -i LD_LIBRARY_PATH=/lib64 TGC_DATABASE=/tmp/none.db)
enter=("$(PATH=$PATH:/usr/sbin:/sbin command -v chroot)")
[ "$(id -u)" = 0 ] || enter=("$(command -v unshare)" --map-root-user "${enter[@]}")
if [ "$(id -u)" = 0 ] || "${enter[@]}" "$bare" /bin/tgc --help > /dev/null 2>&1; then
  "${alone[@]}" "${enter[@]}" "$bare" /bin/tgc check /model/model.onnx --data /model/test_data_set_0
else
  echo "no way into another root here: only looked at what the files need" >&2
  "$root/bin/tgc" devices > /dev/null
fi

archive=dist/$name.tar.xz
tar -C "$stage" --owner=0 --group=0 --sort=name -cf - "$name" | xz -T0 "-${XZ_LEVEL:-6}" > "$archive"
size=$(stat -c %s "$archive")
echo "$archive: $((size / 1000000)) MB, unpacked $(du -sm "$root" | cut -f1) MB"
if [ -z "$tests" ] && [ "$size" -gt 40000000 ]; then
  echo "the package is larger than 40 MB" >&2
  exit 1
fi
