"""What must be true of the hosts as parts of this cluster, of the cluster itself, and of the bundle."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from provisioner.catalog.eras import NEW_REGISTRY, OLD_REGISTRY
from provisioner.errors import Problem, Severity
from provisioner.inventory.model import Role
from provisioner.plays import api_server
from provisioner.world.configuration import configuration
from provisioner.world.derived import api_endpoint, images_of, joining, node_ip
from provisioner.world.view import View

# Settings that every node and every pod already uses.
_FIXED = frozenset({"pod_cidr", "service_cidr", "dns_domain"})


def _one_control_plane(view: View) -> Iterator[Problem]:
    control_planes = view.cluster.control_planes
    if len(control_planes) > 1:
        message = f"the inventory has {len(control_planes)} control planes; this version supports only one"
        names = ", ".join(host.name for host in control_planes[1:])
        yield Problem("control-planes", names, message, "Make the others workers, or remove them for now.")


def _live(view: View) -> Iterator[Problem]:
    """A running cluster is not made again: what cannot change in place is reported, not fixed."""
    if view.observed.live is None:
        return
    desired = view.cluster.settings
    if view.observed.live.version != str(desired.kubernetes_version):
        message = f"runs Kubernetes {view.observed.live.version}, and the inventory wants {desired.kubernetes_version}"
        yield Problem(
            "upgrade",
            view.leader.name,
            message,
            "Changing the version of a running cluster is an upgrade, which this version does not do.",
        )
    now = configuration(view.observed.live.configuration)
    pairs = {
        "pod_cidr": (now.get("networking", {}).get("podSubnet"), str(desired.pod_cidr)),
        "service_cidr": (now.get("networking", {}).get("serviceSubnet"), str(desired.service_cidr)),
        "image_repository": (_repository(now), desired.image_repository),
        "dns_domain": (now.get("networking", {}).get("dnsDomain"), desired.dns_domain),
        "control_plane_endpoint": (now.get("controlPlaneEndpoint"), str(api_endpoint(view))),
        "api_server_extra_args": (_own(now.get("apiServer", {})), api_server.arguments(desired)),
        "controller_manager_extra_args": (
            _own(now.get("controllerManager", {})),
            desired.controller_manager_extra_args,
        ),
        "scheduler_extra_args": (_own(now.get("scheduler", {})), desired.scheduler_extra_args),
    }
    for name, (is_now, want) in pairs.items():
        if is_now != want:
            message = f"the running cluster has {name} {is_now}, and the inventory wants {want}"
            # With another network, the pods of new nodes could not reach the pods that already run.
            if name in _FIXED and is_now:
                hint = f"It was decided when the cluster was made, and cannot be changed: set `{name}: {is_now}`."
                yield Problem("cluster-setting", view.leader.name, message, hint)
            else:
                hint = "This was decided when the cluster was made and stays: set the same value in the inventory."
                yield Problem("cluster-setting", view.leader.name, message, hint, Severity.WARNING)


def _repository(now: Mapping[str, object]) -> object:
    """The cluster's own image repository; None for upstream's, which kubeadm records too, under one of its names."""
    there = now.get("imageRepository")
    return None if there in (None, OLD_REGISTRY, NEW_REGISTRY) else there


def _own(component: Mapping[str, object]) -> object:
    extra = component.get("extraArgs") or {}
    pairs = extra.items() if isinstance(extra, dict) else _listed(extra)
    # kubeadm writes its default into the API server's arguments.
    return {key: value for key, value in pairs if key != "authorization-mode"}


def _listed(extra: object) -> Iterator[tuple[object, object]]:
    """Since v1beta4, extraArgs is a list of names and values."""
    entries = extra if isinstance(extra, list) else []
    return ((entry["name"], entry["value"]) for entry in entries)


def _known_api(view: View) -> Iterator[Problem]:
    """Joining needs the API server. When a cluster exists but does not answer, the run itself waits for it."""
    if joining(view) and view.observed.states[view.leader.name].init_begun:
        yield Problem(
            "init-unfinished",
            view.leader.name,
            "an earlier kubeadm init did not finish; it will run again",
            severity=Severity.WARNING,
        )


def _namesakes(view: View) -> Iterator[Problem]:
    """A Ready node with that name and another address is another machine; with the same address it is this host,
    reinstalled.
    """
    nodes = view.observed.live.nodes if view.observed.live else {}
    for host in joining(view):
        node = nodes.get(host.name)
        if node and node.ready and str(node.internal_ip) != node_ip(view, host):
            message = f"the cluster already has a Ready node of that name, at {node.internal_ip}: another machine"
            hint = f"Rename one of them; or, if the other one no longer exists, `kubectl delete node {host.name}`."
            yield Problem("namesake", host.name, message, hint)


def _others(view: View) -> Iterator[Problem]:
    """Nodes that are not in the inventory still run pods, and provisioner does not manage them."""
    known = {host.name for host in view.cluster.hosts}
    if names := sorted(set(view.observed.live.nodes if view.observed.live else ()) - known):
        message = "in the cluster but not in the inventory: provisioner does not change it"
        away = f"`kubectl drain {names[0]} --ignore-daemonsets`, then `kubectl delete node {names[0]}`"
        hint = f"Add it to the inventory; or remove it from the cluster: {away}."
        yield Problem("other-node", ", ".join(names), message, hint, Severity.WARNING)


def _images(view: View) -> Iterator[Problem]:
    """The images that kubeadm needs are in the bundle; nodes may have no internet access to get them elsewhere."""
    if view.materials.bundle is None or not view.cluster.settings.images_in_bundle:
        return
    new = {host.role for host in view.hosts if not view.observed.states[host.name].joined}
    for role in (role for role in Role if role in new):
        has = {image.name for image in view.materials.bundle.images_for(role.value)}
        for desired in (image for image in images_of(view, role) if image not in has):
            other = next((image for image in sorted(has) if _untagged(image) == _untagged(desired)), "")
            # The catalog knows the last patch release; an earlier one may need another etcd or pause.
            severity = Severity.WARNING if other and "/kube-" not in desired else Severity.ERROR
            message = f"image {desired} is not in the bundle" + (f", which has {other}" if other else "")
            hint = "Build the bundle again, or use one that has it: `provisioner bundle show` lists what is in it."
            yield Problem("image-missing", f"every {role.value.replace('_', ' ')}", message, hint, severity)


def _untagged(image: str) -> str:
    return image.rpartition(":")[0]


RULES: tuple[Callable[[View], Iterator[Problem]], ...] = (
    _one_control_plane,
    _namesakes,
    _others,
    _images,
    _live,
    _known_api,
)
