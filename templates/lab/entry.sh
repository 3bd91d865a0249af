#!/bin/sh
# PID 1 of a lab machine: gives systemd the mounts a real machine has, then becomes systemd.
# It runs again at every start, so everything here may be repeated.
set -eu

# The engine hands the control groups and /sys over read-only when the container is not privileged.
while read -r _ target _; do
    case $target in
        /sys/fs/cgroup | /sys/fs/cgroup/*) mount -o remount,bind,rw "$target" ;;
    esac
done < /proc/mounts
mount -o remount,rw /sys

# The kubelet shares volume mounts with pods; containers start with private propagation.
mount --make-rshared /

# Containers see the firmware's UUID of the machine they run on: every lab machine would have the same.
uuid=/sys/class/dmi/id/product_uuid
if [ -e "$uuid" ]; then
    [ -e /var/lib/lab-product-uuid ] || cat /proc/sys/kernel/random/uuid > /var/lib/lab-product-uuid
    mount --bind /var/lib/lab-product-uuid "$uuid"
fi

# What every machine in VirtualBox has first: an address that is the same on all of them, and the way out behind it.
if [ -n "${LAB_NAT:-}" ] && [ ! -e /sys/class/net/eth1 ]; then
    ip link set eth0 down
    ip link set eth0 name eth1
    ip link set eth1 up
    ip link add eth0 type veth peer name nat0
    ip addr add "$LAB_NAT" dev eth0
    ip link set nat0 up
    ip link set eth0 up
    # Nobody is behind it, nor is there a name server: who asks is told so at once, and not after half a minute.
    echo 1 > /proc/sys/net/ipv4/neigh/eth0/mcast_solicit
    echo 50 > /proc/sys/net/ipv4/neigh/eth0/retrans_time_ms
    ip route add default via "${LAB_NAT%.*}.2" dev eth0
    echo "nameserver 127.0.0.1" > /etc/resolv.conf
fi

# Where even root may not raise limits (capability 24, CAP_SYS_RESOURCE), containers inside need a gentler runc.
bounding=0x$(sed -n 's/^CapBnd:[[:space:]]*//p' /proc/self/status)
if [ $((bounding >> 24 & 1)) -eq 0 ]; then
    install -m 0755 /usr/local/lib/lab/runc.sh /usr/local/sbin/runc
else
    rm -f /usr/local/sbin/runc
fi

# Host keys belong to the machine, not to the image; only missing ones are made.
ssh-keygen -A

exec /sbin/init
