#!/bin/sh
# Set the machine up: system packages, Python packages, the keyboard's dictionary. `setup.sh tests` also brings the
# independent peers that only tests and benchmarks speak to.
# Idempotent; when nothing is missing it takes well under a second.
set -eu
cd "$(dirname "$0")/.."

lists="deploy/packages.txt"
[ "${1:-}" != tests ] || lists="$lists deploy/packages-tests.txt"
missing=""
for package in $(cat $lists); do
    status=$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null || true)
    [ "$status" = "install ok installed" ] || missing="$missing $package"
done
# where node came with npm of its own, Debian's npm cannot be put beside it
[ "${1:-}" != tests ] || command -v npm >/dev/null 2>&1 || missing="$missing nodejs npm"
if [ -n "$missing" ]; then
    line="apt-get install -y --no-install-recommends$missing"
    if [ "$(id -u)" = 0 ]; then
        as_root=""
    elif command -v sudo >/dev/null 2>&1 && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
        as_root="sudo"
    else
        echo "Missing system packages, and neither root nor sudo here. Ask somebody who has either to run:" >&2
        echo "    $line" >&2
        exit 2
    fi
    echo "Installing system packages:$missing"
    $as_root apt-get update -qq
    $as_root env DEBIAN_FRONTEND=noninteractive $line -qq >/dev/null
fi

python=/usr/bin/python3
[ -x "$python" ] || python=python3
lock=$(sha256sum requirements.lock | cut -c1-16)
stamp=".venv/.jinban-$lock"
if [ ! -e "$stamp" ]; then
    echo "Installing Python packages into .venv (once for each lock file)"
    rm -rf .venv
    ours=""
    if [ "${1:-}" = tests ]; then  # on the core that is idle: what all workers of the tests load of our own
        "$python" -m compileall -q app benchmarks devices kiosk offline_queue sandbox ui main.py >/dev/null &
        ours=$!
    fi
    "$python" -m venv .venv
    pip=".venv/bin/python -m pip install -qq --disable-pip-version-check --no-deps --require-hashes --no-compile"
    # what comes as source alone is built with the lock's own setuptools, never with one looked up on the way
    of() { awk -v own="$1" '/^[a-z0-9]/ { n += 1; on = ($0 ~ /^(pip|setuptools)==/) ? own == "tools" : own == n % 2 } on { print }' requirements.lock; }
    of tools | $pip -r /dev/stdin
    [ -z "$ours" ] || wait "$ours" || true
    # pip works on one core: each of two takes every other package
    of 0 | $pip --no-build-isolation -r /dev/stdin &
    of 1 | $pip --no-build-isolation -r /dev/stdin || { wait $!; exit 1; }
    wait $!
    # who runs the terminal may not be allowed to write here
    [ "${1:-}" = tests ] || .venv/bin/python -m compileall -q -j 0 .venv/lib >/dev/null || true
    : > "$stamp"
    compiling=yes
fi

compiler=""
if [ "${1:-}" = tests ] && [ -n "${compiling:-}" ]; then
    # on the core that is idle: each worker of the tests would otherwise compile what all of them load
    seldom='/(moto|jieba|mypyc?|pip|pygments|selenium|PyInstaller|_pyinstaller[^/]*|graphql|setuptools|tests?)/'
    .venv/bin/python -m compileall -q -x "$seldom" .venv/lib >/dev/null &
    compiler=$!
fi
peers=""
if [ "${1:-}" = tests ]; then
    deploy/peers-emv.sh &
    peers=$!
fi

dictionary=build/keyboard/pinyin.db
if [ ! -e "$dictionary" ] || [ ui/keyboard/dictionary.py -nt "$dictionary" ] || [ "$stamp" -nt "$dictionary" ]; then
    echo "Building the keyboard's dictionary"
    mkdir -p build/keyboard
    .venv/bin/python -m ui.keyboard.dictionary "$dictionary"
fi
[ -z "$peers" ] || wait "$peers"
[ -z "$compiler" ] || wait "$compiler" || true
