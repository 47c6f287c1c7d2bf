#!/usr/bin/env bash
# Unpacks Intel's offline compiler for GPUs (ocloc) of a newer Debian beside the system's, with its own loader and
# libraries: scripts/intel-compiler.sh [DIR], default .intel-compiler. Debian 12's knows pvc and dg2 and refuses the
# matrix engine's functions of newer drivers; this one knows bmg, lnl and all others too. Nothing is installed: apt
# only downloads, from the Debian mirror that the system's own sources name (TGC_DEBIAN_MIRROR: from another). DIR/ocloc
# then runs it. Idempotent; says what is missing, and leaves nothing behind, where it cannot be had.
set -euo pipefail
cd "$(dirname "$0")/.."
target=$(realpath -m "${1:-.intel-compiler}")
[ -x "$target/ocloc" ] && "$target/ocloc" ids bmg > /dev/null 2>&1 && exit 0
rm -rf "$target"
fail() {
  rm -rf "$target"
  echo "intel-compiler: $1" >&2
  exit 1
}
[ "$(dpkg --print-architecture 2> /dev/null)" = amd64 ] || fail "it is packaged for Debian on amd64 alone"
keys=/usr/share/keyrings/debian-archive-keyring.gpg
[ -e "$keys" ] || fail "Debian's keys ($keys, package debian-archive-keyring) are missing"
mirror=${TGC_DEBIAN_MIRROR:-$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep -m1 '/debian/*$' || true)}
[ -n "$mirror" ] || fail "the system's package sources name no Debian mirror; TGC_DEBIAN_MIRROR can name one"
work=$target/apt
mkdir -p "$work"/{etc/apt.conf.d,etc/preferences.d,lists/partial,archives/partial}
echo "deb [signed-by=$keys] $mirror ${TGC_DEBIAN:-testing} main" > "$work/etc/sources.list"
: > "$work/status"
options=(-o Dir::Etc="$work/etc" -o Dir::Etc::SourceList="$work/etc/sources.list" -o Dir::Etc::SourceParts=/dev/null
  -o Dir::State::Lists="$work/lists" -o Dir::State::status="$work/status" -o Dir::Cache::Archives="$work/archives"
  -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Architecture=amd64 -o Debug::NoLocking=1
  -o Acquire::Languages=none -o APT::Sandbox::User=root)
apt-get "${options[@]}" update -qq || fail "$mirror does not answer"
apt-get "${options[@]}" install -qq --download-only --no-install-recommends -y intel-ocloc libigc2 libigdfcl2 spirv-tools > /dev/null \
  || fail "$mirror does not give the packages"
for package in "$work"/archives/*.deb; do
  dpkg-deb --fsys-tarfile "$package" | tar -x -C "$target" --exclude='./usr/share/*' --no-same-owner
done
rm -rf "$work"
for tool in ocloc spirv-val; do
  binary=$(find "$target/usr/bin" -name "$tool*" | sort | tail -1)
  cat > "$target/$tool" << SCRIPT
#!/bin/sh
exec "$target/usr/lib64/ld-linux-x86-64.so.2" --library-path "$target/usr/lib/x86_64-linux-gnu" "$binary" "\$@"
SCRIPT
  chmod +x "$target/$tool"
done
[ -e "$target/usr/lib64/ld-linux-x86-64.so.2" ] || { mkdir -p "$target/usr/lib64"; ln -s "$(find "$target" -name 'ld-linux-x86-64.so.2' | head -1)" "$target/usr/lib64/"; }
"$target/ocloc" ids bmg > /dev/null 2>&1 || fail "the unpacked ocloc does not run"
