"""What is compared between two worlds: everything but times, and numbers that were given in turn."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Interface

from tests.fake.state import Machine
from tests.fake.world import Scene

Snapshot = dict[tuple[str, str, str], object]


def snapshot(scene: Scene) -> Snapshot:
    """The world by (machine, kind, name)."""
    shot: Snapshot = {("cluster", "token", name): token.description for name, token in scene.cluster.tokens.items()}
    shot["cluster", "kept", "configuration"] = scene.cluster.configuration
    shot["cluster", "kept", "API server"] = scene.cluster.api
    shot |= {("cluster", "object", name): text for name, text in scene.cluster.objects.items()}
    for name, node in scene.cluster.nodes.items():
        shot["cluster", "node", name] = (node.address, node.ready, node.runtime, dict(node.labels), sorted(node.taints))
    for machine in scene.machines.values():
        shot |= {(machine.name, kind, name): value for kind, name, value in _machine(machine)}
    return shot


def differences(one: Snapshot, other: Snapshot) -> list[str]:
    """What differs, in words."""
    keys = sorted({key for key in {**one, **other} if one.get(key) != other.get(key)})
    return [f"{' '.join(key)}: {one.get(key, 'absent')} or {other.get(key, 'absent')}" for key in keys]


def _machine(machine: Machine) -> Iterator[tuple[str, str, object]]:
    for path, file in machine.files.items():
        yield "file", path, (_named(machine, file.text), file.mode, file.owner)
    for name, package in machine.packages.items():
        yield "package", name, (package.version, package.state, package.held)
    for name, unit in machine.units.items():
        runs_with = {path: _named(machine, text) for path, text in unit.runs_with.items()}
        yield "unit", name, (unit.enabled, unit.active, unit.reload_needed, runs_with)
    yield "kernel", "modules", sorted(machine.modules)
    yield "kernel", "settings", sorted(machine.settings.items())
    yield "kernel", "swap", sorted(machine.swap)
    yield "kernel", "routes", sorted(_named(machine, route) for route in machine.routes)
    links = {name: str(IPv4Interface(cidr).network) for name, cidr in machine.links.items()}
    yield "kernel", "links", sorted((name, _named(machine, network)) for name, network in links.items())
    yield "kernel", "firewall", machine.firewall
    yield "runtime", "images", sorted(machine.images)
    yield "runtime", "digests", sorted(machine.digests.items())
    yield "runtime", "containers", sorted(machine.containers)


def _named(machine: Machine, text: str) -> str:
    """Pod CIDRs are given in the order of joining, and a cluster that was made again has a new CA."""
    for name, node in machine.cluster.nodes.items():
        text = text.replace(node.pod_cidr, f"<the pods of {name}>") if node.pod_cidr else text
    return text.replace(f"# life {machine.cluster.life}\n", "# life of this cluster\n")
