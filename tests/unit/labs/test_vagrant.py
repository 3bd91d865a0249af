"""The parts of the Vagrant driver that only compute."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest

from provisioner.cli.lab_health import unwell
from provisioner.errors import LabError, LockHeldError, ProvisionerError, StepError, UnreachableError, UsageError
from provisioner.inventory import vagrant_rules
from provisioner.inventory.loader import load
from provisioner.inventory.model import Cluster
from provisioner.labs.machines import node_config
from provisioner.labs.rights import Rights
from provisioner.labs.vagrant import checks, node, program
from provisioner.labs.vagrant.troubles import explained, machine_line, with_those_up
from provisioner.preflight import machines as preflight
from provisioner.world.cluster import ClusterState
from provisioner.world.facts import HostState
from provisioner.world.nodes import NodeState
from provisioner.world.view import View
from tests.builders import changed, facts

SAID = Path(__file__).parents[2] / "cases" / "vagrant"
EXAMPLE = Path(__file__).parents[3] / "inventories" / "vagrant.yaml"


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    return load(EXAMPLE)


@pytest.mark.parametrize(
    ("file", "kind", "message"),
    [
        ("box-not-found", LabError, "a box cannot be downloaded"),
        ("provider-unknown", LabError, "does not know the provider"),
        ("provider-missing", LabError, "the provider cannot run machines here"),
        ("no-ssh", UnreachableError, "a machine cannot be reached over SSH"),
        ("busy", LockHeldError, "another Vagrant process works on the same machines"),
        ("no-snapshots", LabError, "this provider has no snapshots"),
        ("ranges", LabError, "VirtualBox does not allow the machines' network"),
        ("no-inventory", UsageError, "the Vagrantfile finds no machines"),
        ("something-else", StepError, "Vagrant failed"),
    ],
)
def test_what_vagrant_says_is_explained(file: str, kind: type[ProvisionerError], message: str) -> None:
    """The files are what Vagrant 2.3.4 printed, or prints by its sources."""
    error = explained("vagrant up", (SAID / f"{file}.txt").read_text())
    assert type(error) is kind
    assert message in error.message
    assert error.hint
    assert 0 < len(error.details.splitlines()) <= 10


def test_there_is_a_case_for_every_file() -> None:
    assert len(list(SAID.iterdir())) == 9


def test_who_is_up_is_told() -> None:
    error = with_those_up(UnreachableError("vagrant up: no SSH", hint="look"), ["cp1", "w1"], ["cp1", "w1", "w2"])
    assert (type(error), error.hint) == (UnreachableError, "look")
    assert error.message == "vagrant up: no SSH (cp1, w1 up and kept; not up: w2)"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("==> kube-node1: Booting VM...\n", ("kube-node1", "Booting VM...")),
        ("    cp1: SSH address: 127.0.0.1:2222", ("cp1", "SSH address: 127.0.0.1:2222")),
        ("Bringing machine 'cp1' up...", ("", "Bringing machine 'cp1' up...")),
    ],
)  # fmt: skip
def test_lines_of_a_machine(line: str, found: tuple[str, str]) -> None:
    assert machine_line(line) == found


@pytest.mark.parametrize(
    ("version", "machine", "provider", "problem"),
    [
        ((2, 2, 18), "x86_64", "virtualbox", "Vagrant 2.2.18 is too old: 2.2.19"),
        ((2, 2, 19), "x86_64", "virtualbox", ""),
        ((2, 3, 4), "arm64", "virtualbox", "does not support boxes by architecture, and this computer is arm64"),
        ((2, 3, 4), "arm64", "docker", ""),
        ((2, 4, 0), "aarch64", "parallels", ""),
    ],
)
def test_versions(version: tuple[int, ...], machine: str, provider: str, problem: str) -> None:
    assert problem in checks.too_old(version, machine, provider)
    assert bool(problem) == bool(checks.too_old(version, machine, provider))


@pytest.mark.parametrize(
    ("text", "ranges"),
    [
        ("", ["192.168.56.0/21"]),
        ("# ours\n* 10.0.0.0/8 192.168.200.0/24\n* 2001::/64\n", ["10.0.0.0/8", "192.168.200.0/24"]),
        ("* 0.0.0.0/0 ::/0\n", ["0.0.0.0/0"]),
    ],
)
def test_the_ranges_of_virtualbox(text: str, ranges: list[str]) -> None:
    assert [str(one) for one in checks.allowed(text)] == ranges


def test_a_network_outside_of_them_is_refused_with_the_line_to_write(cluster: Cluster) -> None:
    wanted = checks.networks(cluster)
    assert wanted == (IPv4Network("192.168.200.0/24"),)
    with pytest.raises(LabError) as caught:
        checks.refuse_network(wanted, checks.allowed(""))
    assert "* 192.168.200.0/24" in caught.value.hint
    assert "/etc/vbox/networks.conf" in caught.value.hint
    checks.refuse_network(wanted, checks.allowed("* 192.168.200.0/24\n"))


def test_too_much_memory_is_refused(cluster: Cluster) -> None:
    checks.refuse_size(cluster, 8192)
    with pytest.raises(LabError, match="need 8192 MiB of memory, but this computer has 8191"):
        checks.refuse_size(cluster, 8191)


def test_a_machine_that_is_large_enough_for_the_inventory_passes_preflight() -> None:
    """Less than its memory is what a machine sees of it; the kernel keeps some 5 %."""
    for role, least in vagrant_rules.LEAST_MEMORY_MIB.items():
        assert least * 0.95 >= preflight.LEAST_MEMORY_MIB[role]
        assert vagrant_rules.LEAST_CPUS[role] >= preflight.LEAST_CPUS[role]


@pytest.mark.parametrize("rights", Rights)
def test_docker_run_is_told_what_the_engine_is(rights: Rights) -> None:
    args = node.create_args(node_config(rights))
    assert ("--privileged" in args) is (rights is Rights.PRIVILEGED)
    assert ("systempaths=unconfined" in args) is (rights is Rights.RESTRICTED)
    assert ("--device=/dev/kmsg:/dev/kmsg" in args) is (rights is Rights.RESTRICTED)
    assert {"--cgroupns=private", "--tmpfs=/run", "--tmpfs=/run/lock"} <= set(args)
    assert "--volume=/var/lib/etcd" in node.container_args()


def test_an_option_that_is_not_known_is_no_silent_loss() -> None:
    with pytest.raises(KeyError, match="Ulimits"):
        node.create_args({"Ulimits": ["x"]})


def test_the_key_is_put_before_the_machine_starts() -> None:
    flag, script = node.command("ssh-ed25519 AAAA it's me\n")
    assert flag == "-c"
    assert script.endswith("&& exec /usr/local/lib/lab/entry.sh")
    assert """'ssh-ed25519 AAAA it'"'"'s me'""" in script


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"path": EXAMPLE.with_suffix(".ini")}, "reads inventories in YAML only"),
        (
            {"path": Path("/inventory.yaml")},
            "there is no Vagrantfile beside /inventory.yaml or in a directory above it",
        ),
        ({"hosts": ()}, "no machine has settings under `vagrant:`"),
    ],
)
def test_where_vagrant_cannot_begin(cluster: Cluster, change: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        program.find(cluster.model_copy(update=change))
    assert message in caught.value.message
    assert caught.value.hint


def test_the_vagrantfile_is_found_above_the_inventory(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VAGRANT_DEFAULT_PROVIDER", raising=False)
    found = program.find(cluster)
    assert (found.root, found.provider) == (EXAMPLE.parents[1], "virtualbox")
    monkeypatch.setenv("VAGRANT_DEFAULT_PROVIDER", "docker")
    assert program.find(cluster).provider == "docker"


def seen(cluster: Cluster, *, ready: bool = True, skew_s: float = 0.0) -> View:
    """A view of the example's machines, all of them nodes."""
    names = [host.name for host in cluster.hosts]
    nodes = {name: NodeState(name, ready, "1.20.2") for name in names}
    return changed(
        View(cluster),
        facts={name: replace(facts(name, "192.168.200.11"), clock_s=1000 + skew_s) for name in names},
        states={name: HostState(has_kubelet_conf=True) for name in names},
        live=ClusterState("1.20.2", "", "", nodes),
        now_s=1000.0,
    )


def test_a_cluster_is_well_when_every_node_has_been_heard_of_again(cluster: Cluster) -> None:
    names = [host.name for host in cluster.hosts]
    old, new = dict.fromkeys(names, "10:00"), dict.fromkeys(names, "10:01")
    assert list(unwell(seen(cluster), {}, old, new)) == []
    assert list(unwell(seen(cluster), {}, old, {**new, "kube-node2": "10:00"})) == [
        "kube-node2 has not reported to the cluster yet"
    ]


def test_what_is_not_well_is_said(cluster: Cluster) -> None:
    names = [host.name for host in cluster.hosts]
    old, new = dict.fromkeys(names, "10:00"), dict.fromkeys(names, "10:01")
    assert "kube-node1 is not Ready" in unwell(seen(cluster, ready=False), {}, old, new)
    assert "kube-node1: its clock is 300 s behind" in unwell(seen(cluster, skew_s=-300), {}, old, new)
    silent = changed(seen(cluster), live=None)
    assert list(unwell(silent, {}, {}, {})) == ["the API server does not answer"]
    gone = UnreachableError("kube-node3: nothing answers")
    assert "kube-node3: nothing answers" in unwell(seen(cluster), {"kube-node3": gone}, old, new)
