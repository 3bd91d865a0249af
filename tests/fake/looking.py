"""The answer to the script that reports what a machine is and how far it is on its way into a cluster."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from provisioner.core.command import Command
from provisioner.networks.plug_in import CNI_DIRECTORY
from provisioner.resources.kubeadm import ADMIN_CONF, INIT_MARKER
from provisioner.world.look import KEPT, KEYS, PACKAGES, PROGRAMS, RUNTIME_FILES
from provisioner.world.network import RECORD, Passage
from tests.conftest import TESTS
from tests.fake import locks
from tests.fake.background import ETCD_DATA, KUBELET_CONF, MANIFESTS
from tests.fake.moments import Handler
from tests.fake.services import DOCKER, KUBELET, KUBELET_FLAGS
from tests.fake.state import Machine

# The mark of the recorded answer; on a machine it is another one in every look.
_RECORDED = (TESTS / "cases" / "facts" / "fresh.txt").read_text()
_MARK = _RECORDED.partition("\n")[0]
FRESH = _RECORDED.partition(f"\n{_MARK} addresses\n")[0]
STATE = (
    "provisioner/init-begun",
    "provisioner/join-begun",
    "admin.conf",
    "kubelet.conf",
    "bootstrap-kubelet.conf",
    "encryption/configuration.yaml",
)


def _look(machine: Machine, command: Command) -> str:
    text = FRESH.replace("hostname=cp1", f"hostname={machine.name}")
    text = re.sub("machine_id=.*", f"machine_id={machine.name}", text)
    text = re.sub("clock_s=.*", f"clock_s={machine.clock.now_s}", text)
    names = [name for name in STATE if f"/etc/kubernetes/{name}" in machine.files]
    found = re.search(r"certificate-authority-data: (\S+)", machine.read(KUBELET_CONF))
    server = re.search(r"server: (\S+)", machine.read(KUBELET_CONF))
    parts = {
        "addresses": json.dumps([_link(machine, name) for name in ("lo", *machine.interfaces, *machine.links)]),
        "routes": json.dumps([{"dst": to, "dev": dev} for dev, to in machine.known_routes.items()]),
        "network": machine.read(RECORD),
        "state": "\n".join(
            [
                *names,
                *(["manifests"] if machine.there(MANIFESTS) else []),
                *(["docker"] if machine.runs(DOCKER) else []),
            ]
        ),
        "runtime": _endpoint(machine),
        "ca": machine.read("/etc/kubernetes/pki/ca.crt"),
        "kubelet-ca": found[1] if found else "",
        "kubelet-server": server[1] if server else "",
        "etcd": "\n".join(_stray_etcd(machine)),
        "listening": "\n".join(_listening(machine)),
        "cni": "\n".join(sorted(name.rpartition("/")[2] for name in machine.below(CNI_DIRECTORY))),
        "firewall": "\n".join(machine.firewalls),
        "packages": "\n".join(_installed(machine)),
        "programs": "\n".join(_noted(machine)),
        **{path: machine.read(path) for path in KEYS.values()},
        **{path: machine.read(path) for path in RUNTIME_FILES if _is_not_ours_yet(machine, path)},
    }
    return text + _marked(parts)


def _marked(parts: Mapping[str, str]) -> str:
    """Parts of an answer, each behind its mark."""
    return "".join(f"\n{_MARK} {name}\n{body}" for name, body in parts.items())


def _is_not_ours_yet(machine: Machine, path: str) -> bool:
    return KUBELET_CONF not in machine.files and path + KEPT not in machine.files


def _stray_etcd(machine: Machine) -> list[str]:
    if f"{MANIFESTS}/etcd.yaml" in machine.files or machine.read(INIT_MARKER):
        return []
    return sorted({path.removeprefix(f"{ETCD_DATA}/").partition("/")[0] for path in machine.below(ETCD_DATA)})


def _link(machine: Machine, name: str) -> dict[str, object]:
    made = {link: (cidr, 1500) for link, cidr in machine.links.items()}
    cidr, mtu = {"lo": ("127.0.0.1/8", 65536), **machine.interfaces, **made}[name]
    local, _, prefix = cidr.partition("/")
    entry = {"family": "inet", "local": local, "prefixlen": int(prefix)}
    mac = ":".join(f"{int(number):02x}" for number in ("2", "0", *local.split(".")))
    return {"ifname": name, "mtu": mtu, "link_type": "ether", "address": mac, "addr_info": [entry]}


def _measure(machine: Machine, command: Command, least: str, headers: str, probe: str, *words: str) -> str:
    targets = list(zip(*(words[place::4] for place in range(4)), strict=True))
    ways = "".join(f"{address} {_way(machine, address, int(mtu))}\n" for address, mtu, _, _ in targets)
    return ways + "".join(
        f"{address} {port}: {_passage(machine, address, port)}\n"
        for address, _, _, ports in targets
        for port in filter(None, ports.split(","))
        if machine.has_perl
    )


def _passage(machine: Machine, address: str, port: str) -> Passage:
    """What a probe of that port finds. A node's plug-in takes what is sent to it by UDP, and does not answer."""
    other = next((one for one in machine.fleet.values() if _has(one, address)), None)
    is_tcp = port.startswith("TCP ")
    if other is None or not other.up or address in other.cut_off or port in (other.filtered | machine.filtered):
        return Passage.FILTERED if is_tcp else Passage.SILENT
    takes_it = port.startswith("UDP ") and KUBELET_CONF in other.files
    return Passage.SILENT if takes_it else Passage.PASSES


