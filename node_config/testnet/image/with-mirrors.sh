#!/bin/sh
# Runs a command of a build behind a company's mirrors:
#
#   with-mirrors COMMAND ARGUMENT...
#
# PIP_INDEX_URL, GOPROXY, GONOSUMDB and DEBIAN_MIRROR come as build arguments; empty means the usual
# place. The certificates that the mirrors are checked with come as the build secret `ca`. Nothing
# of either stays in the image.
set -eu

for name in PIP_INDEX_URL GOPROXY GONOSUMDB; do
    eval "value=\${$name:-}"
    if [ -n "$value" ]; then export "$name"; else unset "$name"; fi
done
ca=/run/secrets/ca
if [ -s "$ca" ]; then
    export PIP_CERT="$ca" SSL_CERT_FILE="$ca"
fi
if [ "$1" = apt-install ]; then
    shift
    set -- apt_install "$@"
fi

apt_install() {
    if [ -n "${DEBIAN_MIRROR:-}" ]; then
        . /etc/os-release
        mkdir -p /tmp/apt.d
        echo "deb $DEBIAN_MIRROR $VERSION_CODENAME main" >/tmp/apt.list
        only="-o Dir::Etc::SourceList=/tmp/apt.list -o Dir::Etc::SourceParts=/tmp/apt.d"
    fi
    [ ! -s "$ca" ] || tls="-o Acquire::https::CaInfo=$ca"
    # The options hold no spaces.
    # shellcheck disable=SC2086
    apt-get ${only:-} ${tls:-} update -qq
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get ${only:-} ${tls:-} install -y -qq \
        --no-install-recommends "$@"
    rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* /tmp/apt.d /tmp/apt.list
}

"$@"
