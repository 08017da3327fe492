#!/usr/bin/env bash
# An image for tests, out of Debian's own packages, so that no registry is needed: a shell, the usual tools, Python 3.11.
#   image.sh make NAME:TAG        what is there already stays
#   image.sh python NAME:TAG FROM DIRECTORY    FROM with the Python of a directory in front of its own
#   image.sh serve SOCKET         podman as a docker daemon, in the foreground
# Needs root and the Debian packages podman and runc. Nothing of it survives `podman rmi NAME:TAG`.
set -euo pipefail
action=$1 name=$2

packages="base-files base-passwd bash coreutils dash findutils grep sed tar gzip
  libacl1 libattr1 libbz2-1.0 libc6 libcap2 libcrypt1 libdb5.3 libexpat1 libffi8 libgcc-s1 libgcrypt20 libgmp10
  libgpg-error0 liblz4-1 liblzma5 libncursesw6 libpcre2-8-0 libreadline8 libselinux1 libsqlite3-0 libssl3 libstdc++6
  libsystemd0 libtinfo6 libuuid1 libzstd1 libpython3.11-minimal libpython3.11-stdlib procps libproc2-0
  python3.11-minimal zlib1g"

make_image() {
  podman image exists "$name" && return
  [ -e /etc/containers/policy.json ] || echo '{"default": [{"type": "insecureAcceptAnything"}]}' >/etc/containers/policy.json
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  mkdir "$work/debs" "$work/root"
  # shellcheck disable=SC2086
  (cd "$work/debs" && apt-get download -qq -o APT::Sandbox::User=root $packages)
  for deb in "$work"/debs/*.deb; do dpkg-deb -x "$deb" "$work/root"; done
  for file in passwd group; do cp "$work/root/usr/share/base-passwd/$file.master" "$work/root/etc/$file"; done
  ln -sf bash "$work/root/bin/sh"
  ln -sf python3.11 "$work/root/usr/bin/python3"
  rm -rf "$work"/root/usr/share/{doc,man,locale}
  tar -C "$work/root" -c . |
    podman import -q -c 'ENV PATH=/usr/local/bin:/usr/bin:/bin' -c 'ENV LANG=C.UTF-8' -c 'CMD ["bash"]' - "$name"
}

add_python() { # image, directory
  podman image exists "$name" && return
  local made; made=$(podman create "$1" true)
  tar -C "$2" --transform='s,^,local/,S' --exclude=test --exclude='*.a' --exclude=__pycache__ --exclude=site-packages -c bin lib |
    podman cp - "$made:/usr"
  podman commit -q -c 'ENV LD_LIBRARY_PATH=/usr/local/lib' "$made" "$name"
  podman rm "$made"
}

case $action in
make) make_image ;;
python) add_python "$3" "$4" ;;
serve) exec podman system service --time=0 "unix://$name" ;;
*) echo "usage: image.sh make|python|serve NAME ..." >&2; exit 2 ;;
esac
