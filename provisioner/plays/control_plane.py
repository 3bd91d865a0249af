"""The first control plane, by `kubeadm init` from a configuration file, and a kubeconfig for whoever logs in there."""

from __future__ import annotations

from provisioner.core.facts import RUN_TOKEN
from provisioner.core.play import View
from provisioner.core.resource import Resource
from provisioner.derived import DOCKERSHIM_SOCKET, api_endpoint, kubeadm_template, missing_dns, node_ip
from provisioner.inventory.model import Host
from provisioner.inventory.values import Secret
from provisioner.resources.files import PrivateCopy
from provisioner.resources.kubeadm import ADMIN_CONF, Init
from provisioner.resources.kubectl import ApiReady
from provisioner.templating import render


def desired(view: View, host: Host) -> tuple[Resource, ...]:
    """The cluster, and its administrator's kubeconfig in the login user's home."""
    facts = view.facts[host.name]
    silent = view.states[host.name].initialised and view.live is None
    return (
        *((ApiReady(),) if silent else ()),
        Init(
            node=host.name,
            configuration=Secret(init_configuration(view, host, view.join_token.reveal()), "kubeadm configuration"),
            shown=init_configuration(view, host, str(view.join_token)),
            cri_socket=DOCKERSHIM_SOCKET,
            skip_phases=("addon/coredns",) if missing_dns(view) else (),
            ignored_checks=ignored_checks(view),
        ),
        PrivateCopy(ADMIN_CONF, f"{facts.user_home}/.kube/config", facts.user),
    )


def ignored_checks(view: View) -> tuple[str, ...]:
    """kubeadm's own checks that cannot pass here, each for a reason that the plan names."""
    images = ("ImagePull",) if missing_dns(view) else ()
    nested = ("Swap",) if view.cluster.settings.nested else ()
    return images + nested


def init_configuration(view: View, host: Host, token: str) -> str:
    """The whole file for `kubeadm init`: Init-, Cluster-, Kubelet- and KubeProxyConfiguration."""
    settings = view.cluster.settings
    return render(
        kubeadm_template(view, "init"),
        settings=settings,
        token=token,
        token_description=f"{RUN_TOKEN}: first join",
        address=node_ip(view, host),
        endpoint=api_endpoint(view),
        node=host.name,
        taints=host.node_taints,
        cri_socket=DOCKERSHIM_SOCKET,
        sans=(host.name, node_ip(view, host), api_endpoint(view).host, *settings.extra_sans),
    )
