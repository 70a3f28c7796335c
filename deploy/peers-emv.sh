#!/bin/sh
# emvtool, the independent reader of bank cards that tests speak to, in an environment of its own: it wants older
# pyscard and click than the product. Idempotent; one at a time, since several test processes may ask for it.
set -eu
cd "$(dirname "$0")/.."

lock=tests/peers/emv/requirements.lock
place=build/peers/emv
stamp="$place/.jinban-$(sha256sum $lock | cut -c1-16)"
[ ! -e "$stamp" ] || exit 0
mkdir -p build/peers
exec 9> build/peers/emv.lock
flock 9
[ ! -e "$stamp" ] || exit 0
echo "Installing emvtool into $place (once for each lock file)"
python=/usr/bin/python3
[ -x "$python" ] || python=python3
rm -rf "$place"
"$python" -m venv --without-pip "$place"
pip=".venv/bin/python -m pip --python $place/bin/python install --no-compile -qq --disable-pip-version-check --no-deps --require-hashes"
# with the pip that is there: one of its own costs as much as all it installs
# what comes as source alone is built with the lock's own setuptools, never with one looked up on the way
awk '/^setuptools==/ { on = 1 } on { print } on && !/\\$/ { exit }' $lock | $pip -r /dev/stdin
$pip --no-build-isolation -r $lock
: > "$stamp"
