#!/usr/bin/env bash
# Redis on loopback, of the distribution, with its append-only file written each second. With ITA_STACK_TLS it speaks TLS alone,
# and users are in a file that `ita stack init` adds to.
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"

STOP="TERM 20"

find_binary() { BINARY=$(command -v redis-server || command -v valkey-server); }

install_server() {
    find_binary || { apt_install Redis redis-server && find_binary; } || fail "Redis is missing"
}

write_settings() {
    cat <<SETTINGS
bind 127.0.0.1
dir $FOLDER
daemonize no
appendonly yes
appendfsync everysec
save ""
SETTINGS
    if [ -z "$TLS" ]; then
        printf '%s\n' "port $PORT" "requirepass ${ITA_REDIS__PASSWORD:?}"
    else
        printf '%s\n' "port 0" "tls-port $PORT" "tls-cert-file $TLS/redis.crt" "tls-key-file $TLS/redis.key" \
            "tls-ca-cert-file $TLS/ca.crt" "tls-auth-clients no" "tls-protocols \"TLSv1.2 TLSv1.3\"" "aclfile $FOLDER/users.acl"
    fi
}

# Nobody but who sets up, until others are added; the password is kept as its hash.
write_users() {
    echo "user default off"
    echo "user ${ITA_REDIS__USER:?} on #$(printf '%s' "${ITA_REDIS__PASSWORD:?}" | sha256sum | cut -d' ' -f1) ~* &* +@all"
}

start_server() {
    chmod 700 "$FOLDER"
    [ -z "$TLS" ] || [ -e "$FOLDER/users.acl" ] || (umask 077 && write_users >"$FOLDER/users.acl")
    (umask 077 && write_settings >"$FOLDER/redis.conf")
    launch "$BINARY" "$FOLDER/redis.conf"
}

serve
