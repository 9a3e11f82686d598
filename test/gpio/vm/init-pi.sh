#!/bin/busybox sh
# The first process of the emulated Raspberry Pi. All there is lies in the initramfs; the host ends the machine.
/bin/busybox --install -s /bin
export PATH=/bin:/usr/bin:/sbin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t debugfs debugfs /sys/kernel/debug
mount -t tracefs tracefs /sys/kernel/tracing
echo "init: $(uname -r), $(tr -d '\0' </proc/device-tree/model), ready at $(cut -d' ' -f1 /proc/uptime) s"
node /app/test/dist/gpio/guest/pi-main.js
echo "@@end $?"
sleep 60
