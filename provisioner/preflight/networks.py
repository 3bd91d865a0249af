"""What must be true of the pods' network: one plug-in in a cluster, what it runs to be had, and room for it there."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from provisioner.bundle.common.manifest import Kind
from provisioner.catalog.rules import number
from provisioner.errors import Problem
from provisioner.inventory.model import Host
from provisioner.inventory.networks import CalicoNetwork, CiliumNetwork, FlannelNetwork, NoNetwork, release
from provisioner.networks.choice import plug_in_of
from provisioner.networks.kube_router import replaces_kube_proxy
from provisioner.networks.leftovers import other_daemon_sets, other_files, others
from provisioner.networks.plug_in import CNI_DIRECTORY
from provisioner.plays.network import patched
from provisioner.sources import wanted as sources
from provisioner.sources.repository import KUBERNETES
from provisioner.world.configuration import configuration
from provisioner.world.view import View

# Since containernetworking-plugins 1.0 it is Flannel's own matter; https://github.com/containernetworking/plugins/releases
_WITHOUT_FLANNEL = "1.0"
_FLANNEL_BRINGS_IT = "0.28.9"
_KUBE_PROXY = "kube-system/kube-proxy"
_REPLACE = "`provisioner network replace` takes the old one away and brings the new one; or name the old one again."


def _one_plug_in(view: View) -> Iterator[Problem]:
    if isinstance(view.cluster.settings.network, NoNetwork):
        return
    mine = plug_in_of(view).name
    for name, owner in other_daemon_sets(view):
        message = f"the cluster's network is {owner} (DaemonSet {name}), and the inventory wants {mine}"
        yield Problem("other-network", view.leader.name, f"{message}: two would fight over pods and routes", _REPLACE)
    for host in view.hosts:
        for name, owner in other_files(view, host):
            message = f"{CNI_DIRECTORY}/{name} is left of {owner}, and the inventory wants {mine}: the kubelet would"
            hint = _REPLACE if view.observed.live else f"If nothing there needs it any more: rm {CNI_DIRECTORY}/{name}"
            yield Problem("other-network", host.name, f"{message} use the file that is first by name", hint)


def _images(view: View) -> Iterator[Problem]:
    """An image that cannot be had would end in a time-out on every node."""
    if view.materials.bundle is None or not view.cluster.settings.images_in_bundle:
        return
    has = {content.name for content in view.materials.bundle.of_kind(Kind.IMAGE)}
    for image in wished_images(view):
        if image not in has:
            message = f"image {image} is not in the bundle, and {plug_in_of(view).name} runs it"
            hint = "A bundle that has it: `provisioner bundle build --from upstream --network NAME`. Or take another "
            yield Problem("image-missing", "every node", message, f"{hint}network, or `images: registry`.")


def wished_images(view: View) -> tuple[str, ...]:
    """What the plug-in runs: as its objects say, or the catalogue where there are none yet."""
    if view.materials.network:
        return patched(view, view.materials.network).images
    settings = view.cluster.settings
    row = release(settings.network, settings.kubernetes_version.minor)
    return row.images if row else ()


def _daemon_set(view: View) -> Iterator[Problem]:
    """A network plug-in runs on every node; a manifest that does not bring that is another thing."""
    if view.materials.network and not view.materials.network.of_kind("DaemonSet"):
        message = f"{view.materials.network.origin}: has no DaemonSet, and a network plug-in runs as one on every node"
        yield Problem("no-daemon-set", "", message, "Is it the right file? An operator's manifest is not enough.")


def _interface(view: View) -> Iterator[Problem]:
    network = view.cluster.settings.network
    wished = network.interface if isinstance(network, CalicoNetwork | FlannelNetwork | CiliumNetwork) else None
    lacking = [host for host in view.hosts if wished and wished not in _interfaces(view, host)]
    if lacking:
        there = sorted({name for host in lacking for name in _interfaces(view, host)} - {"lo"})
        where = "no machine has" if len(lacking) == len(view.hosts) else "these have not"
        message = f"{where} the interface {wished} that network.interface names; there are {', '.join(there) or 'none'}"
        hint = "Leave it out: then each node's own address says which one it is."
        yield Problem("no-interface", ", ".join(host.name for host in lacking), message, hint)


def _interfaces(view: View, host: Host) -> set[str]:
    return {address.interface for address in view.observed.facts[host.name].addresses}


def _flannel_binary(view: View) -> Iterator[Problem]:
    settings = view.cluster.settings
    row = release(settings.network, settings.kubernetes_version.minor)
    if not isinstance(settings.network, FlannelNetwork) or row is None or row.version == _FLANNEL_BRINGS_IT:
        return
    for host in view.hosts:
        named = sources.versions_for(view, host, KUBERNETES).get("kubernetes-cni", "")
        version = named or _bundled(view, "kubernetes-cni")
        if version and number(version) >= number(_WITHOUT_FLANNEL):
            message = f"kubernetes-cni {version} has no plug-in `flannel` any more, which Flannel {row.version} needs"
            hint = f"Take Flannel {_FLANNEL_BRINGS_IT}, which brings it along, or kubernetes-cni 0.8.7."
            yield Problem("cni-binary", host.name, message, hint)


def _bundled(view: View, name: str) -> str:
    packages = (
        view.materials.bundle.of_kind(Kind.PACKAGE) if view.materials.bundle and view.cluster.settings.bundles else ()
    )
    return next((package.version for package in packages if package.name == name), "")


def _kube_proxy(view: View) -> Iterator[Problem]:
    """Who looks after Services was decided by `kubeadm init`; two of them would fight."""
    if view.observed.live is None or isinstance(view.cluster.settings.network, NoNetwork):
        return
    has, replaced = _KUBE_PROXY in view.observed.live.daemon_sets, replaces_kube_proxy(view)
    if view.observed.live.daemon_sets and has == replaced:
        now = "has kube-proxy" if has else "has no kube-proxy"
        message = (
            f"the running cluster {now}, and the inventory wants it {'replaced by kube-router' if has else 'back'}"
        )
        hint = "This was decided when the cluster was made and stays: set network.service_proxy accordingly."
        yield Problem("kube-proxy", view.leader.name, message, hint)


def _unreached(view: View) -> Iterator[Problem]:
    """A node that is left out would keep the old network, and be cut off from the others."""
    silent = [host.name for host in view.cluster.hosts if host.name not in {one.name for one in view.hosts}]
    if silent:
        hint = "Bring them back, or take them out of the inventory and the cluster first."
        yield Problem("unreached", ", ".join(silent), "has to take part: every node gets the new network", hint)


def _replaceable(view: View) -> Iterator[Problem]:
    """Where a network cannot be replaced, it is said plainly."""
    if view.observed.live is None:
        hint = "`provisioner apply` brings it up; there is nothing to replace yet."
        yield Problem("no-cluster", view.leader.name, "no cluster is running there", hint)
        return
    now = configuration(view.observed.live.configuration)
    is_now, wish = now.get("networking", {}).get("podSubnet"), str(view.cluster.settings.pod_cidr)
    if is_now != wish:
        message = f"the pods' network is {is_now}, and the inventory wants {wish}: that cannot be changed"
        hint = "Kubernetes never changes a node's part of it once it was given: it takes a new cluster, or new nodes."
        yield Problem("pod-cidr", view.leader.name, message, f"{hint} The plug-in alone can be replaced.")
    for name in others(view):
        if name == "manifest":
            message = "the old network is from a manifest of your own, and what it has made on the hosts is not known"
            yield Problem("unknown-network", view.leader.name, message, "Remove it as its authors say, then `apply`.")
    for name, owner in other_daemon_sets(view):
        if not view.observed.live.daemon_sets.get(name):
            message = f"{owner} (DaemonSet {name}) was not installed by provisioner"
            yield Problem("foreign-network", view.leader.name, message, "Remove it the way it came, then `apply`.")


REPLACING: tuple[Callable[[View], Iterator[Problem]], ...] = (_unreached, _replaceable)
EVERY: tuple[Callable[[View], Iterator[Problem]], ...] = (
    _daemon_set,
    _images,
    _interface,
    _flannel_binary,
    _kube_proxy,
)
RULES = (*EVERY, _one_plug_in)
