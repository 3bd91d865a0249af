"""kubeadm, kubelet and kubectl at exactly the desired version, held, and the kubelet's own arguments."""

from __future__ import annotations

from provisioner.core.resource import Resource
from provisioner.inventory.model import Host
from provisioner.resources.files import File
from provisioner.resources.kubeadm import PROXY_ENVIRONMENT
from provisioner.resources.services import Service
from provisioner.sources.choice import kubernetes_source
from provisioner.sources.proxies import drop_in, service_file
from provisioner.templating import render
from provisioner.world.derived import needs_joining, node_ip
from provisioner.world.view import View

KUBELET_DEFAULTS = "/etc/default/kubelet"
_UNIT = "kubelet.service"


def desired(view: View, host: Host) -> tuple[Resource, ...]:
    """On a host that is not a node yet the kubelet has nothing to do: it is enabled here and started by kubeadm."""
    source = kubernetes_source(view, host)
    # A node that will be reset and joined again must not start its kubelet: it would register itself, which the plan
    # does not say.
    joined = view.observed.states[host.name].joined and not needs_joining(view, host)
    files = (KUBELET_DEFAULTS, drop_in(_UNIT), PROXY_ENVIRONMENT)
    return (
        *source.resources,
        File(KUBELET_DEFAULTS, kubelet_defaults(view, host)),
        service_file(view, _UNIT),
        *source.installed("kubernetes"),
        Service(_UNIT, running=joined, configuration=(*files, *source.restarts)),
    )


def kubelet_defaults(view: View, host: Host) -> str:
    """Arguments of this node alone; they come last on the kubelet's command line and win."""
    arguments = {"node-ip": node_ip(view, host), **host.kubelet_extra_args}
    flags = [f"--{name}={value}" for name, value in arguments.items()]
    return render("kubernetes/kubelet.default.j2", arguments=flags)
