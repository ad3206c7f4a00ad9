#!/bin/sh
# Creates the virtual environment $1 with a Python that has wheels for everything we need.
#
# $2, if given, names the interpreter. A usable environment is kept as it is. Every failure is
# one sentence that says what to do, and exit status 1.
set -eu

venv=$1
wanted=${2:-}
lowest=11
supported="3.11, 3.12, 3.13 or 3.14"
# LevelDB for Python 3.11 comes as a wheel for x86-64 only.
if [ "$(uname -m)" != x86_64 ]; then
    lowest=12
    supported="3.12, 3.13 or 3.14"
fi
candidates=${wanted:-"python3.13 python3.12 python3.11 python3.14 python3"}

fail() {
    echo "$*" >&2
    exit 1
}

# Exit status 0: a CPython we support.
is_supported() {
    "$1" -c "import sys
ok = sys.implementation.name == 'cpython' and (3, $lowest) <= sys.version_info[:2] <= (3, 14)
sys.exit(not ok)" >/dev/null 2>&1
}

describe() {
    "$1" -c 'import platform, sys
print(" ".join((platform.python_implementation(), platform.python_version(), "at", sys.executable)))' 2>/dev/null
}

if [ -x "$venv/bin/python" ] && ! is_supported "$venv/bin/python"; then
    found=$(describe "$venv/bin/python" || echo "a Python that does not start")
    fail "$venv holds $found, but BlockEnergy needs Python $supported:" \
        "remove $venv and run make again."
fi
"$venv/bin/python" -c 'import pip' >/dev/null 2>&1 && exit 0

# An environment that was never finished gives way; anything else of that name does not.
clear=
[ -f "$venv/pyvenv.cfg" ] && clear=--clear

without_venv=
unsupported=
for python in $candidates; do
    command -v "$python" >/dev/null 2>&1 || continue
    if ! is_supported "$python"; then
        unsupported=${unsupported:-$(describe "$python" || true)}
    elif ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        without_venv=${without_venv:-$python}
    else
        echo "Creating $venv with $(describe "$python")"
        "$python" -m venv $clear "$venv" || fail "$python could not create $venv; see the lines above."
        exit 0
    fi
done

if [ -n "$without_venv" ]; then
    version=$("$without_venv" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    fail "Python $version has no venv module: install it with" \
        "\`sudo apt-get install python$version-venv\` and run make again."
fi
if [ -n "$unsupported" ]; then
    fail "BlockEnergy needs Python $supported, but found $unsupported:" \
        "install one of them, or name it with \`make PYTHON=/path/to/python3.13\`."
fi
fail "BlockEnergy needs Python $supported, but found none${wanted:+ named $wanted}:" \
    "install one of them, or name it with \`make PYTHON=/path/to/python3.13\`."
