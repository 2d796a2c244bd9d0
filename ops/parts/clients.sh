#!/usr/bin/env bash
# Foreign clients and readers: kcat from Debian, and a Python environment with confluent-kafka (librdkafka), fastavro, httpx,
# pyarrow, pandas, duckdb and feast, pinned in requirements.txt.
#
#   clients.sh install
#   clients.sh python    prints the path of the environment's interpreter
#
# There is nothing to start or to stop.
source "$(dirname "${BASH_SOURCE[0]}")/process.sh"

PINS="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/requirements.txt"
VENV="$PARTS/python-$(sha256sum "$PINS" | cut -c1-12)"

fetch_kcat() {
  if command -v kcat >/dev/null; then return; fi
  [ "$(id -u)" = 0 ] || die "kcat is missing and installing it needs root: run 'apt-get install kcat' once"
  apt-cache show kcat >/dev/null 2>&1 || apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends kcat
}

fetch_python() {
  need python3 "install Python 3.11 or newer with venv (Debian: python3-venv)"
  python3 -m venv "$VENV"
  "$VENV/bin/pip" install -q -r "$PINS"
}

install() {
  fetch_kcat >&2
  once "$(basename "$VENV")" fetch_python
}

case "${1:-}" in
install) install ;;
python)
  [ -x "$VENV/bin/python" ] || die "not installed: run clients.sh install"
  echo "$VENV/bin/python"
  ;;
*) die "usage: clients.sh install | python" ;;
esac
