"""Facts: what a host is, which no step changes. State: what steps do change and plays depend on.

One script per host prints both; it needs nothing but a POSIX shell, coreutils, iproute2 and systemd.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from provisioner.core import untrusted
from provisioner.core.command import Command, Result, shell
from provisioner.core.untrusted import UntrustedError
from provisioner.world.addresses import Address, Route, read_addresses, read_routes
from provisioner.world.lock import Holder, Word, read
from provisioner.world.look import KEYS, RUNTIME_FILES, Section, script, sections
from provisioner.world.network import Decision, read_record
from provisioner.world.offers import Offer, read_offers


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What a host is. Memory in MiB, times in seconds, disk in MiB."""

    hostname: str
    distribution: str
    release: str
    codename: str
    architecture: str
    kernel: str
    cpus: int
    memory_mib: int
    disk_free_mib: int
    cgroup_version: int
    init: str
    machine_id: str
    clock_s: float
    user_home: str
    user: str
    addresses: tuple[Address, ...]
    is_root: bool = True
    routes: tuple[Route, ...] = ()

    @property
    def platform(self) -> str:
        """The platform that packages are built for: `debian bookworm amd64`."""
        return f"{self.distribution} {self.codename or self.release} {self.architecture}"

    def interface_of(self, ip: IPv4Address) -> Address | None:
        """The interface that has this address."""
        return next((address for address in self.addresses if address.ip.ip == ip), None)


@dataclass(frozen=True, slots=True)
class HostState:
    """What steps change and plays read: how far this host is on its way into a cluster.

    `packages` are the versions of the relevant packages that are installed, `binaries` those of binaries that were
    installed without a package. `keys` are the texts of the package sources' keys by product, empty when there is none.
    `runtime_endpoint` is where its kubelet reaches the container runtime, empty when kubeadm has not configured it yet.
    `network` is what was decided about its address, None when nothing was. `cni_files` are the names in /etc/cni/net.d;
    `firewalls` are those on the host that drop what they do not explicitly allow. `kubelet_ca` and `kubelet_server` are
    the CA (base64) and the API server of its kubelet.conf. `runtime_files` are the container runtimes' configuration
    files by path, on a host that is not a node, when no copy of them was kept yet. `stray_etcd` are names in etcd's
    directory that belong neither to a control plane there nor to an unfinished run of provisioner.
    """

    init_begun: bool = False
    join_begun: bool = False
    has_admin_conf: bool = False
    has_kubelet_conf: bool = False
    has_bootstrap_conf: bool = False
    has_manifests: bool = False
    has_encryption_key: bool = False
    has_crictl: bool = False
    docker_runs: bool = False
    runtime_endpoint: str = ""
    ca_certificate: str = ""
    kubelet_ca: str = ""
    kubelet_server: str = ""
    stray_etcd: tuple[str, ...] = ()
    listening: tuple[tuple[int, str], ...] = ()
    cni_files: tuple[str, ...] = ()
    firewalls: tuple[str, ...] = ()
    packages: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)
    binaries: Mapping[str, Offer] = field(default_factory=dict)
    runtime_files: Mapping[str, str] = field(default_factory=dict)
    network: Decision | None = None

    @property
    def initialised(self) -> bool:
        """`kubeadm init` has finished here."""
        return self.has_admin_conf and not self.init_begun

    @property
    def joined(self) -> bool:
        """The host is a node: `kubeadm init` or `kubeadm join` has finished here."""
        return self.has_kubelet_conf and not self.join_begun and not self.init_begun


def look(*, leader: bool, asked: Iterable[Section] = ()) -> Command:
    """The one command that prints facts and state; on a control plane it also asks the API server."""
    return shell(script(leader=leader, asked=asked), timeout_s=60)


def read_told(seen: Result, asked: Iterable[Section]) -> dict[str, str]:
    """What was answered to these questions, as far as they were asked there."""
    parts = sections(seen.stdout)
    return {one.name: parts[one.name] for one in asked if one.name in parts}


def read_facts(seen: Result) -> HostFacts:
    """Facts from the script's output; ValueError when the answer is not that of a Linux machine."""
    parts = sections(seen.stdout)
    told = dict(line.partition("=")[::2] for line in parts["host"].splitlines())
    return HostFacts(
        **{name: _matching(name, pattern, told.get(name, "")) for name, pattern in _TEXT.items()},
        cpus=untrusted.number(told["cpus"], 100_000),
        memory_mib=untrusted.number(told["memory_mib"], _MOST_MIB),
        disk_free_mib=untrusted.number(told["disk_free_mib"], _MOST_MIB),
        cgroup_version=untrusted.number(told["cgroup_version"], 2),
        clock_s=float(_matching("clock_s", _SECONDS, told["clock_s"])),
        addresses=tuple(read_addresses(parts["addresses"])),
        is_root=told["uid"] == "0",
        routes=tuple(read_routes(parts.get("routes", ""))),
    )