def _has(machine: Machine, address: str) -> bool:
    return address in {cidr.partition("/")[0] for cidr, _ in machine.interfaces.values()}


def _way(machine: Machine, address: str, mtu: int) -> str:
    """What a ping to that address would find out: only other machines are tried."""
    for other in machine.fleet.values():
        has = {cidr.partition("/")[0]: own for cidr, own in other.interfaces.values()}
        if other is not machine and other.up and address in has and address not in other.cut_off:
            largest = min(mtu, has[address], machine.path_mtu, other.path_mtu)
            return str(largest) if machine.has_ping else "reached"
    return "lost"


def _endpoint(machine: Machine) -> str:
    found = re.search(r"--container-runtime-endpoint=(\S+)", machine.read(KUBELET_FLAGS))
    unnamed = "/var/run/dockershim.sock" if KUBELET_FLAGS in machine.files else ""
    return found[1] if found else unnamed


def _installed(machine: Machine) -> list[str]:
    there = ((name, machine.packages[name]) for name in PACKAGES if name in machine.packages)
    return [f"{name} {package.version}" for name, package in there if package.state == "installed"]


def _noted(machine: Machine) -> list[str]:
    return [machine.read(path).partition("\n")[0] for path in machine.below(PROGRAMS) if f"{PROGRAMS}/." not in path]


def _listening(machine: Machine) -> list[str]:
    api = machine.cluster.api != "down" and machine.there(MANIFESTS)
    return [
        '0.0.0.0:22 users:(("sshd",pid=89,fd=3))',
        *(['*:10250 users:(("kubelet",pid=90,fd=28))'] if machine.runs(KUBELET) else []),
        *(['*:6443 users:(("kube-apiserver",pid=91,fd=7))'] if api else []),
    ]


def _look_leader(machine: Machine, command: Command) -> str:
    asked = ADMIN_CONF in machine.files and INIT_MARKER not in machine.files and machine.has("kubectl")
    cluster = machine.cluster.told() if asked else {"api": ""}
    return _look(machine, command) + _marked({"lock": locks.told(machine), **cluster})


SCRIPTS: dict[str, Handler] = {
    "look": _look,
    "look_leader": _look_leader,
    "look_leader_replacing": _look_leader,
    "look_leader_all": _look_leader,
    "look_leader_applying_rolling": _look_leader,
    "look_leader_replacing_rolling": _look_leader,
    "measure": _measure,
}
