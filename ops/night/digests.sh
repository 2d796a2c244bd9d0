#!/usr/bin/env bash
# Folds the same histories with programs built for amd64 at level 1, amd64 at level 3 (fused multiply-add, if this processor
# has it) and arm64 (in QEMU), and compares what they print, byte by byte. That the targets can differ at all is checked with
# a sum of plain float products, in which they do.
#
#   ops/night/digests.sh [ARGUMENT of ops/night/digests...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
OUT=$(mktemp -d)
trap 'rm -rf "$OUT"' EXIT

# level3: whether the processor has what GOAMD64=v3 assumes.
level3() {
  local flag
  for flag in avx avx2 bmi1 bmi2 f16c fma abm movbe xsave; do
    grep -qw "$flag" /proc/cpuinfo || return 1
  done
}

build() { CGO_ENABLED=0 go build -o "$OUT/$1" ./ops/night/digests; }

GOARCH=amd64 GOAMD64=v1 build v1
GOARCH=amd64 GOAMD64=v3 build v3
GOARCH=arm64 build arm64
ops/parts/qemu.sh install

differs() { [ "$("$OUT/v1" --control)" != "$("$@" --control)" ] || { echo "the control does not differ: $*"; exit 1; }; }

declare -a ran=(v1 arm64)
differs ops/parts/qemu.sh arm64 "$OUT/arm64"
"$OUT/v1" "$@" >"$OUT/v1.txt" &
first=$!
ops/parts/qemu.sh arm64 "$OUT/arm64" "$@" >"$OUT/arm64.txt"
wait "$first"
if level3; then
  differs "$OUT/v3"
  "$OUT/v3" "$@" >"$OUT/v3.txt"
  ran+=(v3)
else
  echo "GOAMD64=v3 did not run: this processor lacks its instructions"
fi
tail -n 1 "$OUT/v1.txt"
for target in "${ran[@]}"; do
  if ! diff "$OUT/v1.txt" "$OUT/$target.txt"; then
    echo "amd64 v1 (<) and $target (>) differ"
    exit 1
  fi
done
echo "equal under: ${ran[*]}; $(wc -l <"$OUT/v1.txt") digests each"
