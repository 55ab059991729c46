# shellcheck shell=bash
# The compilers and runtimes that some servers need; sourced after server.sh. What fits stays as it is.

JAVA_LEAST=17
GO_LEAST=1.24
GO_TOOLCHAIN=go1.24.9
RUST_LEAST=1.72

java_version() { java -version 2>&1 | sed -n 's/.*version "\([0-9.]*\).*/\1/p'; }
go_version() { go env GOVERSION 2>/dev/null | sed 's/^go//'; }
rust_version() { cargo --version 2>/dev/null | cut -d' ' -f2; }

need_java() {
    command -v java >/dev/null || apt_install "Java $JAVA_LEAST" default-jre-headless
    at_least "$JAVA_LEAST" "$(java_version)" || fail "Java $JAVA_LEAST or later is needed; $(java_version) is here"
}

need_maven() { command -v mvn >/dev/null || apt_install Maven maven; }

need_c() {
    command -v gcc >/dev/null || apt_install gcc gcc
    command -v pkg-config >/dev/null || apt_install pkg-config pkg-config
    [ -e /usr/include/stdlib.h ] || apt_install "headers of C" libc6-dev
}

# An older Go fetches a newer one of itself: toolchains are modules, with their sums in the checksum database.
need_go() {
    local folder
    command -v go >/dev/null || apt_install "Go $GO_LEAST" golang-go
    export GOTOOLCHAIN=local
    if at_least "$GO_LEAST" "$(go_version)"; then return; fi
    mkdir -p "$CACHE/go"
    folder=$(cd "$CACHE/go" && go mod download -json "golang.org/toolchain@v0.0.1-$GO_TOOLCHAIN.linux-$(go env GOARCH)" |
        sed -n 's/^\t"Dir": "\(.*\)",\{0,1\}$/\1/p')
    [ -d "$folder/bin" ] || fail "Go $GO_LEAST or later is needed; $(go_version) is here and could not fetch $GO_TOOLCHAIN"
    # A module holds no executable files.
    chmod -R u+w "$folder"
    chmod +x "$folder"/bin/* "$folder"/pkg/tool/*/*
    export PATH="$folder/bin:$PATH" GOROOT="$folder"
}

# Debian 12 keeps the newer Rust that browsers are built with under names of their own.
need_rust() {
    if ! command -v cargo >/dev/null; then
        apt_update_once
        if apt-cache show cargo-web >/dev/null 2>&1; then
            apt_install "Rust $RUST_LEAST" cargo-web rustc-web
        else
            apt_install "Rust $RUST_LEAST" cargo rustc
        fi
    fi
    at_least "$RUST_LEAST" "$(rust_version)" || fail "Rust $RUST_LEAST or later is needed; $(rust_version) is here"
}
