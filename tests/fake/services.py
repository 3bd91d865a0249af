"""systemd: which units are enabled and active, since when, and with which files their processes run."""

from __future__ import annotations

import re

from provisioner.core.command import Command
from provisioner.networks.bridge import SCRIPT, UNIT
from provisioner.plays.kubernetes_packages import KUBELET_DEFAULTS
from provisioner.runtimes.containerd import CONFIG
from provisioner.runtimes.docker import DAEMON_JSON
from provisioner.sources.binaries import KUBELET as PROGRAM
from tests.fake.moments import Answer, Handler, Moments, failed
from tests.fake.state import FakeUnit, Machine

DOCKER, CONTAINERD, KUBELET = "docker.service", "containerd.service", "kubelet.service"
KUBELET_CONFIG, KUBELET_FLAGS = "/var/lib/kubelet/config.yaml", "/var/lib/kubelet/kubeadm-flags.env"
# What the processes of these units read when they start.
READS = {
    DOCKER: (DAEMON_JSON,),
    CONTAINERD: (CONFIG,),
    KUBELET: (KUBELET_DEFAULTS, KUBELET_CONFIG, KUBELET_FLAGS, PROGRAM),
    UNIT: (SCRIPT,),
}
# What comes with kubeadm's flags for the kubelet, and the unit that must run for its pods to.
RUNTIMES = {"docker": DOCKER, "containerd": CONTAINERD}


def unit(machine: Machine, name: str) -> FakeUnit:
    """What systemd knows of that unit."""
    return machine.units.setdefault(name, FakeUnit())


def reload(machine: Machine) -> None:
    """`systemctl daemon-reload`."""
    machine.clock.tick()
    for name, one in machine.units.items():
        one.reload_needed = False
        one.loaded = machine.read(machine.unit_file(name) or "")


def systemctl(machine: Machine, verb: str, name: str) -> Answer | Moments:
    """`systemctl VERB UNIT`."""
    machine.clock.tick()
    if machine.unit_file(name) is None:
        return failed(5 if verb != "enable" else 1, f"Failed to {verb} {name}: Unit {name} not found.")
    if verb == "enable":
        unit(machine, name).enabled = True
        return ""
    if verb == "stop":
        stop(machine, name)
        return ""
    assert verb in ("start", "restart"), verb
    if verb == "start" and machine.runs(name):
        return ""
    return restart(machine, name)


def stop(machine: Machine, name: str) -> None:
    """The process is gone; what it had set in the kernel stays."""
    machine.clock.tick()
    unit(machine, name).active = False
    unit(machine, name).runs_with = {}


def restart(machine: Machine, name: str) -> Moments:
    """Stop it when it is active, and start it."""
    one = unit(machine, name)
    if one.active:
        stop(machine, name)
        yield
    if not one.loaded:
        one.loaded = machine.read(machine.unit_file(name) or "")
    # Without kubeadm's configuration the kubelet ends at once, and systemd tries again for ever.
    if name == KUBELET and KUBELET_CONFIG not in machine.files:
        return ""
    one.active = True
    one.started_s = machine.clock.tick()
    one.runs_with = {"unit": one.loaded, **{path: machine.read(path) for path in READS.get(name, ())}}
    if name == UNIT:
        yield from set_routes(machine)
    return ""


def set_routes(machine: Machine) -> Moments:
    """What our script of the pod network does when it is called with `set`."""
    desired = _desired_routes(machine)
    machine.routes &= desired
    for route in sorted(desired - machine.routes):
        yield
        machine.routes.add(route)
    yield
    machine.firewall = True
    return ""


def _desired_routes(machine: Machine) -> set[str]:
    own = {cidr.partition("/")[0] for cidr, _ in machine.interfaces.values()}
    every = re.findall(r"(?m)^  echo (\S+/\d+ via (\S+))$", machine.read(SCRIPT))
    return {route for route, via in every if via not in own}


def _routes(machine: Machine, command: Command, path: str) -> str:
    if path not in machine.files:
        return "all of them\n"
    missing = [f"route {route}\n" for route in sorted(_desired_routes(machine) - machine.routes)]
    return "".join([*missing, *([] if machine.firewall else ["firewall rule filter FORWARD\n"])])


def _show(machine: Machine, command: Command, name: str, settles_s: str, *paths: str) -> str:
    one, place = machine.units.get(name, FakeUnit()), machine.unit_file(name)
    enabled = "" if place is None else "enabled" if one.enabled else "disabled"
    lines = [
        f"LoadState={'loaded' if place else 'not-found'}",
        f"ActiveState={'active' if one.active else 'inactive'}",
        f"UnitFileState={enabled}",
        f"NeedDaemonReload={'yes' if one.reload_needed else 'no'}",
        f"started={one.started_s:.9f}",
        *(f"newest={machine.files[path].written_s:.3f} {path}" for path in paths if path in machine.files),
    ]
    return "\n".join(lines) + "\n"


def boot(machine: Machine) -> None:
    """Enabled units start, as they lie on the disk."""
    for name, one in machine.units.items():
        stop(machine, name)
        one.loaded, one.reload_needed = "", False
        if one.enabled and machine.unit_file(name):
            list(restart(machine, name))


def _leftovers(machine: Machine, command: Command, verb: str, *words: str) -> str | Moments:
    """Of what our network plug-ins leave: services, routes, interfaces and files."""
    parts = [*zip(words[::2], words[1::2], strict=True)]
    if verb == "remove":
        return _remove_leftovers(machine, parts)
    return "".join(f"{kind} {what}\n" for kind, what in parts if _is_left(machine, kind, what))


def _remove_bridge(machine: Machine, command: Command, name: str) -> str:
    machine.links.pop(name, None)
    return ""


def _is_left(machine: Machine, kind: str, what: str) -> bool:
    match kind:
        case "unit":
            return f"/etc/systemd/system/{what}" in machine.files
        case "file":
            return machine.there(what)
        case "link":
            return what in machine.links
        case "routes":
            return bool(machine.routes)
        case "rules":
            return machine.firewall
    return False


def _remove_leftovers(machine: Machine, parts: list[tuple[str, str]]) -> Moments:
    for kind, what in parts:
        if kind == "unit" and machine.there(f"/etc/systemd/system/{what}"):
            machine.units.pop(what, None)
            machine.drop(f"/etc/systemd/system/{what}")
        elif kind == "file":
            machine.drop(what)
        elif kind == "link":
            machine.links.pop(what, None)
        elif kind == "routes":
            machine.routes.clear()
        elif kind == "rules":
            machine.firewall = False
        yield
    return ""


SCRIPTS: dict[str, Handler] = {
    "service": _show,
    "routes": _routes,
    "leftovers": _leftovers,
    "remove_bridge": _remove_bridge,
}
