"""The first control plane, by `kubeadm init` from a configuration file, and a kubeconfig for the login user."""

from __future__ import annotations

from provisioner.core.resource import Resource
from provisioner.inventory.model import Host
from provisioner.inventory.values import Secret
from provisioner.networks.kube_router import replaces_kube_proxy
from provisioner.networks.leftovers import after_reset
from provisioner.plays import api_server, kubeadm_configuration
from provisioner.resources.files import PrivateCopy
from provisioner.resources.kubeadm import ADMIN_CONF, Init
from provisioner.resources.kubectl import ApiReady
from provisioner.runtimes import crictl
from provisioner.runtimes.choice import runtime_of
from provisioner.world.derived import cri_socket, kubernetes, missing_dns
from provisioner.world.view import View


def desired(view: View, host: Host) -> tuple[Resource, ...]:
    """The cluster, and its administrator's kubeconfig in the login user's home."""
    facts = view.observed.facts[host.name]
    silent = view.observed.states[host.name].initialised and view.observed.live is None
    socket = cri_socket(view)
    configuration = kubeadm_configuration.initial(view, host, view.materials.join_token.reveal(), socket)
    return (
        *api_server.files(view, host),
        *kubeadm_configuration.patch_files(view, host),
        *((ApiReady(),) if silent else ()),
        Init(
            node=host.name,
            configuration=Secret(configuration, "kubeadm configuration"),
            shown=kubeadm_configuration.initial(view, host, str(view.materials.join_token), socket),
            cri_socket=socket,
            skip_phases=(*_left_to_others(view), *crictl.skipped_phases(view, host)),
            ignored_checks=ignored_checks(view),
            flags=kubeadm_configuration.patch_flags(view, host),
            validates=kubernetes(view).kubeadm.validates,
            clearing=runtime_of(view).clearing,
            after_reset=after_reset(view),
        ),
        *api_server.current(view, host),
        PrivateCopy(ADMIN_CONF, f"{facts.user_home}/.kube/config", facts.user),
    )


def _left_to_others(view: View) -> tuple[str, ...]:
    """Add-ons of kubeadm that this cluster does not use, or that other software replaces."""
    dns = ("addon/coredns",) if missing_dns(view) else ()
    return (*dns, "addon/kube-proxy") if replaces_kube_proxy(view) else dns


def ignored_checks(view: View) -> tuple[str, ...]:
    """kubeadm's own checks that cannot pass here, each for a reason that the plan names."""
    images = ("ImagePull",) if missing_dns(view) else ()
    nested = ("Swap",) if view.cluster.settings.nested else ()
    return images + nested
