"""kubeadm's configuration: one template per version of its API, all fed with the same values.

Templates decide nothing: the differences between versions are worked out here, from the catalog.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from provisioner.catalog.kubernetes import Release
from provisioner.core.resource import Resource
from provisioner.inventory.model import Host, Role
from provisioner.plays import api_server
from provisioner.resources.files import File, NothingElse
from provisioner.templating import render
from provisioner.world.cluster import RUN_TOKEN
from provisioner.world.derived import api_endpoint, ca_pin, kubernetes, node_ip
from provisioner.world.view import View

PATCHES = "/etc/kubernetes/provisioner/patches"


@dataclass(frozen=True, slots=True)
class AsControlPlane:
    """How a host joins as a control plane: its address, and the key of the certificates that kubeadm uploaded."""

    address: str
    certificate_key: str


def initial(view: View, host: Host, token: str, cri_socket: str) -> str:
    """The whole file for `kubeadm init`: Init-, Cluster-, Kubelet- and KubeProxyConfiguration."""
    settings, release = view.cluster.settings, kubernetes(view)
    return render(
        _template(release, "init"),
        settings=settings,
        token=token,
        token_description=f"{RUN_TOKEN}: first join",
        address=node_ip(view, host),
        endpoint=api_endpoint(view),
        node=host.name,
        taints=host.node_taints,
        cri_socket=cri_socket,
        sans=(host.name, node_ip(view, host), api_endpoint(view).host, *settings.extra_sans),
        api_server_arguments=arguments(release, api_server.arguments(settings)),
        controller_manager_arguments=arguments(release, settings.controller_manager_extra_args),
        scheduler_arguments=arguments(release, settings.scheduler_extra_args),
        volumes=api_server.volumes(settings),
        patches=PATCHES if _patches(view, host) else "",
    )


def joining(view: View, host: Host, token: str, cri_socket: str, plane: AsControlPlane | None = None) -> str:
    """The file for `kubeadm join`: the API endpoint, the pin of the cluster's CA, and the settings of this node."""
    return render(
        _template(kubernetes(view), "join"),
        endpoint=api_endpoint(view),
        token=token,
        ca_pin=ca_pin(view.observed.live.ca_certificate) if view.observed.live else "",
        node=host.name,
        taints=host.node_taints,
        cri_socket=cri_socket,
        control_plane=plane,
        patches=PATCHES if _patches(view, host) else "",
    )


def patch_files(view: View, host: Host) -> tuple[Resource, ...]:
    """kubeadm's patches, on a host that is not a node yet: kubeadm reads them only during init and join."""
    found = _patches(view, host)
    if not found or view.observed.states[host.name].joined:
        return ()
    names = tuple(path.name for path in found)
    return (
        NothingElse(PATCHES, names),
        *(File(f"{PATCHES}/{path.name}", text, 0o600) for path, text in found.items()),
    )


def patch_flags(view: View, host: Host) -> tuple[str, ...]:
    """The flag that names the directory of the patches, for a kubeadm whose configuration has no field for it."""
    flag = kubernetes(view).kubeadm.patches_flag
    return (f"{flag}={PATCHES}",) if flag and _patches(view, host) else ()


def _patches(view: View, host: Host) -> dict[Path, str]:
    """The patches that apply to a host: on a worker kubeadm can patch only the kubelet's configuration."""
    directory = view.cluster.settings.patches
    mine = "" if host.role is Role.CONTROL_PLANE else "kubeletconfiguration"
    return {
        path: text
        for path, text in view.materials.files.items()
        if path.parent == directory and path.name.startswith(mine)
    }


def arguments(release: Release, given: Mapping[str, str]) -> object:
    """Extra arguments of a component in this kubeadm's format: a mapping, or a list of names and values."""
    if release.kubeadm.arguments == "map":
        return dict(given)
    return [{"name": name, "value": value} for name, value in given.items()]


def _template(release: Release, verb: str) -> str:
    return f"kubeadm/{release.kubeadm.api}/{verb}.yaml.j2"
