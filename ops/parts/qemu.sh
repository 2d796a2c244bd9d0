#!/usr/bin/env bash
# QEMU's user mode, from Debian: runs a program that was built for 64-bit ARM.
#
#   qemu.sh install
#   qemu.sh arm64 PROGRAM [ARGUMENT...]
#
# There is nothing to start or to stop.
source "$(dirname "${BASH_SOURCE[0]}")/process.sh"

emulator() { command -v qemu-aarch64 || command -v qemu-aarch64-static; }

install() {
  if emulator >/dev/null || [ "$(uname -m)" = aarch64 ]; then return; fi
  [ "$(id -u)" = 0 ] || die "qemu-aarch64 is missing and installing it needs root: run 'apt-get install qemu-user' once"
  apt-cache show qemu-user >/dev/null 2>&1 || apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends qemu-user >&2
}

case "${1:-}" in
install) install ;;
arm64)
  [ $# -ge 2 ] || die "usage: qemu.sh arm64 PROGRAM [ARGUMENT...]"
  shift
  if [ "$(uname -m)" = aarch64 ]; then exec "$@"; fi
  exec "$(emulator)" "$@"
  ;;
*) die "usage: qemu.sh install | arm64 PROGRAM [ARGUMENT...]" ;;
esac
