"""The inventory as a value: one `Cluster` with its settings and its hosts, with everything merged.

`ClusterSettings` are the settings under `cluster:` in `all.vars`, `HostVariables` the variables of groups and
hosts. Both are strict (no silent conversion), frozen, and refuse unknown keys.
"""

from __future__ import annotations

from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from provisioner.inventory.networks import BridgeNetwork, Network
from provisioner.inventory.package_sources import BundleSource, DockerSource, PackageSource, Proxy, RuntimeSource
from provisioner.inventory.runtimes import CrioRuntime, DockerRuntime, Runtime
from provisioner.inventory.ssh import Ssh
from provisioner.inventory.strict import FilePath, Model, as_tuple, text_only
from provisioner.inventory.vagrant import Vagrant
from provisioner.inventory.values import Endpoint, MaxUnavailable, Taint, Version

# RFC 1123: names of clusters and nodes, labels joined by dots.
DNS_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
# A name, an IPv4 address, or an IPv6 address (two colons or more); never text that ssh would read as an option.
ADDRESS = r"^([A-Za-z0-9][A-Za-z0-9._-]*|[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*(%[A-Za-z0-9.]+)?)$"
# A name (`*.` before it allowed) or an address in a certificate.
SAN = r"^(\*\.)?[A-Za-z0-9:]([-A-Za-z0-9.:]*[A-Za-z0-9:])?$"
USER = r"^[A-Za-z0-9_][-A-Za-z0-9_.@\\]*\$?$"
FLAG = r"^[a-z][-a-z0-9]*$"
# https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
LABEL_KEY = r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
LABEL_VALUE = r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$"

# Where packages come from unless the inventory says otherwise.
_BUNDLE = BundleSource()
_DOCKER = DockerSource()

DnsName = Annotated[str, StringConstraints(pattern=DNS_NAME, max_length=253)]
# Inventories are YAML: addresses arrive as text, which strict mode would refuse.
Network4 = Annotated[IPv4Network, Field(strict=False), text_only("a network such as 10.244.0.0/16")]
Address4 = Annotated[IPv4Address, Field(strict=False), text_only("an IPv4 address such as 192.168.56.11")]
Port = Annotated[int, Field(ge=1, le=65535)]
Text = Annotated[str, StringConstraints(min_length=1)]
Address = Annotated[str, StringConstraints(pattern=ADDRESS)]
User = Annotated[str, StringConstraints(pattern=USER)]
San = Annotated[str, StringConstraints(pattern=SAN)]
# Linux accepts 15 bytes, without blanks and slashes (dev_valid_name in net/core/dev.c).
Interface = Annotated[str, StringConstraints(pattern=r"^[^\s/:]{1,15}$")]
Flag = Annotated[str, StringConstraints(pattern=FLAG)]
Arguments = dict[Flag, str]
# The kubelet's arguments are on one line of an environment file, which systemd splits at blanks, without quotes.
WORD = r"^[^\s\"'\\$]*$"
KubeletArguments = dict[Flag, Annotated[str, StringConstraints(pattern=WORD)]]
# A registry, and a path in it; https://github.com/distribution/reference, in lower case, as registries require.
IMAGE_REPOSITORY = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*$"
ImageRepository = Annotated[str, StringConstraints(pattern=IMAGE_REPOSITORY)]
IMAGE_REFERENCE = IMAGE_REPOSITORY.removesuffix("$") + r"(:[A-Za-z0-9_][-A-Za-z0-9_.]{0,127})?(@sha256:[0-9a-f]{64})?$"
ImageReference = Annotated[str, StringConstraints(pattern=IMAGE_REFERENCE)]
Labels = dict[
    Annotated[str, StringConstraints(pattern=LABEL_KEY)],
    Annotated[str, StringConstraints(pattern=LABEL_VALUE)],
]


Texts = Annotated[tuple[Text, ...], BeforeValidator(as_tuple)]
Sans = Annotated[tuple[San, ...], BeforeValidator(as_tuple)]
Taints = Annotated[tuple[Taint, ...], BeforeValidator(as_tuple)]


