#!/usr/bin/env bash
# PostgreSQL on loopback, of the distribution. It refuses to be root, so root runs it as the user postgres. It always offers TLS, with
# a certificate of its own; with ITA_STACK_TLS it lets nobody in without.
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"

STOP="INT 30" # fast: open transactions are rolled back

find_binaries() {
    BINARIES=$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -1)
    [ -x "$BINARIES/initdb" ]
}

install_server() {
    find_binaries || { apt_install PostgreSQL postgresql && find_binaries; } || fail "PostgreSQL is missing"
    command -v openssl >/dev/null || apt_install openssl openssl
}

as_owner() {
    if [ "$(id -u)" -eq 0 ]; then
        setpriv --reuid=postgres --regid=postgres --init-groups env -C / LC_ALL=C.UTF-8 "$@"
    else
        env -C / LC_ALL=C.UTF-8 "$@"
    fi
}

# Where a folder above is closed to the user postgres, its data are with those of the distribution's own servers.
find_data() {
    DATA=$FOLDER/data
    if [ "$(id -u)" -eq 0 ] && ! as_owner test -x "$FOLDER"; then
        DATA=/var/lib/postgresql/ita/$(printf '%s' "$FOLDER" | cksum | cut -d' ' -f1)
        echo "$DATA" >"$FOLDER/data.place"
    fi
}

own() { [ "$(id -u)" -ne 0 ] || chown -R postgres:postgres "$@"; }

create_data() {
    local password
    rm -rf "$DATA"
    mkdir -p "$DATA"
    password=$(mktemp)
    printf '%s' "${ITA_POSTGRES_ADMIN__PASSWORD:?}" >"$password"
    own "$DATA" "$password"
    chmod 700 "$DATA"
    as_owner "$BINARIES/initdb" -D "$DATA" -U postgres -A scram-sha-256 --pwfile="$password" -E UTF8 --locale=C.UTF-8 \
        >"$FOLDER/initdb.log" 2>&1 || {
        rm -f "$password"
        fail "PostgreSQL's data could not be made: $(tail -n 3 "$FOLDER/initdb.log")"
    }
    rm -f "$password"
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$DATA/server.key" -out "$DATA/server.crt" -days 3650 \
        -subj /CN=localhost -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' 2>/dev/null
    cp "$DATA/server.crt" "$FOLDER/server.crt"
    chmod 600 "$DATA/server.key"
    cat >>"$DATA/postgresql.conf" <<'SETTINGS'
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
ssl = on
password_encryption = scram-sha-256
SETTINGS
    own "$DATA"
    as_owner touch "$DATA/complete"
}

# Asked at each start, so that the same data can be served either way.
write_access() {
    local kind=host
    if [ -n "$TLS" ]; then
        kind=hostssl
        (umask 077 && cat "$TLS/postgres.key" >"$DATA/server.key")
        cat "$TLS/postgres.crt" >"$DATA/server.crt"
    fi
    echo "$kind all all 127.0.0.1/32 scram-sha-256" >"$DATA/pg_hba.conf"
    own "$DATA/server.key" "$DATA/server.crt" "$DATA/pg_hba.conf"
}

start_server() {
    find_data
    [ -e "$DATA/complete" ] || create_data
    write_access
    as_owner "$BINARIES/pg_ctl" -D "$DATA" -l "$DATA/server.log" -o "-p $PORT" -w -t 60 start >"$FOLDER/start.log" 2>&1 ||
        fail "PostgreSQL did not start: $(tail -n 3 "$DATA/server.log" "$FOLDER/start.log")"
    ln -sfn "$DATA/server.log" "$FOLDER/log"
    note_pid "$(head -1 "$DATA/postmaster.pid")"
}

serve
