"""Rules about the machines that Vagrant makes, and about the cluster's networks. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from ipaddress import IPv4Interface, IPv4Network

from provisioner.errors import Severity
from provisioner.inventory.findings import Finding, KeyPath
from provisioner.inventory.model import Cluster, Host, Role
from provisioner.inventory.vagrant import Vagrant

# kubeadm wants 1700 MB on a control plane (kubernetes.io, "Installing kubeadm"), and a kernel keeps some for itself.
LEAST_MEMORY_MIB = {Role.CONTROL_PLANE: 1900, Role.WORKER: 900}
LEAST_CPUS = {Role.CONTROL_PLANE: 2, Role.WORKER: 1}
# The network that each provider adds by itself. VirtualBox gives all machines the same address in it, 10.0.2.15.
OWN_NETWORK = {
    "virtualbox": IPv4Network("10.0.2.0/24"),
    "libvirt": IPv4Network("192.168.121.0/24"),
    "docker": IPv4Network("172.17.0.0/16"),
}
# The prefix that Vagrant uses by default for the machines' own network.
PREFIX = 24
_UBUNTU = re.compile(r"ubuntu-?(\d\d)\.?(\d\d)")


def machines(cluster: Cluster) -> tuple[tuple[Host, Vagrant], ...]:
    """The hosts that Vagrant makes."""
    return tuple((host, host.vagrant) for host in cluster.hosts if host.vagrant)


def provider(cluster: Cluster) -> str:
    """The provider that the inventory names; empty when Vagrant makes none of its hosts."""
    return next((want.provider for _, want in machines(cluster)), "")


def _of(host: Host, field: str = "vagrant") -> KeyPath:
    return ("hosts", host.name, field)


def _address(cluster: Cluster) -> Iterator[Finding]:
    for host, _ in machines(cluster):
        if host.node_ip is None:
            hint = "add `node_ip`, such as 192.168.56.11: the machine gets it in the network of all machines"
            yield Finding("vagrant-address", _of(host, "node_ip"), f"`{host.name}` has no address", hint)
        elif host.node_ip in (_network(host)[0], _network(host)[1], _network(host)[-1]):
            message = (
                f"{host.node_ip} of `{host.name}` is not for machines: it is this computer's, or that of the network"
            )
            yield Finding("vagrant-address", _of(host, "node_ip"), message, f"use one from {_network(host)[2]} on")


def _network(host: Host) -> IPv4Network:
    return IPv4Interface(f"{host.node_ip}/{PREFIX}").network


def _one_network(cluster: Cluster) -> Iterator[Finding]:
    found = [host for host, _ in machines(cluster) if host.node_ip]
    for host in found[1:]:
        if _network(host) != _network(found[0]):
            message = f"{host.node_ip} of `{host.name}` is outside {_network(found[0])}, where `{found[0].name}` is"
            hint = "pods of one machine reach those of another only within one network: use an address of it"
            needs = (_of(host, "node_ip"), _of(found[0], "node_ip"))
            yield Finding("vagrant-network", _of(host, "node_ip"), message, hint, needs=needs)


def _all_or_none(cluster: Cluster) -> Iterator[Finding]:
    for host in cluster.hosts if machines(cluster) else ():
        if not host.vagrant:
            message = f"`{host.name}` has no settings under `vagrant:`, but others have"
            hint = "write them into the variables of all, or use a separate inventory for machines without Vagrant"
            yield Finding("vagrant-mixed", _of(host), message, hint)


def _one_provider(cluster: Cluster) -> Iterator[Finding]:
    for host, want in machines(cluster):
        if want.provider != provider(cluster):
            message = (
                f"`{host.name}` wants {want.provider}, others {provider(cluster)}; one provider must run all machines"
            )
            yield Finding("vagrant-provider", _of(host), message, "name one provider in the variables of all")


def _size(cluster: Cluster) -> Iterator[Finding]:
    for host, want in machines(cluster):
        if want.provider == "docker":
            continue
        role, kind = host.role, host.role.value.replace("_", " ")
        for name, has, least in (
            ("memory_mib", want.memory_mib, LEAST_MEMORY_MIB[role]),
            ("cpus", want.cpus, LEAST_CPUS[role]),
        ):
            if has < least:
                message = f"{name} {has} is too little for `{host.name}`: kubeadm needs {least} for a {kind}"
                yield Finding("vagrant-size", _of(host), message, f"set {name} to {least} or more")


def _disks(cluster: Cluster) -> Iterator[Finding]:
    for host, want in machines(cluster):
        if want.provider in ("docker", "parallels") and want.disks_gib:
            message = f"`{host.name}` cannot have further disks with the provider {want.provider}"
            yield Finding("vagrant-disks", _of(host), message, "leave out disks_gib, or use another provider")


def _long_term_support(cluster: Cluster) -> Iterator[Finding]:
    for host, want in machines(cluster):
        found = _UBUNTU.search(want.box or "")
        if found and (int(found[1]) % 2 or found[2] != "04"):
            message = f"the box {want.box} is an Ubuntu {found[1]}.{found[2]}, which is supported for nine months only"
            hint = "its packages disappear from the mirrors after that: use an LTS release, such as noble (24.04)"
            yield Finding("vagrant-not-lts", _of(host), message, hint, Severity.WARNING)


def _own_network(cluster: Cluster) -> Iterator[Finding]:
    own = OWN_NETWORK.get(provider(cluster))
    settings = cluster.settings
    for name, network in (("pod_cidr", settings.pod_cidr), ("service_cidr", settings.service_cidr)):
        if own and own.overlaps(network):
            message = f"{name} {network} overlaps {own}, a network that {provider(cluster)} gives to all machines"
            hint = "use others, such as pod_cidr 10.244.0.0/16 and service_cidr 10.96.0.0/12"
            yield Finding("address-in-network", ("settings", name), message, hint)


def _reached_by_vagrant(cluster: Cluster) -> Iterator[Finding]:
    for host, _ in machines(cluster):
        if host.address != host.name:
            message = f"ansible_host {host.address} of `{host.name}` is not used: Vagrant says how it is reached"
            hint = "leave it out; the address in the machines' network is node_ip"
            yield Finding("vagrant-reached", _of(host, "address"), message, hint, Severity.WARNING)


RULES: tuple[Callable[[Cluster], Iterator[Finding]], ...] = (
    _all_or_none,
    _address,
    _one_network,
    _one_provider,
    _size,
    _disks,
    _long_term_support,
    _own_network,
    _reached_by_vagrant,
)
