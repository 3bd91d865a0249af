"""Values that several plays need and that follow from the inventory and the facts: decided here, once."""

from __future__ import annotations

import base64
import hashlib

from asn1crypto import pem, x509

from provisioner.bundle.common.manifest import Kind
from provisioner.catalog import runtimes
from provisioner.catalog.kubernetes import Release, rules_for
from provisioner.catalog.networks import added_bytes
from provisioner.inventory.model import Host, Role
from provisioner.inventory.networks import desired_mtu, variant
from provisioner.inventory.values import Endpoint
from provisioner.world.addressing.deciding import decide
from provisioner.world.facts import HostState
from provisioner.world.network import Decision
from provisioner.world.view import View, once

# IEEE 802.3's payload.
_ETHERNET_MTU = 1500


# The images that the nodes run, by kubeadm's short names; CoreDNS runs on some of them.
_CONTROL_PLANE_IMAGES = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd")
_NODE_IMAGES = ("kube-proxy", "pause")


def node_address(view: View, host: Host) -> Decision | None:
    """The address, interface and path MTU that this node uses, with the reasons; None when there is no address.

    It is decided once per run (`addressing`); without measurements, it is decided from the facts of the view alone.
    """
    return (view.decided.addresses or decide(view)).get(host.name)


@once
def network_mtu(view: View) -> int:
    """The path MTU between all nodes, in bytes; what a tunnel adds is not subtracted yet."""
    return min((one.mtu for one in (view.decided.addresses or decide(view)).values()), default=_ETHERNET_MTU)


def plug_in_mtu(view: View) -> int:
    """The MTU that the plug-in is configured with, in bytes: the inventory's; else the path MTU between all nodes, less
    what its encapsulation adds. It is the MTU of pods; only Cilium subtracts by itself what it adds.
    """
    network = view.cluster.settings.network
    return desired_mtu(network) or network_mtu(view) - added_bytes(network.type, variant(network))


def node_ip(view: View, host: Host) -> str:
    """The node's address as text; preflight has made sure that it exists."""
    address = node_address(view, host)
    return str(address.ip.ip) if address else ""


def api_endpoint(view: View) -> Endpoint:
    """Where the API server is reached: as the inventory says, or at the leader."""
    return view.cluster.settings.control_plane_endpoint or Endpoint(node_ip(view, view.leader))


def needs_joining(view: View, host: Host) -> bool:
    """Whether it is a worker that is not in the cluster yet, or not any more. A cluster that does not exist yet has no
    nodes; of a cluster that does not answer, the nodes are unknown.
    """
    if host.role is not Role.WORKER:
        return False
    if not view.observed.states[host.name].joined:
        return True
    if view.observed.live is None:
        return not view.observed.states[view.leader.name].initialised
    return host.name not in view.observed.live.nodes


@once
def joining(view: View) -> tuple[Host, ...]:
    """All workers of this run that have to join."""
    return tuple(host for host in view.hosts if needs_joining(view, host))


def ca_pin(certificate: str) -> str:
    """`sha256:` and the hash of the certificate's public key (its SubjectPublicKeyInfo, DER), as kubeadm expects it."""
    # Not the stricter `cryptography`: the CA of an old kubeadm has serial number 0, which it will refuse.
    _, _, der = pem.unarmor(certificate.encode())
    key = x509.Certificate.load(der).public_key
    return f"sha256:{hashlib.sha256(key.dump()).hexdigest()}"


def certificates(text: str) -> frozenset[bytes]:
    """All certificates of a PEM text, DER; none when there are none, or when the text is damaged."""
    try:
        return frozenset(der for kind, _, der in pem.unarmor(text.encode(), multiple=True) if kind == "CERTIFICATE")
    except ValueError:
        return frozenset()


def trusted(state: HostState) -> frozenset[bytes]:
    """The CA certificates (DER) that a host's kubelet trusts: in its kubelet.conf, or in a separate file."""
    try:
        return certificates(base64.b64decode(state.kubelet_ca).decode() if state.kubelet_ca else state.ca_certificate)
    except ValueError:
        return frozenset()


def ca_fingerprint(certificate: str) -> str:
    """`sha256:` and the hash of the whole certificate, as `openssl x509 -fingerprint -sha256` prints it; of all
    certificates when there are several, and nothing when there is none.
    """
    return ", ".join(sorted(f"sha256:{hashlib.sha256(der).hexdigest()}" for der in certificates(certificate)))


def same_ca(certificate: str, base64_data: str) -> bool:
    """Whether the data of a kubeconfig (`certificate-authority-data`, with any line breaks) are exactly this CA."""
    try:
        other = base64.b64decode(base64_data).decode()
    except ValueError:
        return False
    known = certificates(certificate)
    return bool(known) and known == certificates(other)


def kubernetes(view: View) -> Release:
    """What the catalog says of the desired Kubernetes version."""
    return rules_for(view.cluster.settings.kubernetes_version.series)


def runtime(view: View) -> runtimes.Runtime:
    """What the catalog says of the desired runtime; Docker is reached in one of two ways."""
    kind = view.cluster.settings.runtime.type
    return runtimes.runtime(runtimes.docker_for(kubernetes(view).minor) if kind == "docker" else runtimes.Name(kind))


def cri_socket(view: View) -> str:
    """Where the kubelet reaches the container runtime, in the form that kubeadm expects."""
    return runtime(view).cri_socket


def images(view: View) -> dict[str, str]:
    """Every image that kubeadm needs, by its short name. In the user's own repository, no image has a directory."""
    found = kubernetes(view).images(view.cluster.settings.kubernetes_version.patch)
    repository = view.cluster.settings.image_repository
    return {name: f"{repository}/{image.rpartition('/')[2]}" if repository else image for name, image in found.items()}


def images_of(view: View, role: Role) -> tuple[str, ...]:
    """The images that every node of that role runs."""
    found = images(view)
    return tuple(
        found[name] for name in (*(_CONTROL_PLANE_IMAGES if role is Role.CONTROL_PLANE else ()), *_NODE_IMAGES)
    )


def pause_image(view: View) -> str:
    """The pause image: the bundle's, when images come from it, or the one that kubeadm names."""
    desired = images(view)["pause"]
    if view.materials.bundle is None or not view.cluster.settings.images_in_bundle:
        return desired
    names = [content.name for content in view.materials.bundle.of_kind(Kind.IMAGE)]
    others = (name for name in names if name.rpartition(":")[0] == desired.rpartition(":")[0])
    return desired if desired in names else next(others, desired)


def missing_dns(view: View) -> str:
    """Why there will be no CoreDNS, or nothing when the bundle has it or a registry does."""
    if view.materials.bundle is None or not view.cluster.settings.images_in_bundle:
        return ""
    names = [content.name for content in view.materials.bundle.of_kind(Kind.IMAGE)]
    if any("coredns" in name for name in names):
        return ""
    reasons = [item.reason for item in view.materials.bundle.manifest.missing if "coredns" in item.name.lower()]
    return reasons[0] if reasons else "the bundle has no image of it"


def skipped(view: View) -> tuple[str, ...]:
    """What a cluster usually has and this one will not, in words for the plan and the report."""
    reason = missing_dns(view)
    return (f"CoreDNS (cluster DNS) is left out: {reason}",) if reason else ()
