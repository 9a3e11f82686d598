#!/bin/busybox sh
# The guest's first process. Its root is the host's own, read-only over 9p, with a tmpfs on top: node and the repository
# are simply there. /out is the host's folder for this boot; it runs /out/command.sh and powers off.
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
while read -r module; do
  insmod "/lib/modules/$module" || echo "init: $module cannot be loaded"
done </lib/modules/order
setting() { sed -n "s/.*badgekey\.$1=\([^ ]*\).*/\1/p" /proc/cmdline; }

share() { mount -t 9p -o "trans=virtio,version=9p2000.L,msize=512000,$3" "$1" "$2"; }
mkdir -p /mnt/host /mnt/layer /mnt/root
share host /mnt/host ro,cache=loose || exec sh
mount -t tmpfs tmpfs /mnt/layer
mkdir -p /mnt/layer/upper /mnt/layer/work
mount -t overlay -o lowerdir=/mnt/host,upperdir=/mnt/layer/upper,workdir=/mnt/layer/work overlay /mnt/root || exec sh
cd /mnt/root || exec sh
mkdir -p proc sys dev out
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t devtmpfs devtmpfs dev
mkdir -p dev/pts dev/shm
mount -t devpts devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs run
ln -sfn /proc/self/fd dev/fd
for n in "0 stdin" "1 stdout" "2 stderr"; do ln -sf "/proc/self/fd/${n% *}" "dev/${n#* }"; done
mount -t configfs configfs sys/kernel/config
mount -t debugfs debugfs sys/kernel/debug
mount -t tracefs tracefs sys/kernel/tracing
share out out cache=none
# The repository may lie under /tmp, which is the guest's own. /opt/badgekey is where a Pi has it.
repository=$(setting repository)
software=/mnt/host$repository
for serial in /sys/block/vd*/serial; do
  [ "$(cat "$serial" 2>/dev/null)" = software ] || continue
  disk=${serial%/serial}
  software=/mnt/software
  mkdir -p "$software"
  mount -t ext4 -o ro "/dev/${disk##*/}" "$software" || exec sh
done
for place in "$repository" /opt/badgekey; do
  mkdir -p ".$place"
  mount --bind "$software" ".$place"
done
ifconfig lo 127.0.0.1 up
echo "init: $(uname -r), root ready at $(cut -d' ' -f1 /proc/uptime) s"

if [ "$(setting init)" = systemd ]; then
  # With this file in its root systemd takes the guest for a container.
  rm -f .dockerenv
  # Of the host's own units and generators: the journal, and the targets that every unit waits for.
  mount -t tmpfs tmpfs etc/systemd
  mkdir -p etc/systemd/system etc/systemd/system-generators
  for generator in lib/systemd/system-generators/*; do
    ln -s /dev/null "etc/systemd/system-generators/${generator##*/}"
  done
  for unit in lib/systemd/system/sysinit.target.wants/* lib/systemd/system/sockets.target.wants/* \
    lib/systemd/system/timers.target.wants/* lib/systemd/system/local-fs.target.wants/*; do
    case $unit in
      */systemd-journald.* | */systemd-journald-dev-log.socket) ;;
      *) ln -sf /dev/null "etc/systemd/system/${unit##*/}" ;;
    esac
  done
  cat >etc/systemd/system/badgekey-test.service <<UNIT
[Unit]
Description=The test in this guest
[Service]
Type=oneshot
ExecStart=/bin/bash -c '/bin/bash /out/command.sh; echo \$\$? >/out/exit-code; sync'
ExecStopPost=/bin/systemctl poweroff --force --force
Environment=HOME=/root
StandardOutput=tty
StandardError=tty
TTYPath=/dev/console
UNIT
  printf '[Unit]\nRequires=basic.target\nWants=badgekey-test.service\n' >etc/systemd/system/badgekey-test.target
  # A moved root is what switch_root takes; /proc and the rest move with it.
  exec switch_root /mnt/root /lib/systemd/systemd --unit=badgekey-test.target
fi
chroot . /usr/bin/env -i HOME=/root TERM=dumb PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  /bin/bash /out/command.sh
echo $? >out/exit-code
sync
poweroff -f
