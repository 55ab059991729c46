# shellcheck shell=bash
# What the servers' scripts share; they source it. Each is called as
#     SERVER.sh install | start FOLDER PORT | stop FOLDER | kill FOLDER | pid FOLDER
# FOLDER holds a server's data, its log and the file `pid`; passwords come by the environment (ITA_...), and so does ITA_STACK_TLS,
# the folder of the certificates (ca.crt, SERVER.crt, SERVER.key) where the server is to speak TLS and to ask for sign-in.
# `start` returns when the process is up; whether it is ready for work is asked by `ita stack up`.
set -euo pipefail

CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/ita
COMMAND=${1:?install, start, stop, kill or pid}
FOLDER=${2:-}
PORT=${3:-}
TLS=${ITA_STACK_TLS:-}
[ "$(uname -s)" = Linux ] || { echo "servers without Docker need Linux; this is $(uname -s)" >&2; exit 1; }
if [ "$COMMAND" != install ]; then
    : "${FOLDER:?a folder for the state of the server}"
    mkdir -p "$FOLDER"
    FOLDER=$(cd "$FOLDER" && pwd)
fi

fail() { echo "$*" >&2; exit 1; }

# shown_to_clients SERVER: the certificate and key that clients are shown, without .crt and .key. It may be another than the one by which
# the parts of a server know each other: SERVER-clients.crt, as of a public authority.
shown_to_clients() {
    if [ -f "$TLS/$1-clients.crt" ]; then echo "$TLS/$1-clients"; else echo "$TLS/$1"; fi
}

# Only one of them installs at a time; the others wait and find it done.
lock_cache() {
    mkdir -p "$CACHE"
    exec 9>"$CACHE/$1.lock"
    flock 9
}

apt_update_once() {
    [ -n "${APT_UPDATED:-}" ] || as_root apt-get update -qq
    APT_UPDATED=1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

# apt_install WHAT-FOR PACKAGE...: install them, or say plainly that they are missing.
apt_install() {
    local purpose=$1
    shift
    command -v apt-get >/dev/null || fail "$purpose is missing, and there is no apt-get to install it: $*"
    apt_update_once
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null ||
        fail "$purpose is missing and could not be installed: apt-get install $*"
}

at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -1)" = "$1" ]; }

# The instant a process was born tells it from a later one with the same number; a zombie is nobody.
born() {
    local line fields
    line=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    read -r -a fields <<<"${line##*) }"
    [ "${fields[0]}" != Z ] && echo "${fields[19]}"
}

note_pid() { echo "$1 $(born "$1")" >"$FOLDER/pid"; }

living() {
    local pid at
    read -r pid at 2>/dev/null <"$FOLDER/pid" || return 1
    [ "$(born "$pid")" = "$at" ] && echo "$pid"
}

port_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# A server that was killed a moment ago holds its port until its last thread has gone.
wait_for_port() {
    for _ in $(seq 100); do
        port_taken "$1" || return 0
        sleep 0.1
    done
    fail "port $1 is taken by another program"
}

# launch COMMAND...: in the background, apart from this terminal, with its words in FOLDER/log.
launch() {
    local pid
    (cd "$FOLDER" && exec setsid "$@") >>"$FOLDER/log" 2>&1 </dev/null &
    pid=$!
    note_pid "$pid" || fail "ended at once; see $FOLDER/log"
}

# finish SIGNAL SECONDS: ask it to end, and after that time make it end.
finish() {
    local pid
    pid=$(living) || { rm -f "$FOLDER/pid"; return 0; }
    kill "-$1" "$pid"
    for _ in $(seq $(($2 * 20))); do
        living >/dev/null || { rm -f "$FOLDER/pid"; return 0; }
        sleep 0.05
    done
    kill -KILL "$pid" 2>/dev/null || true
    while living >/dev/null; do sleep 0.05; done
    rm -f "$FOLDER/pid"
}

# What every server does alike; its own script defines install_server, start_server and STOP (signal and patience).
serve() {
    case $COMMAND in
        install) install_server ;;
        start)
            if living >/dev/null; then return; fi
            install_server
            wait_for_port "${PORT:?the port to listen on}"
            start_server
            ;;
        # shellcheck disable=SC2086  # a signal and a number of seconds
        stop) finish ${STOP:-TERM 30} ;;
        kill) finish KILL 10 ;;
        pid) living ;;
        *) fail "$COMMAND is none of install, start, stop, kill and pid" ;;
    esac
}
