"""The pod network: what a plug-in puts on the hosts, or its manifest: applied on the leader, and waited for."""

from __future__ import annotations

from provisioner.core.objects import Object, Objects
from provisioner.core.resource import Later, Resource
from provisioner.inventory.model import Host
from provisioner.inventory.networks import title as title_of
from provisioner.manifests.patching import finished
from provisioner.networks.choice import plug_in_of
from provisioner.networks.leftovers import old_bridges
from provisioner.resources.daemon_sets import DaemonSetReady
from provisioner.resources.kubectl import Manifest
from provisioner.resources.old_bridges import OldBridgeGone, OldPodsGone
from provisioner.world.view import View


def desired(view: View, host: Host) -> tuple[Resource, ...]:
    """On every host the plug-in's files and services; on the leader its objects, and that they run on every node."""
    plug_in = plug_in_of(view)
    if not plug_in.has_manifest:
        return plug_in.on_hosts(view, host)
    if host != view.leader or view.materials.network is None:
        return ()
    title = network_title(view)
    if view.observed.live is None:
        later = "the API server, which answers after kubeadm init"
        return (Later(f"manifest {title}", f"apply {title} ({len(view.materials.network.items)} objects)", later),)
    objects = patched(view, view.materials.network)
    manifest = applied(title, objects)
    nodes = tuple(one.name for one in view.hosts if one.name in view.observed.live.nodes)
    return (
        manifest,
        *(ready(item, nodes, manifest.key) for item in objects.of_kind("DaemonSet")),
    )


def moved(view: View) -> tuple[Host, ...]:
    """Nodes that got another pod CIDR, and whose bridge still has an address of the old one."""
    return tuple(host for host in view.hosts if old_bridges(view, host))


def old_pods_gone(view: View, host: Host) -> tuple[Resource, ...]:
    """At the leader: the pods of such a node are deleted. Those that take their place wait for the new bridge."""
    return tuple(OldPodsGone(host.name, pod_cidr) for pod_cidr in {own for _, own in old_bridges(view, host)})


def old_bridges_gone(view: View, host: Host) -> tuple[Resource, ...]:
    """The old bridge goes last: it is how such a node is recognised. The next pod creates the new one."""
    return tuple(OldBridgeGone(old.interface, old.ip, pod_cidr) for old, pod_cidr in old_bridges(view, host))


def patched(view: View, objects: Objects) -> Objects:
    """The objects as they are applied, with our patches."""
    return finished(plug_in_of(view).patch(objects, view), view)


def network_title(view: View) -> str:
    """`flannel 0.28.9`."""
    settings = view.cluster.settings
    return title_of(settings.network, settings.kubernetes_version.minor)


def applied(title: str, objects: Objects) -> Manifest:
    """These objects in the cluster."""
    return Manifest(title, objects.as_json(), objects.namespaces)


def ready(item: Object, nodes: tuple[str, ...], follows: str) -> DaemonSetReady:
    """The pods of a DaemonSet are Ready on these nodes; all are new when what it `follows` changes."""
    metadata = item["metadata"]
    return DaemonSetReady(metadata.get("namespace", "default"), metadata["name"], _selector(item), nodes, follows)


def _selector(item: Object) -> str:
    labels = item["spec"]["selector"]["matchLabels"]
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
