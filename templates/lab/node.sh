#!/bin/sh
# Turns a Debian root directory into a lab machine: `node.sh ROOT`. mmdebstrap runs it as a hook, the Dockerfile
# with `/`, so both ways give the same machine. Needs entry.sh, runc.sh and sshd.conf beside it.
set -eu
root=$1
here=$(dirname "$0")

install -D -m 0755 "$here/entry.sh" "$root/usr/local/lib/lab/entry.sh"
install -D -m 0644 "$here/runc.sh" "$root/usr/local/lib/lab/runc.sh"
install -D -m 0644 "$here/sshd.conf" "$root/etc/ssh/sshd_config.d/lab.conf"

# A login user as cloud images have: no password, a key put there when the machine is made, sudo without asking.
chroot "$root" useradd --create-home --shell /bin/bash --password '*' admin
echo 'admin ALL=(ALL:ALL) NOPASSWD: ALL' > "$root/etc/sudoers.d/admin"
chmod 0440 "$root/etc/sudoers.d/admin"

# What must differ between machines is made at their first start.
rm -f "$root"/etc/ssh/ssh_host_* "$root/var/lib/dbus/machine-id"
: > "$root/etc/machine-id"
chmod 0444 "$root/etc/machine-id"
# Emptied and not removed: an image builder has its own mounted there.
: > "$root/etc/hostname"
mkdir -p "$root/var/lib/dbus"
ln -s /etc/machine-id "$root/var/lib/dbus/machine-id"

# No login prompt on a console that belongs to the host.
chroot "$root" systemctl mask getty.target console-getty.service

echo 'LANG=C.UTF-8' > "$root/etc/default/locale"

# The machines are offline, and a container image's habit of never starting services must not stay.
rm -rf "$root"/etc/apt/sources.list.d/* "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin
rm -f "$root"/etc/apt/apt.conf.d/docker-* "$root/usr/sbin/policy-rc.d"
rm -f "$root"/etc/dpkg/dpkg.cfg.d/docker* "$root/etc/dpkg/dpkg.cfg.d/99mmdebstrap"
: > "$root/etc/apt/sources.list"
