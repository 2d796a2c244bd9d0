#!/usr/bin/env bash
# versitygw 1.8.0, a strict S3 server on a directory (checksums, If-Match, If-None-Match; it does not sync to disk).
#
#   s3.sh install
#   s3.sh start RUN PORT BUCKET...   prints "s3 URL"; objects are in RUN/s3.data/BUCKET
#   s3.sh stop RUN
#
# Credentials: ANABRANCH_S3_ACCESS_KEY and ANABRANCH_S3_SECRET_KEY, "anabranch" and "anabranch-secret" by default.
source "$(dirname "${BASH_SOURCE[0]}")/process.sh"

VERSION=1.8.0
BIN="$PARTS/versitygw-$VERSION"

fetch() {
  need go "install Go"
  (cd "$PARTS" && GOBIN="$BIN" GOFLAGS='' go install "github.com/versity/versitygw/cmd/versitygw@v$VERSION")
}

install() { once "versitygw-$VERSION" fetch; }

start() {
  [ $# -ge 3 ] || die "usage: s3.sh start RUN PORT BUCKET..."
  install
  mkdir -p "$1"
  local run port=$2 bucket
  run=$(cd "$1" && pwd)
  shift 2
  for bucket in "$@"; do mkdir -p "$run/s3.data/$bucket"; done
  ! alive "$run/s3.pid" || die "s3 runs already (pid file $run/s3.pid): stop it first"
  free_port "$port"
  launch "$run" s3 env ROOT_ACCESS_KEY="${ANABRANCH_S3_ACCESS_KEY:-anabranch}" \
    ROOT_SECRET_KEY="${ANABRANCH_S3_SECRET_KEY:-anabranch-secret}" "$BIN/versitygw" --port "127.0.0.1:$port" posix "$run/s3.data"
  await "$run" s3 20 listens "$port"
  echo "s3 http://127.0.0.1:$port"
}

case "${1:-}" in
install) install ;;
start) shift; start "$@" ;;
stop)
  [ $# -eq 2 ] || die "usage: s3.sh stop RUN"
  stop "$2" s3
  ;;
*) die "usage: s3.sh install | start RUN PORT BUCKET... | stop RUN" ;;
esac
