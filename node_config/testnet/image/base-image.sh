#!/bin/sh
# Makes the base image from Debian packages, for machines that cannot pull one.
#
#   sudo sh node_config/testnet/image/base-image.sh [IMAGE]
#
# IMAGE is blockenergy/base:bookworm unless it is given. The environment may say more:
#   SUITE            release of Debian; bookworm
#   MIRROR           where its packages are; debootstrap's own default
#   SECURITY_MIRROR  where its security updates are; MIRROR-security; empty for none
#   CA_BUNDLE        certificates that an https mirror is checked with, while this script runs
#   DOCKER           the client; docker
#
# Needs root, for debootstrap makes device files. Every failure ends it with a message.
set -eu

image=${1:-blockenergy/base:bookworm}
suite=${SUITE:-bookworm}
docker=${DOCKER:-docker}

fail() {
    echo "base-image.sh: $*" >&2
    exit 1
}

[ "$(id -u)" = 0 ] || fail "debootstrap needs root: run it with sudo."
command -v debootstrap >/dev/null || fail "debootstrap is missing: apt-get install debootstrap."
"$docker" version --format '{{.Server.Version}}' >/dev/null || fail "no Docker engine answers."

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
[ -z "${CA_BUNDLE:-}" ] || export SSL_CERT_FILE="$CA_BUNDLE"
# Certificates are there from the beginning, so that a mirror may be an https address.
debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" ${MIRROR:+"$MIRROR"}

# debootstrap has written down which mirror it took; updates come from the same place.
mirror=$(awk '$1 == "deb" {print $2; exit}' "$root/etc/apt/sources.list")
security=${SECURITY_MIRROR-$mirror-security}
{
    echo "deb $mirror $suite main"
    echo "deb $mirror $suite-updates main"
    [ -z "$security" ] || echo "deb $security $suite-security main"
} >"$root/etc/apt/sources.list"

# What a container has no use for: package lists, manuals, translations, and documentation but the
# licences. dpkg is told to leave them out of every later package as well.
cat >"$root/etc/dpkg/dpkg.cfg.d/small" <<'END'
path-exclude=/usr/share/doc/*
path-include=/usr/share/doc/*/copyright
path-exclude=/usr/share/man/*
path-exclude=/usr/share/info/*
path-exclude=/usr/share/locale/*
END
rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/*
rm -rf "$root"/usr/share/man "$root"/usr/share/info "$root"/usr/share/locale
find "$root/usr/share/doc" -type f ! -name copyright -delete
find "$root/usr/share/doc" -depth -type d -empty -delete

tar -C "$root" --numeric-owner -c . | "$docker" import --change 'CMD ["sh"]' - "$image"
