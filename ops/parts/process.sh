# shellcheck shell=bash
# Sourced by the scripts of this directory: where parts are kept, and how one background process is started, awaited and
# stopped by the id in its pid file. Nothing here ends a process that it did not start.

set -euo pipefail

PARTS=${ANABRANCH_PARTS:-$HOME/.cache/anabranch-parts}
mkdir -p "$PARTS"

say() { echo "$(basename "$0"): $*" >&2; }
die() { say "$*"; exit 1; }
need() { command -v "$1" >/dev/null || die "$1 is missing: $2"; }

# once NAME COMMAND...: runs an installation step to its end once; another installer at the same time waits for it. Not to
# be called in a condition, where a shell would go on after a step that failed.
once() {
  local mark="$PARTS/.done-$1"
  shift
  if [ -e "$mark" ]; then return; fi
  (
    flock 9
    if [ ! -e "$mark" ]; then
      "$@" >&2
      touch "$mark"
    fi
  ) 9>"$PARTS/.lock"
}

# alive PIDFILE: whether the process that the file names runs. A number that the system has given to another
# process since is told apart by its start time, the file's second word.
alive() {
  [ -s "$1" ] || return 1
  local pid began
  read -r pid began <"$1"
  [ "$(birth "$pid")" = "$began" ]
}

# birth PID: the process's start time in clock ticks since boot, empty if there is none.
birth() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

# launch RUN NAME COMMAND...: starts a process in its own session, output to RUN/NAME.log, id to RUN/NAME.pid.
launch() {
  local run=$1 name=$2
  shift 2
  mkdir -p "$run"
  ! alive "$run/$name.pid" || die "$name runs already (pid file $run/$name.pid): stop it first"
  setsid "$@" >>"$run/$name.log" 2>&1 </dev/null &
  local pid=$!
  echo "$pid $(birth $pid)" >"$run/$name.pid"
}

# await RUN NAME SECONDS COMMAND...: until the command succeeds; fails when the process has ended or the time is over.
await() {
  local run=$1 name=$2 limit=$3
  shift 3
  local end=$((SECONDS + limit))
  until "$@" >/dev/null 2>&1; do
    if ! alive "$run/$name.pid"; then
      tail -n 20 "$run/$name.log" >&2
      die "$name ended before it was ready; its log is $run/$name.log"
    fi
    if [ "$SECONDS" -ge "$end" ]; then
      tail -n 20 "$run/$name.log" >&2
      stop "$run" "$name"
      die "$name is not ready after $limit s; its log is $run/$name.log"
    fi
    sleep 0.1
  done
}

# stop RUN NAME [SECONDS]: asks the process to end, and after that many seconds (20) makes it.
stop() {
  local file="$1/$2.pid" pid end
  if alive "$file"; then
    read -r pid _ <"$file"
    kill -TERM "$pid" 2>/dev/null || true
    end=$((SECONDS + ${3:-20}))
    while alive "$file" && [ "$SECONDS" -lt "$end" ]; do sleep 0.05; done
    if alive "$file"; then
      say "$2 ignores the request to end: killed"
      kill -KILL "$pid" 2>/dev/null || true
    fi
  fi
  rm -f "$file"
}

# kill_now RUN NAME: ends the process without asking (kill -9), for tests of crashes.
kill_now() {
  local file="$1/$2.pid" pid
  alive "$file" || die "$2 does not run (pid file $file)"
  read -r pid _ <"$file"
  kill -KILL "$pid"
  while alive "$file"; do sleep 0.02; done
  rm -f "$file"
}

# listens PORT: whether something accepts connections there.
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_port PORT: refuses a port that something else already holds, which would pass for the part being ready.
free_port() { ! listens "$1" || die "port $1 is taken"; }
