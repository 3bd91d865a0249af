"""What is checked before `vagrant up` begins: Vagrant, the provider, its network, and memory for the machines."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from ipaddress import IPv4Interface, IPv4Network
from pathlib import Path

from provisioner.core.report import Listener
from provisioner.errors import BuildError, LabError, Problem
from provisioner.inventory.model import Cluster
from provisioner.inventory.vagrant_rules import PREFIX, machines
from provisioner.labs import packages
from provisioner.labs.vagrant import program
from provisioner.labs.vagrant.program import Environment

# Since this version Vagrant knows VirtualBox's ranges; Ubuntu 22.04 has it. Boxes by architecture came with 2.4.
OLDEST, BY_ARCHITECTURE = (2, 2, 19), (2, 4)
DOWNLOAD = "https://developer.hashicorp.com/vagrant/install"
PLUGINS = {
    "libvirt": "vagrant-libvirt",
    "vmware_desktop": "vagrant-vmware-desktop",
    "parallels": "vagrant-parallels",
}
# VirtualBox manual, "Host-Only Networking": what 6.1.28 and later allow where the file says nothing.
VIRTUALBOX_DEFAULT = IPv4Network("192.168.56.0/21")
VIRTUALBOX_RANGES = Path("/etc/vbox/networks.conf")


def check(environment: Environment, cluster: Cluster, listen: Listener) -> None:
    """Check everything, in order. LabError says what is missing and how to get it; nothing has been started then."""
    have_vagrant(listen)
    found = program.version(environment)
    if problem := too_old(found, platform.machine(), environment.provider):
        raise LabError(problem, hint=f"install a newer one: {DOWNLOAD}")
    _have_provider(environment)
    if environment.provider == "virtualbox":
        text = VIRTUALBOX_RANGES.read_text() if VIRTUALBOX_RANGES.exists() else ""
        refuse_network(networks(cluster), allowed(text))
    if environment.provider != "docker":
        refuse_size(cluster, memory_mib())


def have_vagrant(listen: Listener) -> None:
    """Install Vagrant from the distribution when it is missing, like all other packages of a lab."""
    if packages.has_program("vagrant"):
        return
    try:
        packages.install(("vagrant",), listen)
    except (LabError, BuildError) as error:
        hint = f"install it: {DOWNLOAD}; then run again"
        raise LabError(f"Vagrant is not installed: {error.message}", hint=hint, details=error.details) from error


def too_old(version: tuple[int, ...], machine: str, provider: str) -> str:
    """Why this version of Vagrant cannot be used; empty when it can."""
    name = ".".join(map(str, version))
    if version < OLDEST:
        return f"Vagrant {name} is too old: {'.'.join(map(str, OLDEST))} is the oldest that is supported"
    if machine in ("arm64", "aarch64") and provider != "docker" and version < BY_ARCHITECTURE:
        return f"Vagrant {name} does not support boxes by architecture, and this computer is {machine}: 2.4 does"
    return ""


def _have_provider(environment: Environment) -> None:
    name = environment.provider
    if name == "virtualbox" and not packages.has_program("VBoxManage"):
        raise LabError(
            "the provider virtualbox is not installed: VBoxManage is missing",
            hint="install VirtualBox (https://www.virtualbox.org), or, where there is no virtualisation, "
            "write `provider: docker` under `vagrant:`",
        )
    plugin = PLUGINS.get(name, "")
    if plugin and plugin not in program.plugins(environment):
        raise LabError(
            f"the provider {name} is not installed: Vagrant lacks {plugin}", hint=f"vagrant plugin install {plugin}"
        )


def networks(cluster: Cluster) -> tuple[IPv4Network, ...]:
    """The networks that the machines' addresses are in."""
    found = (IPv4Interface(f"{host.node_ip}/{PREFIX}").network for host, _ in machines(cluster) if host.node_ip)
    return tuple(dict.fromkeys(found))


def allowed(text: str) -> tuple[IPv4Network, ...]:
    """The ranges in VirtualBox's networks.conf: lines such as `* 10.0.0.0/8 192.168.0.0/16`, IPv6 left out."""
    words = [word for line in text.splitlines() if line.startswith("*") for word in line[1:].split()]
    return tuple(IPv4Network(word, strict=False) for word in words if ":" not in word) or (VIRTUALBOX_DEFAULT,)


def refuse_network(wanted: Iterable[IPv4Network], ranges: Iterable[IPv4Network]) -> None:
    """LabError with the line to write when VirtualBox will not make one of the networks."""
    ranges = tuple(ranges)
    refused = [network for network in wanted if not any(network.subnet_of(one) for one in ranges)]
    if refused:
        line = f"* {' '.join(map(str, refused))}"
        raise LabError(
            "VirtualBox does not allow the machines' network",
            [Problem("virtualbox-ranges", str(network), "is in none of the allowed ranges") for network in refused],
            hint=f"allow it: sudo mkdir -p {VIRTUALBOX_RANGES.parent} && echo '{line}' | "
            f"sudo tee -a {VIRTUALBOX_RANGES}\n  or use addresses in {VIRTUALBOX_DEFAULT}, such as 192.168.56.11",
            details=f"allowed: {', '.join(map(str, ranges))}",
        )


def memory_mib() -> int:
    """This computer's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20


def refuse_size(cluster: Cluster, memory: int) -> None:
    """LabError when the machines together need more memory than this computer has."""
    wanted = {host.name: settings.memory_mib for host, settings in machines(cluster)}
    if sum(wanted.values()) > memory:
        sizes = ", ".join(f"{name} {size}" for name, size in wanted.items())
        raise LabError(
            f"the machines need {sum(wanted.values())} MiB of memory, but this computer has {memory}",
            hint="give them less (memory_mib; a control plane needs 1900), or leave machines out",
            details=sizes,
        )
