#!/usr/bin/env bash
# Redis on loopback, of the distribution, with its append-only file written each second.
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"

STOP="TERM 20"

find_binary() { BINARY=$(command -v redis-server || command -v valkey-server); }

install_server() {
    find_binary || { apt_install Redis redis-server && find_binary; } || fail "Redis is missing"
}

write_settings() {
    cat <<SETTINGS
bind 127.0.0.1
port $PORT
dir $FOLDER
daemonize no
appendonly yes
appendfsync everysec
save ""
requirepass ${ITA_REDIS__PASSWORD:?}
SETTINGS
}

start_server() {
    chmod 700 "$FOLDER"
    (umask 077 && write_settings >"$FOLDER/redis.conf")
    launch "$BINARY" "$FOLDER/redis.conf"
}

serve
