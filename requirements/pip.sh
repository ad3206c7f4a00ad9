#!/bin/sh
# Runs pip of the Python $1 with the arguments that follow.
#
# Where the package index does not answer, pip complains of the first package that it did not get;
# this says in one sentence that it is the network.
set -u

python=$1
shift
said=$(mktemp)
trap 'rm -f "$said"' EXIT
"$python" -m pip --quiet --disable-pip-version-check "$@" 2>"$said"
status=$?
unreachable="connection broken by|Max retries exceeded|Read timed out|Connection aborted"
if [ $status -ne 0 ] && grep -qE "$unreachable" "$said"; then
    reason=$(sed -nE 's/.*(NameResolutionError|NewConnectionError|ConnectTimeoutError|ReadTimeoutError|ProxyError|SSLError|ProtocolError).*/\1/p' "$said" | head -n 1)
    index=$("$python" -m pip config get global.index-url 2>/dev/null || true)
    echo "The package index ${PIP_INDEX_URL:-${index:-https://pypi.org/simple}} cannot be reached" \
        "(${reason:-no answer}): check the network, or the proxy, certificates and index that pip" \
        "is configured with, and run make again." >&2
    exit 1
fi
cat "$said" >&2
exit $status
