"""A runtime as a value. Plays know only this value, not the kinds of runtimes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from provisioner.core.resource import Resource
from provisioner.inventory.model import Host
from provisioner.resources.images import Store
from provisioner.resources.kubeadm import PROXY_ENVIRONMENT
from provisioner.resources.services import Service
from provisioner.sources.proxies import drop_in
from provisioner.world.view import View

# The kubelet uses the same one: otherwise there would be two cgroup hierarchies (templates/kubeadm).
CGROUP_DRIVER = "systemd"
# The directory in which Docker keeps its images and containers depends on it.
STORAGE_DRIVER = "overlay2"
# The directories of the network plug-ins and of their configuration: defaults of the kubelet and of all plug-ins.
PLUG_INS = "/opt/cni/bin"
NETWORKS = "/etc/cni/net.d"


def pulling(unit: str, *configuration: str) -> Service:
    """A service that pulls images: it restarts after changes of its own files and of those that set a proxy."""
    return Service(unit, configuration=(*configuration, drop_in(unit), PROXY_ENVIRONMENT))


@dataclass(frozen=True, slots=True)
class Runtime:
    """`desired` is all that a host needs for it except images; `units` are its services, the one that runs pods first.

    `images` is how archives of the bundle are loaded. `clearing` (shell) removes what `kubeadm reset` would leave.
    """

    desired: Callable[[View, Host], tuple[Resource, ...]]
    units: tuple[str, ...]
    images: Store
    clearing: str = ""
