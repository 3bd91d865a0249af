"""crictl: its configuration, and what to do where it is missing and an old kubeadm requires it."""

from __future__ import annotations

from provisioner.catalog.runtimes import FIRST_KUBEADM_WITHOUT_CRICTL, Name
from provisioner.core.names import some
from provisioner.core.resource import Resource
from provisioner.inventory.model import Host
from provisioner.resources.files import File
from provisioner.sources.choice import kubernetes_source
from provisioner.world.derived import kubernetes, runtime
from provisioner.world.view import View

CONFIG = "/etc/crictl.yaml"
PACKAGE = "cri-tools"


def is_there(view: View, host: Host) -> bool:
    """It is on the host, or comes with Kubernetes' packages."""
    return view.observed.states[host.name].has_crictl or PACKAGE in kubernetes_source(view, host).versions


def configured(view: View, host: Host) -> tuple[Resource, ...]:
    """Without this file crictl tries every socket that it knows, and warns."""
    found = runtime(view)
    if found.name is Name.DOCKERSHIM or not is_there(view, host):
        return ()
    return (File(CONFIG, f"runtime-endpoint: {found.cri_socket}\nimage-endpoint: {found.cri_socket}\n"),)


def skipped_phases(view: View, host: Host) -> tuple[str, ...]:
    """kubeadm's preflight fails without crictl, even if errors are ignored; so it is skipped: ours has already run."""
    wanted = runtime(view).name is not Name.DOCKERSHIM and kubernetes(view).minor < FIRST_KUBEADM_WITHOUT_CRICTL
    return ("preflight",) if wanted and not is_there(view, host) else ()


def left_out(view: View) -> tuple[str, ...]:
    """The skipped phases in words, for the plan and the report."""
    names = some(host.name for host in view.hosts if skipped_phases(view, host))
    if not names:
        return ()
    why = "it fails without crictl, which the packages do not contain"
    return (f"kubeadm's own preflight is left out on {names}: {why}",)
