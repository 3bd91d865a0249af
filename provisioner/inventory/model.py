"""The inventory as a value: one `Cluster` with its settings and its hosts, everything merged, nothing to look up.

`ClusterSettings` is what stands under `cluster:` in `all.vars`, `HostVariables` what may stand at a group or a
host. Both are strict (no silent conversion), frozen, and refuse keys that they do not know.
"""

from __future__ import annotations

from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from provisioner.inventory.values import Endpoint, Taint, Version

# RFC 1123: names of clusters and nodes.
DnsName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$")]
# Inventories are YAML: addresses arrive as text, which strict mode would refuse.
Network4 = Annotated[IPv4Network, Field(strict=False)]
Address4 = Annotated[IPv4Address, Field(strict=False)]
FilePath = Annotated[Path, Field(strict=False)]
Port = Annotated[int, Field(ge=1, le=65535)]
Arguments = dict[str, str]
Text = Annotated[str, StringConstraints(min_length=1)]


def _as_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


Texts = Annotated[tuple[Text, ...], BeforeValidator(_as_tuple)]
Taints = Annotated[tuple[Taint, ...], BeforeValidator(_as_tuple)]


class Model(BaseModel):
    """Strict, frozen, no unknown keys."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class DockerRuntime(Model):
    """Docker with the systemd cgroup driver; the kubelet talks to it itself up to Kubernetes 1.23."""

    type: Literal["docker"] = "docker"
    log_max_size: str = Field(default="100m", pattern=r"^\d+[kmg]$", description="When a container's log is rotated.")
    registry_mirrors: Texts = Field(default=(), description="Addresses of mirrors of Docker Hub.")


class BridgeNetwork(Model):
    """The plain `bridge` plug-in and one static route per node; all machines share one network segment."""

    type: Literal["bridge"] = "bridge"
    mtu: int = Field(default=1500, ge=576, le=9000, description="Largest packet on the pods' network, in bytes.")


class BundleSource(Model):
    """Packages and images come from an offline bundle, through the SSH connection."""

    type: Literal["bundle"] = "bundle"
    path: Annotated[Path, Field(strict=False)] = Field(
        default=Path("auto"),
        description="The bundle's directory, relative to the inventory; `auto` is the one that `bundle build` made.",
    )
    port: Port = Field(default=7642, description="The port on each node's loopback where the bundle is served.")


class Ssh(Model):
    """How the machines are reached."""

    known_hosts: FilePath | None = Field(
        default=None, description="Host keys of the cluster, relative to the inventory; ~/.ssh/known_hosts otherwise."
    )
    jump_host: str | None = Field(default=None, description="A machine to go through, as [user@]host[:port].")
    connect_timeout_s: int = Field(default=15, ge=1, le=600)
    keepalive_s: int = Field(default=15, ge=1, le=600)
    parallel: int = Field(default=20, ge=1, le=500, description="How many machines are worked on at once.")


class ClusterSettings(Model):
    """What stands under `cluster:` in `all.vars`."""

    name: DnsName = "kubernetes"
    kubernetes_version: Version
    runtime: DockerRuntime = DockerRuntime()
    network: BridgeNetwork = BridgeNetwork()
    package_source: BundleSource = BundleSource()
    pod_cidr: Network4 = IPv4Network("10.244.0.0/16")
    service_cidr: Network4 = IPv4Network("10.96.0.0/12")
    dns_domain: DnsName = "cluster.local"
    control_plane_endpoint: Endpoint | None = Field(
        default=None, description="Where the API server is reached, host:port; the first control plane otherwise."
    )
    extra_sans: Texts = Field(default=(), description="More names and addresses for the API server's certificate.")
    api_server_extra_args: Arguments = {}
    controller_manager_extra_args: Arguments = {}
    scheduler_extra_args: Arguments = {}
    ssh: Ssh = Ssh()
    nested: bool = Field(
        default=False,
        description="The machines are containers: swap of the host is accepted, kube-proxy leaves conntrack alone.",
    )


class HostVariables(Model):
    """What may stand in `vars` of a group or at a host; Ansible's own names where Ansible has one."""

    ansible_host: Text | None = None
    ansible_port: Port = 22
    ansible_user: Text | None = None
    ansible_ssh_private_key_file: FilePath | None = None
    ansible_become: bool = False
    node_ip: Address4 | None = Field(default=None, description="The address the node uses; measured when left out.")
    node_labels: Arguments = {}
    node_taints: Taints | None = Field(default=None, description="Left out: kubeadm's own choice. []: none.")
    kubelet_extra_args: Arguments = {}


class Role(StrEnum):
    """What a machine is for."""

    CONTROL_PLANE = "control_plane"
    WORKER = "worker"


class Host(Model):
    """One machine, everything merged: defaults < group < host."""

    name: DnsName
    role: Role
    address: Text
    port: Port = 22
    user: Text | None = None
    private_key_file: Path | None = None
    become: bool = False
    node_ip: IPv4Address | None = None
    node_labels: Arguments = {}
    node_taints: tuple[Taint, ...] | None = None
    kubelet_extra_args: Arguments = {}
    groups: tuple[str, ...] = ()


class Cluster(Model):
    """What the user asked for. `path` is the inventory file; file names in the settings are absolute already."""

    path: Path
    settings: ClusterSettings
    hosts: tuple[Host, ...]

    @property
    def control_planes(self) -> tuple[Host, ...]:
        """Machines that run the API server, in the inventory's order."""
        return tuple(host for host in self.hosts if host.role is Role.CONTROL_PLANE)

    @property
    def workers(self) -> tuple[Host, ...]:
        """Machines that run workloads only, in the inventory's order."""
        return tuple(host for host in self.hosts if host.role is Role.WORKER)

    def host(self, name: str) -> Host:
        """The machine of that name; KeyError when there is none."""
        return {host.name: host for host in self.hosts}[name]
