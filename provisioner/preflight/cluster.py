"""What must be true of the machines as parts of this cluster, of the cluster itself, and of the bundle."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from provisioner.catalog.eras import NEW_REGISTRY, OLD_REGISTRY
from provisioner.errors import Problem, Severity
from provisioner.inventory.model import Role
from provisioner.plays import api_server
from provisioner.world.configuration import configuration
from provisioner.world.derived import api_endpoint, images_of, joining, node_ip
from provisioner.world.view import View

# What every node and every pod has already.
_FIXED = frozenset({"pod_cidr", "service_cidr", "dns_domain"})


def _one_control_plane(view: View) -> Iterator[Problem]:
    planes = view.cluster.control_planes
    if len(planes) > 1:
        message = f"the inventory has {len(planes)} control planes; this version brings up one"
        names = ", ".join(host.name for host in planes[1:])
        yield Problem("control-planes", names, message, "Make the others workers, or take them out for now.")


def _live(view: View) -> Iterator[Problem]:
    """A running cluster is not re-made: what cannot change in place is said, not 'fixed'."""
    if view.observed.live is None:
        return
    wished = view.cluster.settings
    if view.observed.live.version != str(wished.kubernetes_version):
        message = f"runs Kubernetes {view.observed.live.version}, and the inventory wants {wished.kubernetes_version}"
        yield Problem(
            "upgrade",
            view.leader.name,
            message,
            "Changing the version of a running cluster is an upgrade, which this version does not do.",
        )
    now = configuration(view.observed.live.configuration)
    pairs = {
        "pod_cidr": (now.get("networking", {}).get("podSubnet"), str(wished.pod_cidr)),
        "service_cidr": (now.get("networking", {}).get("serviceSubnet"), str(wished.service_cidr)),
        "image_repository": (_repository(now), wished.image_repository),
        "dns_domain": (now.get("networking", {}).get("dnsDomain"), wished.dns_domain),
        "control_plane_endpoint": (now.get("controlPlaneEndpoint"), str(api_endpoint(view))),
        "api_server_extra_args": (_own(now.get("apiServer", {})), api_server.arguments(wished)),
        "controller_manager_extra_args": (_own(now.get("controllerManager", {})), wished.controller_manager_extra_args),
        "scheduler_extra_args": (_own(now.get("scheduler", {})), wished.scheduler_extra_args),
    }
    for name, (is_now, wish) in pairs.items():
        if is_now != wish:
            message = f"the running cluster has {name} {is_now}, and the inventory wants {wish}"
            # With another network on the nodes, their pods would be cut off from those that run already.
            if name in _FIXED and is_now:
                hint = f"It was decided when the cluster was made, and cannot be changed: set `{name}: {is_now}`."
                yield Problem("cluster-setting", view.leader.name, message, hint)
            else:
                hint = "This was decided when the cluster was made and stays; make the inventory say the same."
                yield Problem("cluster-setting", view.leader.name, message, hint, Severity.WARNING)


def _repository(now: Mapping[str, object]) -> object:
    """The cluster's own repository of images; kubeadm writes down upstream's too, under one of its names."""
    there = now.get("imageRepository")
    return None if there in (None, OLD_REGISTRY, NEW_REGISTRY) else there


def _own(component: Mapping[str, object]) -> object:
    extra = component.get("extraArgs") or {}
    pairs = extra.items() if isinstance(extra, dict) else _listed(extra)
    # kubeadm writes its default into the API server's arguments.
    return {key: value for key, value in pairs if key != "authorization-mode"}


def _listed(extra: object) -> Iterator[tuple[object, object]]:
    """Since v1beta4 a list of names and values."""
    entries = extra if isinstance(extra, list) else []
    return ((entry["name"], entry["value"]) for entry in entries)


def _known_api(view: View) -> Iterator[Problem]:
    """Joining needs the API server; a cluster that is there but silent is waited for by the run itself."""
    if joining(view) and view.observed.states[view.leader.name].init_begun:
        yield Problem(
            "init-unfinished",
            view.leader.name,
            "an earlier kubeadm init did not come to its end; it is made again",
            severity=Severity.WARNING,
        )


def _namesakes(view: View) -> Iterator[Problem]:
    """A Ready node of that name elsewhere is another machine; at the same address it is this one, reinstalled."""
    nodes = view.observed.live.nodes if view.observed.live else {}
    for host in joining(view):
        node = nodes.get(host.name)
        if node and node.ready and str(node.internal_ip) != node_ip(view, host):
            message = f"the cluster has a Ready node of that name already, at {node.internal_ip}: another machine"
            hint = f"Give one of them another name; or, when the other is gone, `kubectl delete node {host.name}`."
            yield Problem("namesake", host.name, message, hint)


def _others(view: View) -> Iterator[Problem]:
    """Nodes that the inventory does not name run pods all the same, and nobody looks after them."""
    known = {host.name for host in view.cluster.hosts}
    if names := sorted(set(view.observed.live.nodes if view.observed.live else ()) - known):
        message = "a node of the cluster and not in the inventory: nothing is done about it"
        away = f"`kubectl drain {names[0]} --ignore-daemonsets`, then `kubectl delete node {names[0]}`"
        hint = f"Add it to the inventory; or take it out of the cluster: {away}."
        yield Problem("other-node", ", ".join(names), message, hint, Severity.WARNING)


def _images(view: View) -> Iterator[Problem]:
    """What kubeadm will ask for is in the bundle; nodes may have no internet to look for it elsewhere."""
    if view.materials.bundle is None or not view.cluster.settings.images_in_bundle:
        return
    new = {host.role for host in view.hosts if not view.observed.states[host.name].joined}
    for role in (role for role in Role if role in new):
        has = {image.name for image in view.materials.bundle.images_for(role.value)}
        for wished in (wished for wished in images_of(view, role) if wished not in has):
            other = next((image for image in sorted(has) if _untagged(image) == _untagged(wished)), "")
            # The catalogue knows the last patch; an earlier one may want another etcd or pause.
            severity = Severity.WARNING if other and "/kube-" not in wished else Severity.ERROR
            message = f"image {wished} is not in the bundle" + (f", which has {other}" if other else "")
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
