#!/usr/bin/env bash
# Apicurio Registry 3.0.9, a schema registry that speaks the Confluent API, with global compatibility BACKWARD.
#
#   apicurio.sh install
#   apicurio.sh start RUN [NAME=]PORT [KAFKA]   prints "NAME URL", the URL of the Confluent API. Schemas are kept in memory, or
#                                               in a topic of the cluster at KAFKA (HOST:PORT), where they survive a restart
#   apicurio.sh stop RUN [NAME]
#
# NAME defaults to apicurio.
source "$(dirname "${BASH_SOURCE[0]}")/process.sh"

VERSION=3.0.9 # newer ones need Java 21
HOME_DIR="$PARTS/apicurio-$VERSION"
API=/apis/ccompat/v7

fetch() {
  need java "install Java 17 or newer (Debian: openjdk-17-jre-headless)"
  need mvn "install Maven (Debian: maven)"
  mkdir -p "$HOME_DIR/tar"
  (cd "$HOME_DIR" && mvn -q -B dependency:copy -Dartifact="io.apicurio:apicurio-registry-app:$VERSION:tar.gz:all" -DoutputDirectory=tar)
  tar -xzf "$HOME_DIR/tar/apicurio-registry-app-$VERSION-all.tar.gz" -C "$HOME_DIR"
  rm -r "$HOME_DIR/tar"
}

install() { once "apicurio-$VERSION" fetch; }

# backward sets the global rule; the default NONE would let every incompatible schema pass.
backward() {
  python3 -c 'import sys, urllib.request as u
put = u.Request(sys.argv[1], b"{\"compatibility\":\"BACKWARD\"}", {"Content-Type": "application/vnd.schemaregistry.v1+json"}, method="PUT")
sys.exit(b"BACKWARD" not in u.build_opener(u.ProxyHandler({})).open(put, timeout=5).read())' "http://127.0.0.1:$1$API/config"
}

start() {
  [ $# -eq 2 ] || [ $# -eq 3 ] || die "usage: apicurio.sh start RUN [NAME=]PORT [KAFKA]"
  install
  need python3 "install Python 3 (Debian: python3)"
  mkdir -p "$1"
  local run port=${2##*=} name=apicurio kafka=${3:-}
  run=$(cd "$1" && pwd)
  case $2 in *=*) name=${2%%=*} ;; esac
  ! alive "$run/$name.pid" || die "$name runs already (pid file $run/$name.pid): stop it first"
  free_port "$port"
  local -a settings=(QUARKUS_HTTP_HOST=127.0.0.1 QUARKUS_HTTP_PORT="$port")
  [ -z "$kafka" ] || settings+=(APICURIO_STORAGE_KIND=kafkasql APICURIO_KAFKASQL_BOOTSTRAP_SERVERS="$kafka")
  launch "$run" "$name" env "${settings[@]}" java -Xmx512m -jar "$HOME_DIR/apicurio-registry-app-$VERSION-runner.jar"
  await "$run" "$name" 90 backward "$port"
  echo "$name http://127.0.0.1:$port$API"
}

case "${1:-}" in
install) install ;;
start) shift; start "$@" ;;
stop)
  [ $# -eq 2 ] || [ $# -eq 3 ] || die "usage: apicurio.sh stop RUN [NAME]"
  stop "$2" "${3:-apicurio}"
  ;;
*) die "usage: apicurio.sh install | start RUN [NAME=]PORT [KAFKA] | stop RUN [NAME]" ;;
esac
