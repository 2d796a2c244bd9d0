#!/usr/bin/env bash
# Apache Kafka 4.3.1 in KRaft mode, one independent single-node cluster for each region.
#
#   kafka.sh install
#   kafka.sh start RUN [NAME=]PORT...   prints "NAME 127.0.0.1:PORT" when all are ready; the controller takes PORT+1
#   kafka.sh stop RUN [NAME...]         all in RUN, or those named; data stay in RUN/NAME.data
#   kafka.sh kill RUN NAME              kill -9
#
# Started again on the same RUN and NAME a cluster goes on with its data. NAME defaults to kafka-PORT.
source "$(dirname "${BASH_SOURCE[0]}")/process.sh"

VERSION=4.3.1
HOME_DIR="$PARTS/kafka-$VERSION"

fetch() {
  need java "install Java 17 or newer (Debian: openjdk-17-jre-headless)"
  need mvn "install Maven (Debian: maven)"
  mkdir -p "$HOME_DIR"
  cat >"$HOME_DIR/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>anabranch.parts</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$VERSION</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
POM
  mvn -q -B -f "$HOME_DIR/pom.xml" dependency:copy-dependencies -DoutputDirectory="$HOME_DIR/jars"
}

install() { once "kafka-$VERSION" fetch; }

# cluster_id: 16 random bytes as 22 characters of base64url, the first no dash, which would read as an option.
cluster_id() { head -c 16 /dev/urandom | base64 | tr '+/' '-_' | cut -c1-22 | sed 's/^[-_]/A/'; }

properties() {
  local run=$1 name=$2 port=$3
  cat <<EOP
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:$((port + 1))
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$((port + 1))
advertised.listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$((port + 1))
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=$run/$name.data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
broker.session.timeout.ms=${ANABRANCH_KAFKA_SESSION_MS:-1500}
broker.heartbeat.interval.ms=300
EOP
}

launch_cluster() {
  local run=$1 name=$2 port=$3
  ! alive "$run/$name.pid" || die "$name runs already (pid file $run/$name.pid): stop it first"
  free_port "$port"
  free_port "$((port + 1))"
  properties "$run" "$name" "$port" >"$run/$name.properties"
  if [ ! -e "$run/$name.data/meta.properties" ]; then
    java -cp "$HOME_DIR/jars/*" kafka.tools.StorageTool format --standalone -t "$(cluster_id)" \
      -c "$run/$name.properties" >>"$run/$name.log" 2>&1 || die "format failed; see $run/$name.log"
  fi
  launch "$run" "$name" java "-Xmx${ANABRANCH_KAFKA_HEAP:-512m}" -cp "$HOME_DIR/jars/*" kafka.Kafka "$run/$name.properties"
}

# name_of [NAME=]PORT
name_of() {
  case $1 in
  *=*) echo "${1%%=*}" ;;
  *) echo "kafka-$1" ;;
  esac
}

# ready LOG LINES: the broker says so itself; its port is open before it is registered.
ready() { tail -n +"$(($2 + 1))" "$1" | grep -q 'Kafka Server started'; }

start() {
  [ $# -ge 2 ] || die "usage: kafka.sh start RUN [NAME=]PORT..."
  install
  mkdir -p "$1"
  local spec name port
  run=$(cd "$1" && pwd)
  shift
  local -A before=()
  started=()
  trap 'for name in "${started[@]}"; do stop "$run" "$name"; done' EXIT # all are started, or none
  for spec in "$@"; do
    port=${spec##*=} name=$(name_of "$spec")
    touch "$run/$name.log"
    before[$name]=$(wc -l <"$run/$name.log")
    launch_cluster "$run" "$name" "$port"
    started+=("$name")
  done
  for spec in "$@"; do
    port=${spec##*=} name=$(name_of "$spec")
    await "$run" "$name" 60 ready "$run/$name.log" "${before[$name]}"
    await "$run" "$name" 10 listens "$port"
    echo "$name 127.0.0.1:$port"
  done
  trap - EXIT
}

case "${1:-}" in
install) install ;;
start) shift; start "$@" ;;
stop)
  [ $# -ge 2 ] || die "usage: kafka.sh stop RUN [NAME...]"
  run=$2
  shift 2
  if [ $# -eq 0 ]; then
    for f in "$run"/*.properties; do [ ! -e "$f" ] || set -- "$@" "$(basename "$f" .properties)"; done
  fi
  for name in "$@"; do stop "$run" "$name" & done
  wait
  ;;
kill)
  [ $# -eq 3 ] || die "usage: kafka.sh kill RUN NAME"
  kill_now "$2" "$3"
  ;;
*) die "usage: kafka.sh install | start RUN [NAME=]PORT... | stop RUN [NAME...] | kill RUN NAME" ;;
esac
