"""What must be true of each host, and of the hosts compared with each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator

from provisioner.bundle.common.manifest import Distribution
from provisioner.errors import Problem
from provisioner.inventory.model import Host, Role
from provisioner.world.derived import node_address
from provisioner.world.facts import HostFacts
from provisioner.world.view import View

# kubeadm's own minimum for a control plane; see kubernetes.io, "Installing kubeadm".
LEAST_MEMORY_MIB = {Role.CONTROL_PLANE: 1700, Role.WORKER: 700}
LEAST_CPUS = {Role.CONTROL_PLANE: 2, Role.WORKER: 1}
# Packages and images of the bundle unpack to about 1.5 GiB; the rest is for the first pods.
LEAST_DISK_MIB = 3072
# Tokens and certificates are refused when clocks differ much more than this.
MOST_CLOCK_SKEW_S = 60
CONTROL_PLANE_PORTS = (6443, 2379, 2380, 10257, 10259)
KUBELET_PORT = 10250


def _each(view: View) -> Iterator[tuple[Host, HostFacts]]:
    return ((host, view.observed.facts[host.name]) for host in view.hosts)


def _system(view: View) -> Iterator[Problem]:
    for host, facts in _each(view):
        if view.materials.bundle:
            packages = bool(view.cluster.settings.bundles)
            yield from _fits(host, facts, view.materials.bundle.manifest.distribution, packages=packages)
        if facts.init != "systemd":
            yield Problem(
                "init",
                host.name,
                f"its init system is {facts.init or 'unknown'}, not systemd",
                "Services need systemd.",
            )


def _fits(host: Host, facts: HostFacts, desired: Distribution, *, packages: bool) -> Iterator[Problem]:
    """Images run on every distribution; packages are for one."""
    found = f"{facts.distribution} {facts.codename or facts.release}"
    if packages and (facts.distribution, facts.codename) != (desired.id, desired.codename):
        yield Problem(
            "distribution",
            host.name,
            f"runs {found}, and the bundle is for {desired.id} {desired.codename}",
            "Use hosts with that distribution, or a bundle built for theirs.",
        )
    elif facts.architecture != desired.architecture:
        hint = "Use a bundle built for that architecture."
        yield Problem("architecture", host.name, f"is {facts.architecture}, the bundle is {desired.architecture}", hint)


def _root(view: View) -> Iterator[Problem]:
    for host, facts in _each(view):
        if not facts.is_root:
            message = f"commands run there as {facts.user}, not as root"
            hint = "Set ansible_become: true (with passwordless sudo), or log in as root."
            yield Problem("root", host.name, message, hint)


def _size(view: View) -> Iterator[Problem]:
    for host, facts in _each(view):
        if facts.memory_mib < LEAST_MEMORY_MIB[host.role]:
            message = (
                f"has {facts.memory_mib} MiB of memory, and a {host.role.value} needs {LEAST_MEMORY_MIB[host.role]}"
            )
            yield Problem("memory", host.name, message, "Give the host more memory.")
        if facts.cpus < LEAST_CPUS[host.role]:
            message = f"has {facts.cpus} processor(s), and a {host.role.value} needs {LEAST_CPUS[host.role]}"
            yield Problem("processors", host.name, message, "Give the host more processors.")
        if facts.disk_free_mib < LEAST_DISK_MIB and not view.observed.states[host.name].joined:
            message = f"has {facts.disk_free_mib} MiB free below /var, and a new node needs {LEAST_DISK_MIB}"
            yield Problem(
                "disk", host.name, message, "Free space, for example with `apt-get clean`, or give it a larger disk."
            )


def _clocks(view: View) -> Iterator[Problem]:
    for host, facts in _each(view):
        skew_s = facts.clock_s - view.observed.now_s
        if abs(skew_s) > MOST_CLOCK_SKEW_S:
            message = f"its clock is {abs(skew_s):.0f} s {'ahead of' if skew_s > 0 else 'behind'} this machine's"
            yield Problem(
                "clock",
                host.name,
                message,
                "Certificates would not be valid: set the clock (chrony, systemd-timesyncd).",
            )


_OWN = {
    "machine-id": "A cloned machine needs its own: `systemd-machine-id-setup` after emptying /etc/machine-id.",
    "hostname": "A cloned machine needs its own: `hostnamectl set-hostname`.",
    "MAC": "A cloned machine needs its own: let the hypervisor make a new network interface.",
}


def _unique(view: View) -> Iterator[Problem]:
    owners: dict[tuple[str, str], list[str]] = defaultdict(list)
    for host, facts in _each(view):
        owners["machine-id", facts.machine_id].append(host.name)
        owners["hostname", facts.hostname].append(host.name)
        # That of the interface which the node uses: container engines and bridges may use one address on many hosts.
        decided = node_address(view, host)
        address = facts.interface_of(decided.ip.ip) if decided else None
        owners["MAC", address.mac if address else ""].append(host.name)
    for (what, value), names in owners.items():
        if value and len(names) > 1:
            yield Problem(f"duplicate-{what.lower()}", ", ".join(names), f"have the same {what} {value}", _OWN[what])


def _ports(view: View) -> Iterator[Problem]:
    for host, _ in _each(view):
        state = view.observed.states[host.name]
        if state.joined or state.init_begun or state.join_begun:
            continue
        wanted = (KUBELET_PORT, *(CONTROL_PLANE_PORTS if host.role is Role.CONTROL_PLANE else ()))
        for port, owner in dict.fromkeys(state.listening):
            if port in wanted:
                message = f"port {port} is taken by {owner or 'another program'}"
                yield Problem(
                    "port-taken",
                    host.name,
                    message,
                    "Kubernetes needs it: stop that program or move it to another port.",
                )


RULES: tuple[Callable[[View], Iterator[Problem]], ...] = (
    _root,
    _system,
    _size,
    _clocks,
    _unique,
    _ports,
)
