"""What is wrong with a host, as sentences: pure functions that compare the state seen with the desired one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from ipaddress import ip_interface, ip_network
from pathlib import PurePosixPath

from asn1crypto import pem, x509

from provisioner.inventory.values import Version
from provisioner.verification.seen import Inode, Route, Seen, Unit

KUBERNETES_PACKAGES = ("kubeadm", "kubectl", "kubelet")
# By the engine's name in the inventory; it is one of these sets of packages, named by Debian and by Docker.
ENGINES = {
    "docker": (("docker.io", "containerd"), ("docker-ce", "containerd.io")),
    "containerd": (("containerd",), ("containerd.io",)),
    "cri-o": (("cri-o",),),
}
ENGINE_UNITS = {"docker": "docker.service", "containerd": "containerd.service", "cri-o": "crio.service"}
# From 1.24 on the kubelet cannot use Docker directly.
BRIDGE, BRIDGE_SINCE_MINOR = "cri-docker.service", 24
PLUG_INS = frozenset({"bridge", "host-local", "loopback", "portmap"})
SECRET_SUFFIXES = (".key", ".conf")
CERTIFICATE_DAYS = 30


def wrong_versions(packages: Mapping[str, str], binaries: Mapping[str, str], desired: Version) -> list[str]:
    """Kubernetes' packages, or binaries without one, that are missing or of another version; a package has 1.20.2-1."""
    seen = {name: packages.get(name) or binaries.get(name) for name in KUBERNETES_PACKAGES}
    return [
        f"{name} is {version}, not {desired}" if version else f"{name} is not installed"
        for name, version in seen.items()
        if not version or not (version == str(desired) or version.startswith((f"{desired}-", f"{desired}+")))
    ]


def engine(packages: Mapping[str, str], runtime: str) -> tuple[str, ...]:
    """The packages of the container engine that is installed; empty when none of that kind is complete."""
    return next((names for names in ENGINES[runtime] if all(name in packages for name in names)), ())


def no_engine(packages: Mapping[str, str], runtime: str) -> list[str]:
    """The container engine is not installed."""
    names = " nor ".join(names[0] for names in ENGINES[runtime])
    return [] if engine(packages, runtime) else [f"{'neither ' if ' nor ' in names else 'no '}{names} is installed"]


def engine_units(runtime: str, kubernetes: Version) -> tuple[str, ...]:
    """The services without which no pod runs."""
    between = (BRIDGE,) if runtime == "docker" and kubernetes.minor >= BRIDGE_SINCE_MINOR else ()
    return (ENGINE_UNITS[runtime], *between)


def wrong_drivers(drivers: Iterable[tuple[str, str]], runtime: str) -> list[str]:
    """The engine reports another cgroup driver than systemd, or the kernel shows another one for the pods."""
    wrong = [
        f"the cgroup driver of the {'running engine' if source == runtime else source} is {driver}"
        for source, driver in drivers
        if source in (runtime, "pods") and driver != "systemd"
    ]
    # containerd up to 1.4 does not report it; its pods show it.
    sources = {runtime, *(("pods",) if runtime == "containerd" else ())}
    return wrong if any(source in sources for source, _ in drivers) else ["the engine does not answer", *wrong]


def not_held(packages: Mapping[str, str], holds: frozenset[str], runtime: str) -> list[str]:
    """Packages that the next `apt-get upgrade` would replace; what is not installed is another finding."""
    names = [name for name in (*KUBERNETES_PACKAGES, *engine(packages, runtime)) if name in packages]
    return [f"{name} is not held" for name in names if name not in holds]


def unit_problems(units: Mapping[str, Unit], name: str) -> list[str]:
    """A service that does not run, or would not after a reboot."""
    unit = units.get(name)
    if unit is None:
        return [f"{name} does not exist"]
    running = [] if unit.active == "active/running" else [f"{name} is {unit.active}, not running"]
    enabled = [] if unit.file == "enabled" else [f"{name} is {unit.file or 'not enabled'}: it will not start at boot"]
    return running + enabled


def sysctl_at_boot(lines: Iterable[tuple[str, str]], name: str) -> str | None:
    """The value after a reboot, None when no file sets it. `lines` are pairs of (path, line).

    sysctl.d(5): files are sorted by their name whatever their directory is, the last value wins, and a file in
    /etc hides one of the same name in /run, which hides those in /usr.
    """
    values = [
        value.strip()
        for _, line in sorted(_not_hidden(lines), key=lambda pair: PurePosixPath(pair[0]).name)
        for key, equals, value in [line.partition("=")]
        if equals and key.strip().removeprefix("-").replace("/", ".") == name
    ]
    return values[-1] if values else None


