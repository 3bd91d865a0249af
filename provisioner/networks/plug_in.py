"""What a network plug-in comes down to. Plays know this value and no kind of plug-in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from provisioner.core.objects import Objects
from provisioner.core.resource import Resource
from provisioner.inventory.model import Host
from provisioner.world.view import View

# Where the kubelet looks for its configuration: the file that is first by name counts, and no other.
CNI_DIRECTORY = "/etc/cni/net.d"

Wishes = Callable[[View, Host], tuple[Resource, ...]]
Patch = Callable[[Objects, View], Objects]


def nothing(view: View, host: Host) -> tuple[Resource, ...]:
    """Of plug-ins that put nothing on the hosts themselves."""
    return ()


def unchanged(objects: Objects, view: View) -> Objects:
    """Of plug-ins whose manifest is applied as it is."""
    return objects


@dataclass(frozen=True, slots=True)
class Needs:
    """What it needs of a host before it is there. `devices` are names (with `*`) of the interfaces that it makes: other
    network managers keep off them, and udev leaves their hardware addresses alone. With `routes`, it sets routes of
    its own, which systemd-networkd is told to leave alone. `modules` may depend on how it is set.
    """

    devices: tuple[str, ...] = ()
    routes: bool = False
    modules: Callable[[View], tuple[str, ...]] = lambda view: ()


@dataclass(frozen=True, slots=True)
class Leaves:
    """What is left of it on a host when its pods are gone: services, files, interfaces, the protocol that marks its
    routes, and its own rules of iptables, by the beginning of their chains' names or by their comment.

    `bridges` are those of the interfaces that keep an address once they have it (CNI's `bridge` refuses another), and
    `programs` files that we keep there as long as it is the cluster's plug-in.
    """

    units: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    bridges: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    route_protocols: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlugIn:
    """`files` are its names in /etc/cni/net.d, `daemon_sets` those that it runs as (`namespace/name`).

    `patch` sets what the inventory wishes in its manifest; PreflightError where the manifest has no place for it.
    `on_hosts` is what it puts on hosts itself, once the cluster is there.
    """

    name: str
    files: tuple[str, ...] = ()
    daemon_sets: tuple[str, ...] = ()
    needs: Needs = field(default_factory=Needs)
    patch: Patch = unchanged
    on_hosts: Wishes = nothing
    leaves: Leaves = field(default_factory=Leaves)

    @property
    def has_manifest(self) -> bool:
        """Whether it is a manifest that is applied."""
        return self.on_hosts is nothing and self.name != "none"
