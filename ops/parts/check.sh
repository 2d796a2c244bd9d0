#!/usr/bin/env bash
# Starts every part, uses each once with a foreign client, stops them, and prints how long each step took.
#
#   check.sh [RUN]     RUN is a temporary directory by default; ports 29092 to 29095, 28081 and 27071
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
RUN=${1:-$(mktemp -d)}
US=127.0.0.1:29092 EU=127.0.0.1:29094

finish() {
  "$HERE/apicurio.sh" stop "$RUN"
  "$HERE/s3.sh" stop "$RUN"
  "$HERE/kafka.sh" stop "$RUN"
}
trap finish EXIT

step() {
  local name=$1 begin end
  shift
  begin=$(date +%s%N)
  "$@"
  end=$(date +%s%N)
  printf '%-36s %6d ms\n' "$name" $(((end - begin) / 1000000))
}

# same GOT WANT
same() { [ "$1" = "$2" ] || { echo "check.sh: got '$1', want '$2'" >&2; exit 1; }; }

topics() { "$PYTHON" "$HERE/check.py" topics "$US" "$EU"; }

through_kcat() {
  local broker
  for broker in "$US" "$EU"; do
    seq 1 1000 | sed 's/.*/ATL:value &/' | kcat -P -b "$broker" -t check.text -K: -X topic.partitioner=murmur2_random
    same "$(kcat -C -b "$broker" -t check.text -e -q -f '%k %s\n' | tail -n 1)" "ATL value 1000"
  done
}

survives_kill() {
  "$HERE/kafka.sh" kill "$RUN" us-east
  "$HERE/kafka.sh" start "$RUN" us-east=29092 >&2
  same "$(kcat -C -b "$US" -t check.text -e -q | wc -l)" 1000
}

step "install" bash -c "for p in kafka apicurio s3 clients; do '$HERE'/\$p.sh install; done"
PYTHON=$("$HERE/clients.sh" python)
step "start two Kafka clusters" "$HERE/kafka.sh" start "$RUN" us-east=29092 eu-central=29094
step "start Apicurio" "$HERE/apicurio.sh" start "$RUN" 28081
step "start versitygw" "$HERE/s3.sh" start "$RUN" 27071 anabranch
step "create topics" topics
step "kcat: 1,000 records, both clusters" through_kcat
step "AvroSerializer, registry, consumer" "$PYTHON" "$HERE/check.py" avro "$US" http://127.0.0.1:28081/apis/ccompat/v7
step "S3 answers" "$PYTHON" "$HERE/check.py" s3 http://127.0.0.1:27071 anabranch
step "kill -9 of a broker, started again" survives_kill
step "stop all" finish
trap - EXIT
echo ok
