"""A network plug-in as a value. Plays know only this value, and no particular plug-in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from provisioner.core.objects import Objects
from provisioner.core.resource import Resource
from provisioner.inventory.model import Host
from provisioner.world.view import View

# The directory of CNI configuration: only the file that is first by name is used.
CNI_DIRECTORY = "/etc/cni/net.d"

Wants = Callable[[View, Host], tuple[Resource, ...]]
Patch = Callable[[Objects, View], Objects]


def nothing(view: View, host: Host) -> tuple[Resource, ...]:
    """For plug-ins that put nothing on the hosts themselves."""
    return ()


def unchanged(objects: Objects, view: View) -> Objects:
    """For plug-ins whose manifest is applied as it is."""
    return objects


@dataclass(frozen=True, slots=True)
class Needs:
    """What it needs on a host before it is installed. `devices` are the names (with `*`) of the interfaces that it
    creates: other network managers must not manage them, and udev must not change their MAC addresses. With `routes`,
    it sets its own routes, which systemd-networkd must keep. `modules` may depend on its settings.
    """

    devices: tuple[str, ...] = ()
    routes: bool = False
    modules: Callable[[View], tuple[str, ...]] = lambda view: ()


@dataclass(frozen=True, slots=True)
class Leaves:
    """What is left of it on a host when its pods no longer exist: services, files, interfaces, the protocol number of
    its routes, and its own iptables rules, by the beginning of their chains' names or by their comment.

    `bridges` are those interfaces that keep an address once they have it (CNI's `bridge` refuses another one), and
    `programs` are files that stay there as long as it is the cluster's plug-in.
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
    """`files` are the names of its files in /etc/cni/net.d, `daemon_sets` those that it runs as (`namespace/name`).

    `patch` sets in its manifest what the inventory wants; PreflightError when the manifest has no place for it.
    `on_hosts` is what it puts on hosts itself, once the cluster exists.
    """

    name: str
    files: tuple[str, ...] = ()
    daemon_sets: tuple[str, ...] = ()
    needs: Needs = field(default_factory=Needs)
    patch: Patch = unchanged
    on_hosts: Wants = nothing
    leaves: Leaves = field(default_factory=Leaves)

    @property
    def has_manifest(self) -> bool:
        """Whether it is installed by applying a manifest."""
        return self.on_hosts is nothing and self.name != "none"
