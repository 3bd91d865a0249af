"""Which source a product has on a host, as the inventory says."""

from __future__ import annotations

from dataclasses import replace

from provisioner.core.play import View
from provisioner.inventory.model import Host
from provisioner.sources import bundle
from provisioner.sources.source import Source


def kubernetes_source(view: View, host: Host) -> Source:
    """Where kubeadm, kubelet and kubectl come from on this host."""
    # The runtime's play has made the bundle known to the machine already.
    return replace(bundle.kubernetes(view), resources=())


def runtime_source(view: View, host: Host) -> Source:
    """Where the container runtime comes from on this host."""
    return bundle.runtime(view)
