"""The pod network in the inventory: one model for each kind of plug-in, selected by `type`. Each has only the settings
that the plug-in has.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from provisioner.catalog import networks as catalog
from provisioner.catalog.networks import NetworkRelease
from provisioner.inventory.package_sources import FULL_VERSION
from provisioner.inventory.strict import Model

INTERFACE = r"^[A-Za-z][A-Za-z0-9._-]{0,14}$"
# A URL or a file name. Never a user and password: they could be read in the plan.
PLACE = r"^[^\s'\"\\@]+$"
SHA256 = r"^[0-9a-f]{64}$"
# A registry, with a path in it or without: mirror.example:5000/images.
REGISTRY = r"^[a-z0-9][a-z0-9.-]*(:\d+)?(/[a-z0-9._/-]+)?$"
CNI_FILE = r"^[A-Za-z0-9][A-Za-z0-9._-]*\.(conf|conflist|json)$"

_MTU = "The MTU of the pod network, in bytes. Left out: "
_VERSION = "Left out: the newest in the catalog for that Kubernetes (`provisioner versions`)."
_INTERFACE = "The interface between the nodes. Left out: the one with the node's own address."

Place = Annotated[str, StringConstraints(pattern=PLACE)]
Sha256 = Annotated[str, StringConstraints(pattern=SHA256)]
Interface = Annotated[str, StringConstraints(pattern=INTERFACE)]


def _mtu(otherwise: str) -> Any:
    return Field(default=None, ge=576, le=9000, description=_MTU + otherwise)


class BridgeNetwork(Model):
    """The plain `bridge` plug-in and one static route per node; all hosts share one network segment."""

    type: Literal["bridge"] = "bridge"
    mtu: int | None = _mtu("the path MTU that was measured between the nodes.")


class _WithImages(Model):
    """The settings of all plug-ins that run images."""

    registry: str | None = Field(
        default=None,
        pattern=REGISTRY,
        description="The registry to pull its images from, instead of those in their names.",
    )


class _Released(_WithImages):
    """The settings of all plug-ins whose manifests are in the catalog."""

    version: str | None = Field(default=None, pattern=FULL_VERSION, description=_VERSION)
    manifest: Place | None = Field(
        default=None,
        description="Where its manifest is: a file relative to the inventory, or a URL. Left out: in the bundle, "
        "or where its authors publish it. Its hash is in the catalog and always checked.",
    )


class CalicoNetwork(_Released):
    """Calico, with network policies."""

    type: Literal["calico"] = "calico"
    encapsulation: Literal["vxlan", "ipip"] = Field(
        default="vxlan", description="`vxlan` between subnets; or `ipip`: always, with routes by BGP."
    )
    mtu: int | None = _mtu("the path MTU that was measured between the nodes, less 50 (VXLAN) or 20 (IP in IP).")
    interface: Interface | None = Field(default=None, description=_INTERFACE)


class FlannelNetwork(_Released):
    """Flannel. It has no network policies."""

    type: Literal["flannel"] = "flannel"
    backend: Literal["vxlan", "host-gw"] = Field(
        default="vxlan", description="`vxlan`; or `host-gw`: plain routes, for hosts on one network segment."
    )
    mtu: int | None = _mtu("the path MTU that was measured between the nodes, with VXLAN less 50.")
    interface: Interface | None = Field(default=None, description=_INTERFACE)


class KubeRouterNetwork(_Released):
    """kube-router: plain routes by BGP, with network policies. It uses the node's own address."""

    type: Literal["kube-router"] = "kube-router"
    service_proxy: bool = Field(
        default=False, description="It replaces kube-proxy too; that is decided when the cluster is made."
    )
    host_ports: bool = Field(
        default=False, description="Pods may use ports of their node (hostPort); only when it replaces kube-proxy."
    )
    mtu: int | None = _mtu("the path MTU that was measured between the nodes, less 20 (IP in IP).")


