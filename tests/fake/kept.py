"""What a version of provisioner leaves on the machines, as JSON that later versions can be tried on."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from provisioner.inventory.model import Cluster
from tests.fake.cluster import FakeCluster, FakeNode, FakeToken
from tests.fake.state import FakeFile, FakePackage, FakeUnit
from tests.fake.world import World

# What a machine keeps, in the names of its fields.
KEPT = (
    *("files", "packages", "units", "images", "digests", "containers"),
    *("modules", "settings", "swap", "routes", "links", "firewall"),
)
_SETS = ("images", "containers", "modules", "swap", "routes")
_KINDS = {"files": FakeFile, "packages": FakePackage, "units": FakeUnit}


def keep(world: World) -> str:
    """The state of all machines and of the cluster."""
    scene = world.scene
    machines = {
        name: {field: _plain(getattr(machine, field)) for field in KEPT} for name, machine in scene.machines.items()
    }
    kept = {"now_s": scene.clock.now_s, "runs": scene.runs, "cluster": asdict(scene.cluster), "machines": machines}
    return json.dumps(kept, indent=1, sort_keys=True, default=_sorted) + "\n"


def restore(desired: Cluster, text: str) -> World:
    """A world in that state, with an inventory for it."""
    world, kept = World(desired), json.loads(text)
    world.scene.clock.now_s, world.scene.runs = kept["now_s"], kept["runs"]
    vars(world.cluster).update(vars(_cluster(kept["cluster"])))
    for name, fields in kept["machines"].items():
        for field, value in fields.items():
            setattr(world.machines[name], field, _typed(field, value))
    return world


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: asdict(one) if hasattr(one, "__dataclass_fields__") else one for name, one in value.items()}
    return value


def _typed(field: str, value: Any) -> Any:
    if kind := _KINDS.get(field):
        return {name: kind(**one) for name, one in value.items()}
    return set(value) if field in _SETS else value


def _cluster(fields: dict[str, Any]) -> FakeCluster:
    nodes = {name: FakeNode(**{**node, "taints": set(node["taints"])}) for name, node in fields["nodes"].items()}
    tokens = {name: FakeToken(**token) for name, token in fields["tokens"].items()}
    return FakeCluster(**{**fields, "nodes": nodes, "tokens": tokens})


def _sorted(value: Iterable[str]) -> list[str]:
    return sorted(value)
