#!/usr/bin/env bash
# MinIO as a second S3 server, on loopback, built from its Go module; its AGPL-3.0 line is no longer maintained.
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"
. "$(dirname "${BASH_SOURCE[0]}")/toolchains.sh"

VERSION=v0.0.0-20260212201848-7aac2a2c5b7c
SUM='h1:/qdoYujxF5MBLDMVLeiYJ/7fBa1HikX39Dvzb9Ji8pA='
HOME_FOLDER=$CACHE/s3
BINARY=$HOME_FOLDER/bin/minio
STAMP="$VERSION $(uname -m)"
STOP="TERM 20"

installed() { [ -x "$BINARY" ] && [ "$(cat "$BINARY.stamp" 2>/dev/null)" = "$STAMP" ]; }

install_server() {
    if installed; then return; fi
    lock_cache minio
    if ! installed; then
        need_go
        (build)
        echo "$STAMP" >"$BINARY.stamp"
    fi
    flock -u 9
}

build() {
    local got
    export CGO_ENABLED=0 GOFLAGS='-buildvcs=false -trimpath' GOBIN=$HOME_FOLDER/bin
    got=$(go mod download -json "github.com/minio/minio@$VERSION" | sed -n 's/.*"Sum": "\(h1:[^"]*\)".*/\1/p')
    [ "$got" = "$SUM" ] || fail "the sum of MinIO's module is ${got:-not to be had}; $SUM was expected"
    go install -ldflags '-s -w' "github.com/minio/minio@$VERSION"
}

start_server() {
    chmod 700 "$FOLDER"
    mkdir -p "$FOLDER/data"
    rm -rf "$FOLDER/certificates"
    mkdir "$FOLDER/certificates"
    if [ -n "$TLS" ]; then
        cp "$TLS/minio.crt" "$FOLDER/certificates/public.crt"
        cp "$TLS/minio.key" "$FOLDER/certificates/private.key"
    fi
    export HOME=$FOLDER MINIO_UPDATE=off MINIO_BROWSER=off
    export MINIO_ROOT_USER=${ITA_S3__ACCESS_KEY:?} MINIO_ROOT_PASSWORD=${ITA_S3__SECRET_KEY:?}
    launch "$BINARY" server --quiet --address "127.0.0.1:$PORT" --certs-dir "$FOLDER/certificates" "$FOLDER/data"
}

serve