class WeaveNetwork(_Released):
    """Weave Net, with network policies. Its authors abandoned it in 2024: for old clusters only."""

    type: Literal["weave"] = "weave"
    mtu: int | None = _mtu("the path MTU that was measured between the nodes, less 124.")


class CiliumNetwork(_WithImages):
    """Cilium, with network policies. It has no manifest of its own: name the output of `helm template` for it."""

    type: Literal["cilium"] = "cilium"
    manifest: Place = Field(description="The output of `helm template`: a file relative to the inventory, or a URL.")
    sha256: Sha256 | None = Field(default=None, description="The manifest's SHA-256; required for a URL.")
    mtu: int | None = Field(
        default=None,
        ge=576,
        le=9000,
        description="The MTU between the nodes, in bytes: Cilium subtracts the overhead of its tunnel "
        "itself. Left out: what the manifest says, or the path MTU that was measured.",
    )
    interface: Interface | None = Field(
        default=None, description="The interface between the nodes; sets Cilium's `devices`."
    )


class ManifestNetwork(_WithImages):
    """Any other plug-in, from a manifest with a DaemonSet. It is applied as it is, without changes."""

    type: Literal["manifest"] = "manifest"
    manifest: Place = Field(description="The manifest: a file relative to the inventory, or a URL.")
    sha256: Sha256 | None = Field(default=None, description="The manifest's SHA-256; required for a URL.")
    cni_file: Annotated[str, StringConstraints(pattern=CNI_FILE)] | None = Field(
        default=None, description="The file that it writes to /etc/cni/net.d, when its manifest does not name it."
    )
    network_policies: bool = Field(default=False, description="It honours NetworkPolicies; then `verify` tests one.")


class NoNetwork(Model):
    """No plug-in is installed: nodes are not Ready until you install one."""

    type: Literal["none"] = "none"


Released = CalicoNetwork | FlannelNetwork | KubeRouterNetwork | WeaveNetwork
Foreign = CiliumNetwork | ManifestNetwork
AnyNetwork = BridgeNetwork | Released | Foreign | NoNetwork


def _bridge_by_default(value: Any) -> Any:
    return {"type": "bridge", **value} if isinstance(value, dict) else value


Network = Annotated[AnyNetwork, Field(discriminator="type"), BeforeValidator(_bridge_by_default)]


def variant(network: AnyNetwork) -> str:
    """The variant of a plug-in: it selects the catalog's manifest, and the ports that hosts must reach."""
    match network:
        case CalicoNetwork():
            return network.encapsulation
        case FlannelNetwork():
            return network.backend
        case KubeRouterNetwork():
            wide = "all-features-hostport" if network.host_ports else "all-features"
            return wide if network.service_proxy else "routing"
        case _:
            return ""


def release(network: AnyNetwork, minor: int) -> NetworkRelease | None:
    """The catalog's manifest for a network on that minor release of Kubernetes; None when there is none."""
    if not isinstance(network, Released):
        return None
    one = {"flannel": "kube-flannel", "weave": "weave-daemonset"}
    return catalog.release_of(network.type, network.version, one.get(network.type, variant(network)), minor)


def desired_mtu(network: AnyNetwork) -> int | None:
    """The MTU of the pod network that the inventory asks for, in bytes; None when it asks for none."""
    return None if isinstance(network, ManifestNetwork | NoNetwork) else network.mtu


def place(network: AnyNetwork) -> str:
    """Where the manifest is according to the inventory: a URL or a file name; empty when it does not say."""
    return network.manifest or "" if isinstance(network, Released | Foreign) else ""


def is_address(text: str) -> bool:
    """Whether a place is a URL and not a file."""
    return "://" in text


def manifest_file(network: AnyNetwork) -> Path | None:
    """The file that the inventory names as the manifest; None when it names none."""
    told = place(network)
    return Path(told) if told and not is_address(told) else None


def title(network: AnyNetwork, minor: int) -> str:
    """`flannel 0.28.9`, `cilium`."""
    row = release(network, minor)
    return f"{network.type} {row.version}" if row else network.type