def _not_hidden(lines: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    lines = list(lines)
    order = ("/etc/", "/run/", "/usr/local/", "/usr/")
    winners: dict[str, str] = {}
    for path in sorted({path for path, _ in lines}, key=lambda path: [not path.startswith(top) for top in order]):
        winners.setdefault(PurePosixPath(path).name, path)
    return [(path, line) for path, line in lines if path in winners.values()]


def missing_modules(seen: Seen) -> list[str]:
    """Kernel features that are missing, or were loaded by hand and will be missing after a reboot."""
    present = {
        "overlay": "overlay" in seen.filesystems,
        "br_netfilter": "net.bridge.bridge-nf-call-iptables" in seen.sysctls,
    }
    now = [f"the kernel has no {name}" for name, there in present.items() if not there]
    loose = [name for name in present if name in seen.loaded_modules and name not in seen.modules_at_boot]
    return now + [f"{name} is loaded but will not be after a reboot" for name in loose]


def readable_secrets(files: Mapping[str, Inode]) -> list[str]:
    """Private keys and kubeconfigs that users other than root can read or change."""
    return [f"{path} is {_mode(inode)}" for path, inode in secret_files(files) if not _root_only(inode)]


def secret_files(files: Mapping[str, Inode]) -> Iterator[tuple[str, Inode]]:
    """Regular files that hold a private key: kubeconfigs, *.key, the kubelet's own *.pem, static pods' manifests."""
    for path, inode in files.items():
        kubelet_key = path.startswith("/var/lib/kubelet/pki/") and path.endswith((".pem", ".key"))
        kubernetes = path.startswith("/etc/kubernetes/") and path.endswith((*SECRET_SUFFIXES, ".yaml"))
        if inode.kind == "f" and (kubelet_key or kubernetes):
            yield path, inode


def writable_by_others(files: Mapping[str, Inode]) -> list[str]:
    """Files of Kubernetes that users other than root can change."""
    ours = ((path, inode) for path, inode in files.items() if inode.kind != "l")
    return [
        f"{path} is {_mode(inode)}" for path, inode in ours if inode.mode & 0o022 or not inode.owner.startswith("root:")
    ]


def _root_only(inode: Inode) -> bool:
    return inode.mode & 0o077 == 0 and inode.owner == "root:root"


def _mode(inode: Inode) -> str:
    return f"{inode.mode:04o} {inode.owner}"


def absent(files: Mapping[str, Inode], paths: Iterable[str]) -> list[str]:
    """Which of these paths are missing, as one finding."""
    missing = [path for path in paths if path not in files]
    return [f"missing: {', '.join(missing)}"] if missing else []


def certificate_problems(certificates: Mapping[str, str], now: datetime) -> list[str]:
    """Certificates that cannot be read, are not valid yet, or expire within 30 days."""
    return [f"{path} {text}" for path, pem in certificates.items() if (text := _certificate_problem(pem, now))]


def _certificate_problem(text: str, now: datetime) -> str:
    try:
        begins, ends = validity(text)
    except ValueError:
        return "is not a certificate"
    # The hosts' clocks may be half a minute apart; see the check of the clock.
    if begins > now + timedelta(minutes=1):
        return f"is not valid before {begins:%Y-%m-%d %H:%M} UTC"
    if ends < now:
        return f"expired on {ends:%Y-%m-%d}"
    days = (ends - now).days
    return f"expires in {days} days" if days < CERTIFICATE_DAYS else ""


def validity(text: str) -> tuple[datetime, datetime]:
    """The start and the end of a certificate's validity (PEM, the first one); ValueError when it is not a certificate.

    Read with asn1crypto: kubeadm up to 1.20 gives its authorities the serial number 0, which stricter readers refuse.
    """
    _, _, der = pem.unarmor(text.encode())
    period = x509.Certificate.load(der)["tbs_certificate"]["validity"]
    return period["not_before"].native, period["not_after"].native


def missing_routes(routes: Iterable[Route], desired: Mapping[str, tuple[str, str]]) -> list[str]:
    """Other nodes' pods to which the route is missing or wrong; `desired` is `{node: (pod CIDR, node address)}`."""
    via = {route.destination: route.via for route in routes}
    return [
        f"no route to {cidr} of {node}" if cidr not in via else f"{cidr} of {node} goes via {via[cidr]}, not {address}"
        for node, (cidr, address) in desired.items()
        if via.get(cidr) != address
    ]


def fleeting_routes(seen: Seen, desired: Mapping[str, tuple[str, str]]) -> list[str]:
    """Routes that nothing would set again after a reboot."""
    lasting = "\n".join(line for path, line in seen.route_files if _read_at_boot(path, seen))
    return [
        f"nothing sets the route to {cidr} of {node} again after a reboot"
        for node, (cidr, _) in desired.items()
        if cidr not in lasting
    ]


def _read_at_boot(path: str, seen: Seen) -> bool:
    """A network manager's file, an enabled unit, or a file that an enabled unit names."""
    if path.startswith(("/etc/systemd/network/", "/etc/network/", "/etc/netplan/", "/etc/NetworkManager/")):
        return True
    users = (unit for unit, line in seen.unit_files if path in line)
    return any(PurePosixPath(unit).name in seen.enabled for unit in (path, *users))


def old_bridge(seen: Seen, bridge: str, pod_cidr: str) -> list[str]:
    """The bridge of the pods keeps an address of another pod CIDR than the node's."""
    own = (address for name, address in seen.addresses if name == bridge and pod_cidr)
    return [
        f"{bridge} has {address}, which is not in the node's pod CIDR {pod_cidr}: no new pod can start"
        for address in own
        if ip_interface(address).ip not in ip_network(pod_cidr)
    ]


def other_network(seen: Seen, node_address: str) -> list[str]:
    """Where the node's address, interface and MTU differ from the recorded decision."""
    desired = seen.decided
    if desired is None:
        return ["/var/lib/provisioner/network.json, which holds the decision, is missing or cannot be read"]
    address, carries = desired.address.partition("/")[0], seen.packet_bytes.get(desired.interface, 0)
    there = [name for name, own in seen.addresses if own.partition("/")[0] == address]
    node = [f"the node's address is {node_address or 'unknown'}, but {address} was decided"]
    where = [f"{address} is on {' and '.join(there) or 'no interface'}, but {desired.interface} was decided"]
    size = [f"the MTU of {desired.interface} is {carries}, but {desired.mtu} was decided"]
    return [
        *(node if node_address != address else []),
        *(where if desired.interface not in there else size if carries < desired.mtu else []),
    ]
