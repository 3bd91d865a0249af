"""What must be true of the pod network: one plug-in per cluster, its images and binaries available, no conflicts."""

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

# Since containernetworking-plugins 1.0, Flannel itself has to bring the binary;
# https://github.com/containernetworking/plugins/releases
_WITHOUT_FLANNEL = "1.0"
_FLANNEL_BRINGS_IT = "0.28.9"
_KUBE_PROXY = "kube-system/kube-proxy"
_REPLACE = "`provisioner network replace` removes the old one and installs the new one; or set the old one again."


def _one_plug_in(view: View) -> Iterator[Problem]:
    if isinstance(view.cluster.settings.network, NoNetwork):
        return
    mine = plug_in_of(view).name
    for name, owner in other_daemon_sets(view):
        message = f"the cluster's network is {owner} (DaemonSet {name}), and the inventory wants {mine}"
        yield Problem("other-network", view.leader.name, f"{message}: two conflict over pods and routes", _REPLACE)
    for host in view.hosts:
        for name, owner in other_files(view, host):
            message = f"{CNI_DIRECTORY}/{name} is left from {owner}, and the inventory wants {mine}: the kubelet would"
            hint = _REPLACE if view.observed.live else f"If nothing needs it any more: rm {CNI_DIRECTORY}/{name}"
            yield Problem("other-network", host.name, f"{message} use the file that is first by name", hint)


def _images(view: View) -> Iterator[Problem]:
    """An image that is not available would cause a time-out on every node."""
    if view.materials.bundle is None or not view.cluster.settings.images_in_bundle:
        return
    has = {content.name for content in view.materials.bundle.of_kind(Kind.IMAGE)}
    for image in desired_images(view):
        if image not in has:
            message = f"image {image} is not in the bundle, and {plug_in_of(view).name} needs it"
            hint = "Build a bundle that has it: `provisioner bundle build --from upstream --network NAME`. Or use "
            yield Problem("image-missing", "every node", message, f"{hint}another network, or `images: registry`.")


def desired_images(view: View) -> tuple[str, ...]:
    """The images that the plug-in runs: from its objects, or from the catalog when there are none yet."""
    if view.materials.network:
        return patched(view, view.materials.network).images
    settings = view.cluster.settings
    row = release(settings.network, settings.kubernetes_version.minor)
    return row.images if row else ()


def _daemon_set(view: View) -> Iterator[Problem]:
    """A network plug-in runs on every node as a DaemonSet; a manifest without one is not that of a plug-in."""
    if view.materials.network and not view.materials.network.of_kind("DaemonSet"):
        message = f"{view.materials.network.origin}: has no DaemonSet, and a network plug-in runs as one on every node"
        yield Problem("no-daemon-set", "", message, "Is it the right file? An operator's manifest is not enough.")


def _interface(view: View) -> Iterator[Problem]:
    network = view.cluster.settings.network
    desired = network.interface if isinstance(network, CalicoNetwork | FlannelNetwork | CiliumNetwork) else None
    lacking = [host for host in view.hosts if desired and desired not in _interfaces(view, host)]
    if lacking:
        there = sorted({name for host in lacking for name in _interfaces(view, host)} - {"lo"})
        where = "no host has" if len(lacking) == len(view.hosts) else "these hosts do not have"
        message = (
            f"{where} the interface {desired} that network.interface names; they have {', '.join(there) or 'none'}"
        )
        hint = "Leave it out: then the interface that has the node's address is used."
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
            hint = f"Use Flannel {_FLANNEL_BRINGS_IT}, which includes it, or kubernetes-cni 0.8.7."
            yield Problem("cni-binary", host.name, message, hint)


def _bundled(view: View, name: str) -> str:
    packages = (
        view.materials.bundle.of_kind(Kind.PACKAGE) if view.materials.bundle and view.cluster.settings.bundles else ()
    )
    return next((package.version for package in packages if package.name == name), "")


def _kube_proxy(view: View) -> Iterator[Problem]:
    """`kubeadm init` has decided which proxy handles Services; two of them would conflict."""
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
    """A node that is left out would keep the old network, and could not reach the others."""
    silent = [host.name for host in view.cluster.hosts if host.name not in {one.name for one in view.hosts}]
    if silent:
        hint = "Make them reachable, or remove them from the inventory and the cluster first."
        yield Problem("unreached", ", ".join(silent), "must take part: every node gets the new network", hint)


def _replaceable(view: View) -> Iterator[Problem]:
    """Reports a network that cannot be replaced."""
    if view.observed.live is None:
        hint = "`provisioner apply` brings it up; there is nothing to replace yet."
        yield Problem("no-cluster", view.leader.name, "no cluster is running there", hint)
        return
    now = configuration(view.observed.live.configuration)
    is_now, want = now.get("networking", {}).get("podSubnet"), str(view.cluster.settings.pod_cidr)
    if is_now != want:
        message = f"the pod network is {is_now}, and the inventory wants {want}: that cannot be changed"
        hint = "Kubernetes never changes a node's pod CIDR once it is set: that needs a new cluster, or new nodes."
        yield Problem("pod-cidr", view.leader.name, message, f"{hint} The plug-in alone can be replaced.")
    for name in others(view):
        if name == "manifest":
            message = "the old network is from your own manifest, and what it has changed on the hosts is not known"
            yield Problem("unknown-network", view.leader.name, message, "Remove it as its authors say, then `apply`.")
    for name, owner in other_daemon_sets(view):
        if not view.observed.live.daemon_sets.get(name):
            message = f"{owner} (DaemonSet {name}) was not installed by provisioner"
            hint = "Remove it the way it was installed, then `apply`."
            yield Problem("foreign-network", view.leader.name, message, hint)


REPLACING: tuple[Callable[[View], Iterator[Problem]], ...] = (_unreached, _replaceable)
EVERY: tuple[Callable[[View], Iterator[Problem]], ...] = (
    _daemon_set,
    _images,
    _interface,
    _flannel_binary,
    _kube_proxy,
)
RULES = (*EVERY, _one_plug_in)
