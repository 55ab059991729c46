#!/usr/bin/env bash
# InfluxDB 2 on loopback, built from its Go modules and from flux's Rust crates; without the pages of its UI.
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"
. "$(dirname "${BASH_SOURCE[0]}")/toolchains.sh"

VERSION=v2.7.12
FLUX=v0.196.1
RECIPE=1 # goes up when the way it is built changes
HOME_FOLDER=$CACHE/influxdb
BINARY=$HOME_FOLDER/influxd
STAMP="influxd=$VERSION flux=$FLUX recipe=$RECIPE $(uname -m)"
STOP="INT 30" # SIGTERM ends it as SIGKILL does

installed() { [ -x "$BINARY" ] && [ "$(cat "$BINARY.stamp" 2>/dev/null)" = "$STAMP" ]; }

install_server() {
    if installed; then return; fi
    lock_cache influxdb
    if ! installed; then
        need_c
        need_go
        need_rust
        (build)
        echo "$STAMP" >"$BINARY.stamp"
        rm -rf "$HOME_FOLDER/.build"
    fi
    flock -u 9
}

build() {
    local work=$HOME_FOLDER/.build flux_folder
    if [ -d "$work" ]; then chmod -R u+w "$work"; rm -rf "$work"; fi
    mkdir -p "$work/module" "$work/flux" "$work/pkgconfig"
    cd "$work/module"
    cat >go.mod <<MODULE
module influxdbuild

go 1.23.0

require (
	github.com/influxdata/influxdb/v2 $VERSION
	github.com/influxdata/flux $FLUX
)
MODULE
    : >go.sum
    export GOFLAGS="-mod=mod -buildvcs=false" GOWORK=off CGO_ENABLED=1
    flux_folder=$(go mod download -json "github.com/influxdata/flux@$FLUX" | sed -n 's/^\t"Dir": "\(.*\)",\{0,1\}$/\1/p')
    [ -d "$flux_folder/libflux" ] || fail "the module github.com/influxdata/flux@$FLUX could not be fetched"
    # Without its rust-toolchain.toml, which asks for one old compiler; a newer one warns more, hence --cap-lints.
    cp -r "$flux_folder/libflux" "$flux_folder/stdlib" "$work/flux/"
    chmod -R u+w "$work/flux"
    (cd "$work/flux/libflux" && RUSTFLAGS="--cap-lints allow" CARGO_TARGET_DIR="$work/target" \
        CARGO_PROFILE_RELEASE_LTO=true cargo rustc --quiet --locked --release -p flux --lib --crate-type staticlib)
    cat >"$work/pkgconfig/flux.pc" <<PKGCONFIG
Name: Flux
Version: ${FLUX#v}
Description: Library for the InfluxData Flux engine
Libs: -L$work/target/release -lflux -ldl -lm
Cflags: -I$work/flux/libflux/include
PKGCONFIG
    PKG_CONFIG_PATH="$work/pkgconfig" go build -trimpath -tags sqlite_foreign_keys,sqlite_json \
        -ldflags "-s -w -X main.version=$VERSION -X main.commit=goproxy" \
        -o "$BINARY.new" github.com/influxdata/influxdb/v2/cmd/influxd
    mv "$BINARY.new" "$BINARY"
}

start_server() {
    local encryption=()
    [ -z "$TLS" ] || encryption=(--tls-cert "$TLS/influx.crt" --tls-key "$TLS/influx.key" --tls-min-version 1.2)
    chmod 700 "$FOLDER"
    launch "$BINARY" --http-bind-address "127.0.0.1:$PORT" --reporting-disabled --ui-disabled \
        --bolt-path "$FOLDER/influxd.bolt" --sqlite-path "$FOLDER/influxd.sqlite" --engine-path "$FOLDER/engine" \
        "${encryption[@]}"
}

serve
