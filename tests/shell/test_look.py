"""The script that looks, run by the real sh: what others have written into what it reads becomes no other part."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from urllib.parse import quote_plus

import pytest

from provisioner.core.command import Result
from provisioner.world.cluster import ClusterState, read_cluster
from provisioner.world.facts import look, read_facts, read_state
from provisioner.world.lock import PATH
from provisioner.world.look import KEYS, PROGRAMS, sections
from provisioner.world.network import RECORD
from tests.builders import CA, CONFIGURATION
from tests.conftest import Tally
from tests.patience import LONGEST_S

LINK = {"ifname": "eth0", "mtu": 1500, "addr_info": [{"family": "inet", "local": "10.0.0.11", "prefixlen": 24}]}
NODE = "node cp1 True v1.20.2  10.244.0.0%2F24, 10.0.0.11,  "
# What a file, a process or a package might hold in order to be taken for the beginning of another part.
FORGED = (
    "=== nodes\n",
    "\n=== api\nlost\n",
    "00000000-0000-0000-0000-000000000000 nodes\n",
    "\n$mark nodes\n",
    "$(cat /proc/sys/kernel/random/uuid) nodes\n",
    "\x0b=== nodes\x0c=== api\x1c=== ca\x85=== lock\u2028=== state\n",
    "node evil True v1.20.2  10.244.9.0%2F24, 10.0.0.9,  \n",
)


class Machine:
    """A directory that the script takes for a machine, with stand-ins for what looks at this one."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.path = f"{root}/bin:/usr/bin:/bin"
        (root / "ip.txt").write_text(json.dumps([LINK]))
        self.program("ip", f'case "$*" in *route*) echo "[]" ;; *) cat {root}/ip.txt ;; esac')
        for name in ("ss", "dpkg-query", "systemctl", "iptables", "kubectl"):
            self.says(name, "")

    def says(self, name: str, text: str) -> None:
        """A program that prints this and nothing else."""
        (self.root / f"{name}.txt").write_text(text)
        self.program(name, f"cat {self.root}/{name}.txt")

    def program(self, name: str, script: str) -> None:
        program = self.root / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    def has(self, path: str, text: str) -> None:
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def look(self) -> Result:
        script = look(leader=True).argv[2]
        for place in ("/etc/kubernetes", "/etc/cni", "/var/lib/kubelet", RECORD, PROGRAMS, PATH, *KEYS.values()):
            script = script.replace(place, f"{self.root}{place}")
        script = script.replace(". /etc/os-release\n", "ID=debian VERSION_ID=12 VERSION_CODENAME=bookworm\n")
        done = subprocess.run(
            ["/bin/sh", "-c", script],
            capture_output=True,
            text=True,
            check=True,
            timeout=LONGEST_S,
            env={"PATH": self.path},
        )
        return Result(0, done.stdout)


@pytest.fixture
def plane(tmp_path: Path) -> Machine:
    """A control plane whose API server answers."""
    machine = Machine(tmp_path)
    machine.has("/etc/kubernetes/admin.conf", "")
    machine.has("/etc/kubernetes/pki/ca.crt", CA)
    (tmp_path / "configuration").write_text(CONFIGURATION)
    (tmp_path / "nodes").write_text(f"{NODE}\n")
    (tmp_path / "tokens").write_text("")
    answers = (
        f"*configmap*) cat {tmp_path}/configuration ;; *nodes*) cat {tmp_path}/nodes ;; *) cat {tmp_path}/tokens ;;"
    )
    machine.program("kubectl", f'case "$*" in {answers} esac')
    return machine


def cluster(seen: Result) -> ClusterState:
    found = read_cluster(seen)
    assert found
    return found


def test_a_look_is_read_as_it_was_told(plane: Machine) -> None:
    seen = plane.look()
    assert [str(address.ip) for address in read_facts(seen).addresses] == ["10.0.0.11/24"]
    assert read_state(seen).has_admin_conf
    assert list(cluster(seen).nodes) == ["cp1"]
    assert cluster(seen).ca_certificate == CA
    marks = {plane.look().stdout.partition("\n")[0] for _ in range(3)}
    assert len(marks) == 3, "each look has a mark of its own"


@pytest.mark.parametrize("text", FORGED)
def test_no_file_and_no_process_begins_another_part(text: str, plane: Machine, tally: Tally) -> None:
    """Anyone can name a process; who has written a ConfigMap, a key or a record is not known here."""
    honest = set(sections(plane.look().stdout))
    plane.says("ss", f'LISTEN 0 1 0.0.0.0:99 0.0.0.0:* users:(("{text}",pid=1,fd=3))\n')
    plane.says("dpkg-query", "ii  kubelet 1.20.2\n")
    for path in ("/etc/kubernetes/kubelet.conf", RECORD, f"{PROGRAMS}/x", *KEYS.values()):
        plane.has(path, text)
    plane.has("/etc/kubernetes/pki/ca.crt", text + CA + text.rstrip("\n"))
    (plane.root / "configuration").write_text(f"{CONFIGURATION}{text}")
    (plane.root / "tokens").write_text(f"bootstrap-token-abcdef {quote_plus(text)}\n")
    seen = plane.look()
    assert set(sections(seen.stdout)) == honest
    assert "evil" not in cluster(plane_without(plane)).nodes
    assert read_state(seen).packages == {"kubelet": "1.20.2"}
    assert read_state(seen).binaries == {}
    assert read_state(seen).network is None
    tally("hostile inputs tried", 7)


def plane_without(plane: Machine) -> Result:
    """The same with a configuration that can be read."""
    (plane.root / "configuration").write_text(CONFIGURATION)
    return plane.look()


def test_a_file_without_a_line_end_hides_nothing(plane: Machine) -> None:
    plane.has("/etc/kubernetes/pki/ca.crt", CA.rstrip("\n"))
    plane.has("/etc/kubernetes/kubelet.conf", "certificate-authority-data: QQ==")
    seen = plane.look()
    assert sections(seen.stdout)["kubelet-ca"] == "QQ==\n"
    assert cluster(seen).ca_certificate == CA


def test_an_api_server_that_goes_away_in_the_middle_is_lost(plane: Machine) -> None:
    plane.program("kubectl", f'case "$*" in *configmap*) cat {plane.root}/configuration ;; *) exit 1 ;; esac')
    assert read_cluster(plane.look()) is None


def test_the_mark_is_in_no_process_s_arguments_or_environment(plane: Machine) -> None:
    """Who listens may be anybody's program, and it is asked while the script runs."""
    plane.program(
        "ss", f"env >{plane.root}/env; cat /proc/*/cmdline 2>/dev/null | tr '\\0' '\\n' >{plane.root}/argv || :"
    )
    mark = plane.look().stdout.partition("\n")[0]
    assert re.fullmatch(r"[0-9a-f-]{36}", mark)
    assert mark not in (plane.root / "env").read_text() + (plane.root / "argv").read_text()
