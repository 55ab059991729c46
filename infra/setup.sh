#!/bin/sh
# Make .venv from the lock files, or with `find` only name the Python that it would be made with.
#
# PYTHON=/path/to/python names the Python; otherwise the first on PATH that runs, is 3.11 or 3.12 and can make
# environments. Exit code 2 where there is none. POSIX sh: it runs before anything of ours is installed.
set -eu

VENV=.venv
CANDIDATES=${PYTHON:-python3.12 python3.11 python3 python}

# Say what keeps a Python from being used; say nothing where it fits.
objection() {
    command -v "$1" >/dev/null 2>&1 || { echo "is not there"; return; }
    version=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || { echo "does not run"; return; }
    case $version in
        3.11 | 3.12) ;;
        *) echo "is Python $version"; return ;;
    esac
    "$1" -c 'import ensurepip, venv' >/dev/null 2>&1 ||
        echo "is Python $version without venv and ensurepip (on Debian and Ubuntu: sudo apt-get install python$version-venv)"
}

find_python() {
    for candidate in $CANDIDATES; do
        if [ -z "$(objection "$candidate")" ]; then
            command -v "$candidate"
            return
        fi
    done
    {
        echo "Python 3.11 or 3.12 with venv and ensurepip is needed, and none was found:"
        for candidate in $CANDIDATES; do echo "    $candidate $(objection "$candidate")"; done
        echo "Install one:"
        echo "    Debian 12:      sudo apt-get install python3 python3-venv"
        echo "    Ubuntu:         sudo apt-get install python3.12 python3.12-venv   (22.04: python3.11 python3.11-venv)"
        echo "    Fedora:         sudo dnf install python3.12"
        echo "    macOS:          brew install python@3.12"
        echo "then do the same again, or name the one to use: PYTHON=/path/to/python3.12 make setup"
    } >&2
    return 2
}

# Say whether .venv can stay: it is whole, and of the Python that was asked for where one was.
venv_fits() {
    [ -z "$(objection "$VENV/bin/python")" ] && [ -x "$VENV/bin/pip" ] || return 1
    [ -n "${PYTHON:-}" ] || return 0
    about='import sys; print(sys.version_info[:2], sys.base_prefix)'
    [ "$("$VENV/bin/python" -c "$about")" = "$("$PYTHON" -c "$about")" ]
}

# uv does not read pip's settings; a machine that reaches its packages by them should not need a second set.
lend_settings_to_uv() {
    if [ -z "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}" ]; then
        index=${PIP_INDEX_URL:-$("$VENV/bin/python" -m pip config get global.index-url 2>/dev/null || true)}
        [ -z "$index" ] || export UV_DEFAULT_INDEX="$index"
    fi
    [ -z "${PIP_CERT:-}" ] || export SSL_CERT_FILE="${SSL_CERT_FILE:-$PIP_CERT}"
    export UV_PYTHON_DOWNLOADS=never
}

install_with_uv() {
    pip install --require-hashes --only-binary :all: -r infra/bootstrap.lock || return 1
    lend_settings_to_uv
    quiet=--quiet
    [ ! -t 2 ] || quiet=
    # shellcheck disable=SC2086  # no word at all where it is empty
    "$VENV/bin/uv" pip install $quiet --compile-bytecode --python "$VENV/bin/python" --require-hashes \
        -r requirements.lock
}

pip() {
    "$VENV/bin/python" -m pip --quiet --disable-pip-version-check --no-input "$@"
}

python=$(find_python) || exit 2
if [ "${1:-}" = find ]; then
    echo "$python"
    exit
fi
venv_fits || "$python" -m venv --clear "$VENV"
echo "installing into $VENV with $("$VENV/bin/python" --version)"
install_with_uv || {
    echo "uv cannot be used here; installing with pip, which takes longer" >&2
    pip install --require-hashes -r requirements.lock
}
pip install --no-deps --no-build-isolation --editable .
