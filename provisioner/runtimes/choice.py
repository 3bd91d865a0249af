"""The runtime that the inventory asks for, as a value."""

from __future__ import annotations

from provisioner.catalog.runtimes import Name
from provisioner.runtimes.containerd import CONTAINERD
from provisioner.runtimes.crio import CRI_O
from provisioner.runtimes.docker import CRI_DOCKERD, DOCKERSHIM
from provisioner.runtimes.runtime import Runtime
from provisioner.world.derived import runtime
from provisioner.world.view import View

_RUNTIMES = {
    Name.DOCKERSHIM: DOCKERSHIM,
    Name.CRI_DOCKERD: CRI_DOCKERD,
    Name.CONTAINERD: CONTAINERD,
    Name.CRI_O: CRI_O,
}


def runtime_of(view: View) -> Runtime:
    """The runtime of all hosts of the cluster."""
    return _RUNTIMES[runtime(view).name]
