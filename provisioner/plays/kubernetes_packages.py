"""kubeadm, kubelet and kubectl at exactly the wished version, held, and the kubelet's own arguments."""

from __future__ import annotations

from provisioner.core.play import View
from provisioner.core.resource import Resource
from provisioner.derived import node_ip
from provisioner.inventory.model import Host
from provisioner.plays.bundle_access import repository
from provisioner.resources.files import File
from provisioner.resources.packages import Packages
from provisioner.resources.services import Service
from provisioner.templating import render

KUBELET_DEFAULTS = "/etc/default/kubelet"
# Named one by one: what a kubelet package pulls in by itself has changed over time.
_PACKAGES = (
    "conntrack",
    "containernetworking-plugins",
    "ebtables",
    "ethtool",
    "iptables",
    "socat",
    "kubeadm",
    "kubectl",
    "kubelet",
    "kubernetes-cni",
)


def desired(view: View, host: Host) -> tuple[Resource, ...]:
    """A kubelet that is not a node yet has nothing to do: it is enabled here and started by kubeadm."""
    source = repository(view)
    wished = tuple((name, view.bundle.package_version(name)) for name in _PACKAGES)
    joined = view.states[host.name].joined
    return (
        File(KUBELET_DEFAULTS, kubelet_defaults(view, host)),
        Packages("kubernetes", wished, source.options),
        Service("kubelet.service", running=joined, configuration=(KUBELET_DEFAULTS,)),
    )


def kubelet_defaults(view: View, host: Host) -> str:
    """Arguments that belong to this node alone; they come last on the kubelet's command line and win."""
    arguments = {"node-ip": node_ip(view, host), **host.kubelet_extra_args}
    return render("kubernetes/kubelet.default.j2", arguments=arguments)
