"""Kernel modules, kernel settings, swap, and what a reboot makes of them."""

from __future__ import annotations

import re

from provisioner.core.command import Command
from tests.fake.moments import Handler, Moments, failed
from tests.fake.state import Machine

# What a stock kernel can load, and the settings that come with it.
LOADABLE = {
    "overlay": (),
    "br_netfilter": ("net.bridge.bridge-nf-call-iptables", "net.bridge.bridge-nf-call-ip6tables"),
}
FSTAB = "/etc/fstab"


def _modules(machine: Machine, command: Command, *names: str) -> str:
    return "".join(f"{name}\n" for name in names if name in machine.modules)


def load(machine: Machine, *names: str) -> Moments:
    """`modprobe --all`."""
    for name in names:
        if name not in LOADABLE:
            return failed(1, f"modprobe: WARNING: Module {name} not found in directory /lib/modules")
        if name not in machine.modules:
            machine.modules.add(name)
            machine.settings |= dict.fromkeys(LOADABLE[name], "0")
        machine.clock.tick()
        yield
    return ""


def _settings(machine: Machine, command: Command, *names: str) -> str:
    return "".join(f"{name} = {machine.settings[name]}\n" for name in names if name in machine.settings)


def set_settings(machine: Machine, *pairs: str) -> Moments:
    """`sysctl -w`."""
    for pair in pairs:
        name, _, value = pair.partition("=")
        if name not in machine.settings:
            return failed(255, f"sysctl: cannot stat /proc/sys/{name.replace('.', '/')}: No such file or directory")
        machine.settings[name] = value
        machine.clock.tick()
        yield
    return ""


def _at_boot(machine: Machine, command: Command, pattern: str) -> str:
    """The files that are read at boot, and their lines about these settings."""
    wanted = re.compile(pattern.replace("[[:space:]]", r"\s"))
    told = ""
    for directory in ("/etc/sysctl.d", "/run/sysctl.d", "/usr/lib/sysctl.d"):
        for path in sorted(machine.below(directory)):
            lines = [line for line in machine.read(path).splitlines() if wanted.match(line)]
            told += "\n".join(["", f"file {path}", *lines, ""])
    return told


def _comment_out(machine: Machine, command: Command, path: str, *lines: str) -> Moments:
    to = path if path.startswith(("/etc/", "/run/")) else f"/etc/sysctl.d/{path.rpartition('/')[2]}"
    new = f"{to.rpartition('/')[0]}/.{to.rpartition('/')[2]}.provisioner"
    text = machine.read(path).splitlines()
    marked = [f"# {line}  # commented out by provisioner" if line in lines else line for line in text]
    machine.put(new, "".join(f"{line}\n" for line in marked), machine.files[path].mode)
    yield
    machine.move(new, to)
    return ""


def _swap(machine: Machine, command: Command) -> str:
    lines = [line.split() for line in machine.read(FSTAB).splitlines()]
    stored = [words[0] for words in lines if len(words) > 2 and words[0][0] != "#" and words[2] == "swap"]
    return "".join([*(f"active {name}\n" for name in sorted(machine.swap)), *(f"fstab {name}\n" for name in stored)])


def _swap_off(machine: Machine, command: Command) -> Moments:
    machine.swap.clear()
    yield
    if FSTAB not in machine.files:
        return ""
    text = re.sub(r"(?m)^([^#\s]\S*\s+\S+\s+swap\b.*)$", r"# \1  # switched off by provisioner", machine.read(FSTAB))
    machine.put("/etc/.fstab.provisioner", text, machine.files[FSTAB].mode)
    yield
    machine.move("/etc/.fstab.provisioner", FSTAB)
    return ""


def boot(machine: Machine) -> None:
    """What is written down comes back, what was only set is gone."""
    machine.modules = set()
    machine.settings = {"net.ipv4.ip_forward": "0"}
    for path in machine.below("/etc/modules-load.d"):
        names = [line for line in machine.read(path).splitlines() if line in LOADABLE]
        list(load(machine, *names))
    for path in sorted(machine.below("/etc/sysctl.d")):
        pairs = [line.replace(" ", "") for line in machine.read(path).splitlines() if re.match(r"[a-z].*=", line)]
        list(set_settings(machine, *pairs))
    machine.swap = {line.split()[1] for line in _swap(machine, Command(("true",))).splitlines()}


SCRIPTS: dict[str, Handler] = {
    "modules": _modules,
    "settings": _settings,
    "at_boot": _at_boot,
    "comment_out": _comment_out,
    "swap": _swap,
    "swap_off": _swap_off,
}
