"""Network plug-ins: the manifests and their hashes, the Kubernetes releases that each is made for, and the ports that
it needs between hosts in addition to Kubernetes' own. The manifests themselves are fetched, never kept here.
"""

from __future__ import annotations

from dataclasses import dataclass

_GITHUB = "https://raw.githubusercontent.com"
_CALICO = "https://docs.tigera.io/calico/latest/getting-started/kubernetes/requirements"
_FLANNEL = "https://github.com/flannel-io/flannel/blob/master/Documentation/backends.md"
_KUBE_ROUTER = "https://www.kube-router.io/docs/user-guide/"
_WEAVE = "https://github.com/weaveworks/weave/blob/v2.8.1/site/kubernetes/kube-addon.md"
_KUBERNETES = "https://kubernetes.io/docs/reference/networking/ports-and-protocols/"
_CILIUM = "https://docs.cilium.io/en/stable/operations/system_requirements/"
# https://kubernetes.io/docs/reference/using-api/deprecation-guide/#v1-22: rbac.authorization.k8s.io/v1beta1 is gone.
_LAST_MINOR_WITH_RBAC_BETA = 21


@dataclass(frozen=True, slots=True)
class NetworkRelease:
    """One manifest of a plug-in: a version in one of its variants, for minor releases from `since` to `until`.

    `until` None: no end. `images` are what it runs, with the tags that belong to that version.
    """

    plug_in: str
    version: str
    variant: str
    since: int
    until: int | None
    url: str
    sha256: str
    images: tuple[str, ...]
    source: str

    def serves(self, minor: int) -> bool:
        """Whether that minor release of Kubernetes can use it."""
        return self.since <= minor and (self.until is None or minor <= self.until)

    @property
    def file(self) -> str:
        """Its file name in a bundle: no other version or variant has the same."""
        return f"{self.plug_in}-{self.version}-{self.variant}.yaml"


@dataclass(frozen=True, slots=True)
class Port:
    """A port that must be open between hosts, for `variants`, or for all of them when empty. Protocol 4 is IP in IP.

    `asker` connects to `at`: both are roles as in the inventory, or every host when empty; with `across`, only hosts
    that are not on one network need it. Without a port that is not `vital`, only monitoring of the plug-in fails.
    """

    plug_in: str
    protocol: str
    number: int
    why: str
    source: str
    variants: tuple[str, ...] = ()
    asker: str = ""
    at: str = ""
    across: bool = False
    vital: bool = True

    def leads(self, asker: str, at: str, *, near: bool) -> bool:
        """Whether a host of one role needs it at a host of the other; `near`: both are on one network."""
        return self.asker in {"", asker} and self.at in {"", at} and not (self.across and near)

    def __str__(self) -> str:
        """`UDP 8472`, `IP protocol 4`."""
        return f"{self.protocol} {self.number}"


def _calico(variant: str, file: str, sha256: str) -> NetworkRelease:
    version = "3.31.7"
    images = tuple(f"quay.io/calico/{name}:v{version}" for name in ("cni", "node", "kube-controllers"))
    url = f"{_GITHUB}/projectcalico/calico/v{version}/manifests/{file}"
    return NetworkRelease("calico", version, variant, 32, 35, url, sha256, images, _CALICO)


def _flannel(version: str, until: int | None, sha256: str, images: tuple[str, ...]) -> NetworkRelease:
    url = f"{_GITHUB}/flannel-io/flannel/v{version}/Documentation/kube-flannel.yml"
    source = "https://github.com/flannel-io/flannel#deploying-flannel-with-kubectl"
    return NetworkRelease("flannel", version, "kube-flannel", 19, until, url, sha256, images, source)


def _kube_router(version: str, ends: tuple[int, int | None], variant: str, sha256: str) -> NetworkRelease:
    url = (
        f"{_GITHUB}/cloudnativelabs/kube-router/v{version}/daemonset/kubeadm-kuberouter{variant and '-' + variant}.yaml"
    )
    images = (f"docker.io/cloudnativelabs/kube-router:v{version}",)
    return NetworkRelease("kube-router", version, variant or "routing", *ends, url, sha256, images, _KUBE_ROUTER)


