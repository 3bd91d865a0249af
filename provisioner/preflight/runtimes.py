"""What must be true of the container runtimes: supported by that Kubernetes, available, the one that already runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator

from provisioner.catalog import rules, runtimes
from provisioner.core.names import some
from provisioner.core.untrusted import shown
from provisioner.errors import Problem, Severity
from provisioner.inventory.model import Host
from provisioner.inventory.package_sources import BundleSource
from provisioner.runtimes.others import FILES, hidden, keeps, lost
from provisioner.sources import bundle
from provisioner.sources.choice import runtime_source
from provisioner.sources.versions import upstream
from provisioner.world.derived import kubernetes, runtime
from provisioner.world.look import KEPT
from provisioner.world.view import View

_PACKAGES = {
    "docker": ("docker-ce", "docker.io"),
    "containerd": ("containerd", "containerd.io"),
    "cri-o": ("cri-o",),
}
_DOCKER_BESIDE = (
    "Stop it there (`systemctl disable --now docker.service docker.socket`); or set `runtime.beside_docker: true`, "
    "if it is needed for something else."
)
# Kubernetes 1.36 streams over another protocol, which cri-dockerd does not support.
_STREAMS_SINCE, _STREAMS_FLAG = 36, "ExtendWebSocketsToKubelet=false"


def _usable(view: View) -> Iterator[Problem]:
    release, found = kubernetes(view), runtime(view)
    yield from rules.runtime_usable(release, found.name, "cluster.runtime")
    for host in view.hosts:
        versions = runtime_source(view, host).versions
        for package in (package for package in _PACKAGES[found.kind] if package in versions):
            version = upstream(versions[package])
            yield from rules.runtime_version(release, found.versioned, versions[package], host.name)
            if found.name is runtimes.Name.CONTAINERD:
                yield from rules.runtime_tested(release, version, host.name)


def _available(view: View) -> Iterator[Problem]:
    """A bundle has only the runtime that it was built with."""
    missing = bundle.lacking(view)
    if isinstance(view.cluster.settings.runtime_source, BundleSource) and missing:
        message = f"the bundle has no {', '.join(missing)}, which {runtime(view).name} needs"
        hint = "Use a bundle that has it (`provisioner bundle show` lists what is in one), or another runtime."
        yield Problem("runtime-missing", "cluster.runtime", message, hint)


def _in_no_repository(view: View) -> Iterator[Problem]:
    """The authors of cri-dockerd publish packages, but no package repository."""
    settings, bridge = view.cluster.settings, runtimes.Name.CRI_DOCKERD
    if isinstance(settings.runtime_source, BundleSource) or runtime(view).name is not bridge:
        return
    for host in view.hosts:
        if bridge not in view.observed.states[host.name].packages:
            message = f"has no {bridge}, which Kubernetes {kubernetes(view).series} needs to use Docker"
            hint = "No repository has it: install its package there first, use a bundle that has it, or use containerd."
            yield Problem("runtime-missing", host.name, message, hint)


def _other(view: View) -> Iterator[Problem]:
    """The kubelet would lose pods that continue to run: the runtime of a running node is not changed."""
    desired = runtime(view).kind
    for host in view.hosts:
        now = _now(view, host)
        if now and now != desired:
            message = f"is a node that runs its pods with {now}, and the inventory wants {desired}"
            hint = (
                "The runtime of a node is not changed while it runs: keep it; or remove the node from the cluster "
                "(`kubectl drain` and `kubectl delete node`, then `kubeadm reset` there) and let it join again."
            )
            yield Problem("runtime-change", host.name, message, hint)


def _now(view: View, host: Host) -> str:
    """The runtime of its pods: from its Node object, or from its kubelet's settings; empty when it is not a node and
    has not begun to be one.
    """
    state = view.observed.states[host.name]
    if not (state.joined or state.init_begun or state.join_begun):
        return ""
    node = view.observed.live.nodes.get(host.name) if view.observed.live else None
    if node and node.runtime and state.joined:
        return node.runtime.partition("://")[0]
    found = runtimes.runtime_at(state.runtime_endpoint)
    return found.kind if found else ""


def _docker_beside(view: View) -> Iterator[Problem]:
    """Two runtimes conflict unless that is intended: Docker forbids forwarding, and kubeadm may take the wrong one."""
    settings = view.cluster.settings.runtime
    if settings.type == "docker" or settings.beside_docker:
        return
    for host in view.hosts:
        # A node that runs its pods with Docker is another finding.
        if view.observed.states[host.name].docker_runs and _now(view, host) != "docker":
            message = f"Docker runs here, and the node's runtime will be {settings.type}"
            yield Problem("second-runtime", host.name, message, _DOCKER_BESIDE)


def _streams(view: View) -> Iterator[Problem]:
    if runtime(view).name is not runtimes.Name.CRI_DOCKERD or kubernetes(view).minor < _STREAMS_SINCE:
        return
    for host in view.hosts:
        if _STREAMS_FLAG not in host.kubelet_extra_args.get("feature-gates", ""):
            message = "`kubectl exec`, `logs` and `port-forward` do not work with cri-dockerd by default"
            hint = f"Set kubelet_extra_args: {{feature-gates: {_STREAMS_FLAG}}} for this host."
            yield Problem("cri-dockerd-streams", host.name, message, hint, Severity.WARNING)


def _settings_of_others(view: View) -> Iterator[Problem]:
    """Settings that exist on the host: reported before provisioner's configuration replaces them."""
    file, mirrors = FILES.get(runtime(view).kind, ""), view.cluster.settings.runtime.registry_mirrors
    found: dict[tuple[bool, str], list[str]] = defaultdict(list)
    for host in (host for host in view.hosts if keeps(view, host, file)):
        text = view.observed.states[host.name].runtime_files[file]
        for is_hidden, names in ((True, hidden(file, text)), (False, lost(file, text, mirrors))):
            if names:
                found[is_hidden, some(map(shown, names))].append(host.name)
    for (is_hidden, what), hosts in found.items():
        if is_hidden:
            message = f"{file} sets {what}: with provisioner's file, images and containers there are not found any more"
            hint = f"If they are not needed: `mv {file} {file}.old` there, then run the same command again."
            yield Problem("runtime-data", ", ".join(hosts), message, hint)
        else:
            message = f"{file} sets {what}, and provisioner's file does not: it is kept as {file}{KEPT}, and not used"
            hint = "Set mirrors with `cluster.runtime.registry_mirrors`; check whether anything else in it is needed."
            yield Problem("runtime-settings", ", ".join(hosts), message, hint, Severity.WARNING)


RULES: tuple[Callable[[View], Iterator[Problem]], ...] = (
    _usable,
    _available,
    _in_no_repository,
    _other,
    _docker_beside,
    _streams,
    _settings_of_others,
)
