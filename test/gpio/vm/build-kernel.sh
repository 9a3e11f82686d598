#!/usr/bin/env bash
# Makes what a guest's kernel needs, from Debian's own packages: FOLDER/vmlinuz, FOLDER/modules.cpio.zst and
# FOLDER/kernel-version. Installs nothing. The mirror is the one that this machine's apt uses.
#
#   build-kernel.sh FOLDER
#
# Debian builds no gpio-sim, the kernel's GPIO simulator: it is compiled out of tree, from Debian's linux-source against
# Debian's linux-headers. Nothing of the kernel's source is kept in this repository.
set -euo pipefail
out=$1
scripts=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$out"
out=$(cd "$out" && pwd)
scratch=$(mktemp -d "$out/build.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

# What the guest loads, in dependency order, before anything else runs.
modules=(virtio_pci virtio_blk 9pnet_virtio 9p overlay configfs ext4 crc32c_generic dm-mod loop autofs4)

# shellcheck source=own-apt.sh
. "$scripts/own-apt.sh"
own_apt "$scratch/apt" amd64
headers=$(depends_on linux-headers-amd64 'linux-headers-[0-9]')
version=${headers#linux-headers-}
source=linux-source-$(cut -d. -f1,2 <<<"$version")
mkdir "$scratch/packages" "$scratch/root" "$scratch/gpio-sim"
(
  cd "$scratch/packages"
  apt-get download -qq "linux-image-$version" "$source" "$headers" \
    "$(depends_on "$headers" 'linux-headers-[^ ]*-common')" "$(depends_on "$headers" 'linux-kbuild-')"
  for package in linux-image-* linux-headers-* linux-kbuild-*; do dpkg-deb -x "$package" "$scratch/root"; done
)

build_gpio_sim() {
  local build=$scratch/root/usr/src/$headers tar objects="gpio-sim.o irq_sim.o" b
  # The headers name their own place by an absolute path.
  grep -rlZ --include=Makefile '/usr/src/linux-headers' "$build" "$scratch"/root/usr/src/*-common/Makefile |
    xargs -0r sed -i "s|/usr/src/linux-headers|$scratch/root/usr/src/linux-headers|g"
  dpkg-deb --fsys-tarfile "$scratch/packages/$source"*.deb | tar -C "$scratch" -x --wildcards '*/linux-source-*.tar.*'
  tar=$(find "$scratch/usr" -name 'linux-source-*.tar.*')
  b=$(basename "$tar" | sed 's/\.tar.*//')
  # --occurrence stops reading the archive once all are found.
  tar -C "$scratch/gpio-sim" --strip-components=3 --occurrence=1 -xf "$tar" \
    "$b/drivers/gpio/gpio-sim.c" "$b/drivers/gpio/gpiolib.h" "$b/kernel/irq/irq_sim.c"
  if grep -q dev-sync-probe.h "$scratch/gpio-sim/gpio-sim.c"; then
    tar -C "$scratch/gpio-sim" --strip-components=3 --occurrence=1 -xf "$tar" \
      "$b/drivers/gpio/dev-sync-probe.c" "$b/drivers/gpio/dev-sync-probe.h"
    objects+=" dev-sync-probe.o"
  fi
  # irq_to_desc is not exported to modules; this call does the same by number.
  sed -i 's/handle_simple_irq(irq_to_desc(irqnum))/generic_handle_irq_safe(irqnum)/' "$scratch/gpio-sim/irq_sim.c"
  printf 'obj-m := gpio-sim-oot.o\ngpio-sim-oot-y := %s\n' "$objects" >"$scratch/gpio-sim/Makefile"
  # Type information for tracing is not needed, and would ask for one more tool.
  make -s -C "$build" M="$scratch/gpio-sim" CONFIG_DEBUG_INFO_BTF_MODULES= modules
}
build_gpio_sim

target=$scratch/initramfs/lib/modules
mkdir -p "$target"
depmod -b "$scratch/root" "$version"
add_module() {
  local file name
  while read -r _ file _; do
    name=$(basename "${file%.xz}")
    [ -e "$target/$name" ] && continue
    if [ "${file%.xz}" = "$file" ]; then cp "$file" "$target/$name"; else xz -dc "$file" >"$target/$name"; fi
    echo "$name" >>"$target/order"
  done < <(modprobe -d "$scratch/root" -S "$version" --show-depends "$1" | grep '^insmod ')
}
for module in "${modules[@]}"; do add_module "$module"; done
strip --strip-debug -o "$target/gpio-sim-oot.ko" "$scratch/gpio-sim/gpio-sim-oot.ko"
echo gpio-sim-oot.ko >>"$target/order"
(cd "$scratch/initramfs" && find . | cpio -o -H newc --quiet | zstd -q -3 -f -o "$out/modules.cpio.zst")
cp "$scratch/root/boot/vmlinuz-$version" "$out/vmlinuz"
echo "$version" >"$out/kernel-version"