_MOST_MIB = 2**40
_SECONDS = re.compile(r"[0-9]{1,12}(\.[0-9]{1,20})?")
_WORD = re.compile(r"[A-Za-z0-9._+~-]{0,100}")
# What os-release(5), hostname(7) and useradd(8) allow, and what user directories such as LDAP add to that.
_TEXT: Mapping[str, re.Pattern[str]] = {
    **dict.fromkeys(("hostname", "distribution", "release", "codename", "architecture", "kernel", "machine_id"), _WORD),
    "init": re.compile(r"[A-Za-z0-9._+:()@/ -]{0,64}"),
    "user_home": re.compile(r"/[\w@%+=:,./~\\ -]{0,1023}"),
    "user": re.compile(r"[\w.][\w.@\\+-]{0,255}\$?"),
}


def _matching(what: str, pattern: re.Pattern[str], text: str) -> str:
    if pattern.fullmatch(text):
        return text
    raise UntrustedError("valid", text, what)


def read_state(seen: Result) -> HostState:
    """State from the same output."""
    parts = sections(seen.stdout)
    names = set(parts["state"].split())
    endpoint = parts.get("runtime", "").strip()
    return HostState(
        init_begun="provisioner/init-begun" in names,
        join_begun="provisioner/join-begun" in names,
        has_admin_conf="admin.conf" in names,
        has_kubelet_conf="kubelet.conf" in names,
        has_bootstrap_conf="bootstrap-kubelet.conf" in names,
        has_manifests="manifests" in names,
        has_encryption_key="encryption/configuration.yaml" in names,
        has_crictl="crictl" in names,
        docker_runs="docker" in names,
        runtime_endpoint=untrusted.told("the runtime's socket", _socket, endpoint) if endpoint else "",
        ca_certificate=_half_written(parts["ca"]),
        kubelet_ca=_kubelet_ca(parts["kubelet-ca"]),
        kubelet_server=parts.get("kubelet-server", "").partition("\n")[0],
        stray_etcd=tuple(filter(None, parts.get("etcd", "").split("\n"))),
        listening=tuple(_listening(parts["listening"])),
        cni_files=tuple(line for line in parts.get("cni", "").split("\n") if line and untrusted.visible(line) == line),
        firewalls=tuple(name for name in _FIREWALLS if name in parts.get("firewall", "").split()),
        packages=dict(_packages(parts.get("packages", ""))),
        binaries=read_offers(parts.get("programs", "")),
        keys={product: parts[path] for product, path in KEYS.items() if untrusted.is_text(parts.get(path, ""))},
        runtime_files={path: parts[path] for path in RUNTIME_FILES if parts.get(path, "").strip()},
        network=read_record(parts.get("network", "")),
    )


_FIREWALLS = ("firewalld", "iptables")
# The kernel cuts names of processes after 15 bytes; a process may give itself any name.
_LISTENING = re.compile(r'\S{1,80}:([0-9]{1,5}) (?:users:\(\("(.{1,15}?)",pid=.*)?')


def _socket(text: object) -> str:
    """Where a container runtime listens: a path, perhaps behind `unix://`."""
    whole = text if isinstance(text, str) else ""
    untrusted.path(whole.removeprefix("unix://"))
    return whole


def _half_written(text: str) -> str:
    """The certificate, or nothing when kubeadm was killed while it wrote the file."""
    try:
        return untrusted.certificates(text)
    except UntrustedError:
        return ""


# Of a text that is not a certificate: enough to see that it exists.
_NO_CA_LENGTH = 64


def _kubelet_ca(text: str) -> str:
    """The CA that a kubelet's configuration trusts, in base64 as it is there; other text matches no cluster's CA."""
    try:
        certificate = untrusted.certificates(base64.b64decode(text.strip(), validate=True).decode("ascii"))
    except ValueError:
        return untrusted.visible(text.strip())[:_NO_CA_LENGTH]
    return base64.b64encode(certificate.encode()).decode()


def _listening(text: str) -> Iterator[tuple[int, str]]:
    """Ports with the process that listens there; a line that does not match is part of a process's strange name."""
    for found in filter(None, map(_LISTENING.fullmatch, text.split("\n"))):
        yield untrusted.number(found[1], 99999), untrusted.visible(found[2] or "")


def _packages(text: str) -> Iterator[tuple[str, str]]:
    for row in (line.split() for line in text.splitlines()):
        name, version = row
        yield untrusted.package(name), untrusted.package_version(version)


def read_lock(seen: Result) -> Holder | None:
    """The holder of the run lock, from a control plane's output; None when the lock is free."""
    told = read(sections(seen.stdout).get("lock", Word.FREE), Word.FREE)
    return told if isinstance(told, Holder) else None
