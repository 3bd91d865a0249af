"""What a runtime comes down to. Plays know this value and no kind of runtime."""

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

# The kubelet's as well: with two, its pods would be in two trees of control groups (templates/kubeadm).
CGROUP_DRIVER = "systemd"
# Where Docker keeps its images and containers depends on it.
STORAGE_DRIVER = "overlay2"
# Where the network plug-ins are, and their configuration: the kubelet's own places, and those of the plug-ins' authors.
PLUG_INS = "/opt/cni/bin"
NETWORKS = "/etc/cni/net.d"


def pulling(unit: str, *configuration: str) -> Service:
    """A service that fetches images: it restarts for its own files, and for those that tell of a proxy."""
    return Service(unit, configuration=(*configuration, drop_in(unit), PROXY_ENVIRONMENT))


@dataclass(frozen=True, slots=True)
class Runtime:
    """`desired` is all that a host needs for it but images; `units` are its services, the one that runs pods first.

    `images` is how archives of the bundle get into it. `clearing` (shell) removes what `kubeadm reset` would leave.
    """

    desired: Callable[[View, Host], tuple[Resource, ...]]
    units: tuple[str, ...]
    images: Store
    clearing: str = ""