class ClusterSettings(Model):
    """The settings under `cluster:` in `all.vars`."""

    name: DnsName = Field(default="kubernetes", description="The cluster's name, also in the kubeconfig.")
    kubernetes_version: Version = Field(description="The full version, such as 1.20.2.")
    runtime: Runtime = Field(default=DockerRuntime(), description="What runs the containers.")
    network: Network = Field(default=BridgeNetwork(), description="The pod network plug-in.")
    package_source: PackageSource = Field(
        default=_BUNDLE, description="Where Kubernetes' packages come from. Left out: a bundle."
    )
    proxy: Proxy | None = Field(default=None, description="How the hosts reach the internet, if not directly.")
    images: Literal["bundle", "registry"] | None = Field(
        default=None,
        description="Where images come from: the bundle, or the registries in their names. "
        "Left out: the bundle if the packages come from it, the registries otherwise.",
    )
    image_repository: ImageRepository | None = Field(
        default=None,
        description="Where Kubernetes' images are pulled from instead of registry.k8s.io, such as mirror.example/k8s.",
    )
    probe_image: ImageReference | None = Field(
        default=None,
        description="The image with busybox that `verify` runs, such as mirror.example/tools/busybox:1.36. Left out: "
        "the one in the bundle, or `probe:1` of `image_repository` if images come from a registry.",
    )
    pod_cidr: Network4 = Field(
        default=IPv4Network("10.244.0.0/16"), description="The pod network; every node gets a /24 of it."
    )
    service_cidr: Network4 = Field(
        default=IPv4Network("10.96.0.0/12"), description="The network of the Services' virtual addresses."
    )
    dns_domain: DnsName = Field(default="cluster.local", description="The DNS domain of Services and pods.")
    control_plane_endpoint: Endpoint | None = Field(
        default=None,
        description="Where the API server is reached, host:port; the first control plane otherwise.",
    )
    extra_sans: Sans = Field(default=(), description="More names and addresses for the API server's certificate.")
    api_server_extra_args: Arguments = Field(
        default={}, description="Flags for kube-apiserver, without the leading dashes."
    )
    controller_manager_extra_args: Arguments = Field(
        default={}, description="Flags for kube-controller-manager, without the leading dashes."
    )
    scheduler_extra_args: Arguments = Field(
        default={}, description="Flags for kube-scheduler, without the leading dashes."
    )
    audit_policy: FilePath | None = Field(default=None, description="The API server's audit policy (audit.k8s.io/v1).")
    encryption: Literal["secretbox"] | None = Field(
        default=None,
        description="How Secrets are encrypted in etcd, with a key made on the control plane. Left out: not at all.",
    )
    patches: FilePath | None = Field(
        default=None, description="A directory of kubeadm's patches (kube-apiserver.yaml, ...), used on new nodes."
    )
    max_unavailable: MaxUnavailable = Field(
        default="10%",
        description="How many nodes a change restarts at a time: a number, or a percentage of all nodes; at least one.",
    )
    ssh: Ssh = Field(default=Ssh(), description="How the hosts are reached.")
    nested: bool = Field(
        default=False,
        description="The hosts are containers: swap is accepted, kube-proxy leaves conntrack alone.",
    )

    @property
    def runtime_source(self) -> RuntimeSource:
        """Where the container runtime's packages come from."""
        other = _BUNDLE if isinstance(self.runtime, CrioRuntime) else _DOCKER
        same = self.package_source if isinstance(self.package_source, BundleSource) else other
        return self.runtime.source or same

    @property
    def bundles(self) -> tuple[BundleSource, ...]:
        """The sources that are bundles."""
        return tuple(one for one in (self.package_source, self.runtime_source) if isinstance(one, BundleSource))

    @property
    def images_in_bundle(self) -> bool:
        """Whether nodes get their images from the bundle."""
        return (self.images or self.package_source.type) == "bundle"

    @property
    def uses_bundle(self) -> bool:
        """Whether anything comes from a bundle."""
        return self.images_in_bundle or bool(self.bundles)


class HostVariables(Model):
    """The variables of groups and hosts, with Ansible's own names where Ansible has one."""

    ansible_host: Address | None = Field(
        default=None, description="Address or DNS name to connect to; the host's name otherwise."
    )
    ansible_port: Port | None = Field(
        default=None, description="The port of the SSH server. Left out: as SSH is configured, 22 by default."
    )
    ansible_user: User | None = Field(
        default=None, description="The user to log in as. Left out: as SSH is configured."
    )
    ansible_ssh_private_key_file: FilePath | None = Field(
        default=None,
        description="The private key, relative to the inventory; the SSH agent's keys otherwise.",
    )
    ansible_become: bool = Field(default=False, description="Use sudo (without a password) for everything.")
    node_ip: Address4 | None = Field(
        default=None, description="The address that the node uses; detected when left out."
    )
    node_interface: Interface | None = Field(
        default=None, description="The interface whose address the node uses; detected when left out."
    )
    node_labels: Labels = Field(default={}, description="Labels of the node.")
    node_taints: Taints | None = Field(
        default=None,
        description="Taints of the node, as key=value:Effect. Left out: kubeadm's own choice. []: none.",
    )
    kubelet_extra_args: KubeletArguments = Field(
        default={}, description="Flags for the kubelet, without the leading dashes."
    )
    vagrant: Vagrant | None = Field(
        default=None, description="The virtual machine, for `vagrant up` and `lab up --driver vagrant`."
    )


class Role(StrEnum):
    """The role of a host."""

    CONTROL_PLANE = "control_plane"
    WORKER = "worker"


class Host(Model):
    """One host with everything merged: defaults < group < host."""

    name: DnsName
    role: Role
    address: Text
    port: Port | None = None
    user: Text | None = None
    private_key_file: Path | None = None
    become: bool = False
    node_ip: IPv4Address | None = None
    node_interface: Text | None = None
    node_labels: Labels = Field(default={})
    node_taints: tuple[Taint, ...] | None = None
    kubelet_extra_args: KubeletArguments = Field(default={})
    vagrant: Vagrant | None = None
    groups: tuple[str, ...] = ()


class Origin(StrEnum):
    """Where the hosts come from: they exist already, a lab has made them as containers, or Vagrant makes them."""

    FILE = "file"
    LAB = "lab"
    VAGRANT = "vagrant"


class Cluster(Model):
    """What the inventory asks for. `path` is the inventory file; all file names are absolute already."""

    path: Path
    settings: ClusterSettings
    hosts: tuple[Host, ...]
    origin: Origin = Origin.FILE

    @property
    def control_planes(self) -> tuple[Host, ...]:
        """Hosts that run the API server, in the inventory's order."""
        return tuple(host for host in self.hosts if host.role is Role.CONTROL_PLANE)

    @property
    def workers(self) -> tuple[Host, ...]:
        """Hosts that run workloads only, in the inventory's order."""
        return tuple(host for host in self.hosts if host.role is Role.WORKER)

    def host(self, name: str) -> Host:
        """The host of that name; KeyError when it does not exist."""
        return {host.name: host for host in self.hosts}[name]