# Newest first within a plug-in.
RELEASES = (
    _calico("vxlan", "calico-vxlan.yaml", "324475bc90d0fc6b432092b91a011190fdaed47823fcc936762ea58507c6a5a3"),
    _calico("ipip", "calico.yaml", "d6d8a489a4ed8e5b8efd8b339047b496ca657b55ee2e3618e791507b0a853e8d"),
    _flannel(
        "0.28.9", None, "e875824be2f552b45711dbda91af81b17eb961d00025d914d9fef18fad8f09c0",
        ("ghcr.io/flannel-io/flannel:v0.28.9", "ghcr.io/flannel-io/flannel-cni-plugin:v1.9.1-flannel3"),
    ),
    _flannel(
        "0.13.0", _LAST_MINOR_WITH_RBAC_BETA, "526baa6f631ce5cb452117f49207350db60612dfcce9e475fe5f94075e98fd4b",
        ("quay.io/coreos/flannel:v0.13.0",),
    ),
    # 2.x needs EndpointSlices of discovery.k8s.io/v1, which came with 1.21.
    _kube_router("2.11.1", (21, None), "", "847b9b7a47c31d8e10149f5b4d94c78ea214d1c1d70df1640744ae21b0b9121a"),
    _kube_router(
        "2.11.1", (21, None), "all-features", "9b216bf96a690a000a4208c673e0b8bc221ffc1f63e53b70e77ed25837fc2cf6"
    ),
    _kube_router(
        "2.11.1", (21, None), "all-features-hostport",
        "5be9f1db8de15a30522a4120a9d9298ca14f3a6d0be44b36b0c32292bbab347f",
    ),
    _kube_router("1.2.0", (19, 21), "", "ccdc5b2a74a298babc670601d5c499d0f32838ccfc17ec8145e8b6c9be1135fe"),
    _kube_router("1.2.0", (19, 21), "all-features", "bfc717fbaa0a8dedef84945248a4ea87e079899dd88999dfe63608a5eb408e6f"),
    _kube_router(
        "1.2.0", (19, 21), "all-features-hostport", "1b814981ea8d7c5165915f9f7bd1abd1021a87809c2e323344259c95e6c0814c"
    ),
    NetworkRelease(
        "weave", "2.8.1", "weave-daemonset", 19, 24,
        f"{_GITHUB}/weaveworks/weave/v2.8.1/prog/weave-kube/weave-daemonset-k8s-1.11.yaml",
        "a2410c91152fdead60084a750d5041749e95350c038a9832e7dff71f85b52c9c",
        ("docker.io/weaveworks/weave-kube:2.8.1", "docker.io/weaveworks/weave-npc:2.8.1"), _WEAVE,
    ),
)  # fmt: skip

_CONTROL_PLANE = "control_plane"
# What every cluster needs, with any network plug-in.
KUBERNETES_PORTS = (
    Port("kubernetes", "TCP", 6443, "API server", _KUBERNETES, at=_CONTROL_PLANE),
    Port("kubernetes", "TCP", 10250, "kubelet", _KUBERNETES, asker=_CONTROL_PLANE),
    Port("kubernetes", "TCP", 2379, "etcd", _KUBERNETES, asker=_CONTROL_PLANE, at=_CONTROL_PLANE),
    Port("kubernetes", "TCP", 2380, "etcd", _KUBERNETES, asker=_CONTROL_PLANE, at=_CONTROL_PLANE),
)

PORTS = (
    # Its manifest says CrossSubnet: plain routes where hosts are on one network.
    Port("calico", "UDP", 4789, "VXLAN between subnets", _CALICO, ("vxlan",), across=True),
    Port("calico", "TCP", 179, "BGP", _CALICO, ("ipip",)),
    Port("calico", "IP protocol", 4, "IP in IP", _CALICO, ("ipip",)),
    Port("flannel", "UDP", 8472, "VXLAN", _FLANNEL, ("vxlan",)),
    Port("kube-router", "TCP", 179, "BGP", _KUBE_ROUTER),
    Port("kube-router", "IP protocol", 4, "IP in IP between subnets", _KUBE_ROUTER, across=True),
    Port("weave", "TCP", 6783, "control", _WEAVE),
    Port("weave", "UDP", 6783, "packets in user space", _WEAVE),
    Port("weave", "UDP", 6784, "packets in the kernel", _WEAVE),
    Port("cilium", "UDP", 8472, "VXLAN", _CILIUM),
    Port("cilium", "TCP", 4240, "health", _CILIUM, vital=False),
)

# What an encapsulation adds to each packet between the nodes, in bytes: VXLAN its own header with those of UDP, IP and
# Ethernet (RFC 7348), IP in IP one more header (RFC 2003), which kube-router uses between subnets; Weave uses 1376 of
# 1500, encrypted or not. What is not here adds nothing, or subtracts it itself as Cilium does.
_VXLAN_BYTES, _IP_IN_IP_BYTES = 50, 20
_ADDED_BYTES = {
    ("calico", "vxlan"): _VXLAN_BYTES,
    ("calico", "ipip"): _IP_IN_IP_BYTES,
    ("flannel", "vxlan"): _VXLAN_BYTES,
    ("kube-router", "routing"): _IP_IN_IP_BYTES,
    ("kube-router", "all-features"): _IP_IN_IP_BYTES,
    ("kube-router", "all-features-hostport"): _IP_IN_IP_BYTES,
    ("weave", ""): 124,
}


def added_bytes(plug_in: str, variant: str) -> int:
    """How much smaller the MTU between pods is than the one between nodes, in bytes."""
    return _ADDED_BYTES.get((plug_in, variant), 0)


def releases(plug_in: str) -> tuple[NetworkRelease, ...]:
    """All manifests of a plug-in, newest first; empty for one that has no manifest of its own."""
    return tuple(row for row in RELEASES if row.plug_in == plug_in)


def versions(plug_in: str) -> tuple[str, ...]:
    """The versions of a plug-in, newest first."""
    return tuple(dict.fromkeys(row.version for row in releases(plug_in)))


def release_of(plug_in: str, version: str | None, variant: str, minor: int) -> NetworkRelease | None:
    """The manifest of that version; without a version the newest for that Kubernetes, else the newest of all.

    None when that version does not exist.
    """
    rows = [row for row in releases(plug_in) if row.variant == variant and version in (None, row.version)]
    return next((row for row in rows if row.serves(minor)), rows[0] if rows else None)


def ports(plug_in: str, variant: str) -> tuple[Port, ...]:
    """The ports that a plug-in needs between hosts."""
    return tuple(row for row in PORTS if row.plug_in == plug_in and (not row.variants or variant in row.variants))
