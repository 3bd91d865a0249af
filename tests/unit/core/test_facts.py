"""Facts and state from what real machines have answered (tests/cases/facts, recorded on lab machines)."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from provisioner.core.command import Result
from provisioner.core.untrusted import UntrustedError
from provisioner.world.cluster import read_cluster
from provisioner.world.facts import HostFacts, HostState, look, read_facts, read_state
from provisioner.world.look import sections
from tests.builders import ok
from tests.conftest import TESTS

# Of the recorded answers; a machine makes another one in every look.
MARK = "5b2c3f6e-0d7a-4c51-9a53-2f1d7c0b8e94"


def recorded(name: str) -> Result:
    return ok((TESTS / "cases" / "facts" / f"{name}.txt").read_text())


@pytest.mark.parametrize("name", ["fresh", "worker", "control-plane"])
def test_facts_of_a_machine(name: str) -> None:
    facts = read_facts(recorded(name))
    assert (facts.distribution, facts.release, facts.codename, facts.architecture) == (
        "debian", "12", "bookworm", "amd64",
    )  # fmt: skip
    assert (facts.cpus, facts.memory_mib, facts.cgroup_version, facts.init) == (2, 24105, 1, "systemd")
    assert (facts.user, facts.user_home) == ("admin", "/home/admin")
    assert facts.disk_free_mib > 10_000
    assert facts.clock_s == pytest.approx(1795226733, abs=10)
    assert len(facts.machine_id) == 32


def addresses(facts: HostFacts) -> list[str]:
    return [f"{address.interface} {address.ip} {address.mtu}" for address in facts.addresses]


def test_addresses_are_those_of_ipv4_with_their_interface_and_mtu() -> None:
    assert addresses(read_facts(recorded("fresh"))) == ["lo 127.0.0.1/8 65536", "eth0 10.213.2.11/24 1500"]
    assert addresses(read_facts(recorded("control-plane"))) == [
        "lo 127.0.0.1/8 65536",
        "docker0 172.17.0.1/16 1500",
        "cni0 10.244.0.1/24 1500",
        "eth0 10.213.0.11/24 1500",
    ]


def test_the_interface_of_an_address_is_found() -> None:
    facts = read_facts(recorded("control-plane"))
    found = facts.interface_of(IPv4Address("10.213.0.11"))
    assert found
    assert (found.interface, found.mac) == ("eth0", "02:42:0a:d5:00:0b")
    assert facts.interface_of(IPv4Address("10.213.0.99")) is None


def test_a_fresh_machine_has_no_state() -> None:
    state = read_state(recorded("fresh"))
    assert state == HostState(listening=((33491, ""), (22, "sshd"), (22, "sshd")))
    assert not state.initialised
    assert not state.joined
    assert read_cluster(recorded("fresh")) is None


def test_the_state_of_a_worker() -> None:
    state = read_state(recorded("worker"))
    assert (state.joined, state.initialised, state.has_manifests) == (True, False, False)
    assert (10250, "kubelet") in state.listening
    assert (10256, "kube-proxy") in state.listening


def test_what_an_earlier_cluster_has_left() -> None:
    fresh = recorded("fresh").stdout
    mark = fresh.partition("\n")[0]
    fresh = fresh.replace(f"{mark} state\n", f"{mark} state\nbootstrap-kubelet.conf\n")
    rest = f"\n{mark} kubelet-server\nhttps://10.0.0.9:6443\n\n{mark} etcd\nmember\nlost+found\n"
    state = read_state(ok(f"{fresh}{rest}"))
    assert (state.kubelet_server, state.stray_etcd) == ("https://10.0.0.9:6443", ("member", "lost+found"))
    assert (state.has_bootstrap_conf, state.joined) == (True, False)


def test_the_state_of_a_control_plane() -> None:
    state = read_state(recorded("control-plane"))
    assert (state.joined, state.initialised, state.has_manifests) == (True, True, True)
    assert (6443, "kube-apiserver") in state.listening
    assert state.ca_certificate.startswith("-----BEGIN CERTIFICATE-----\n")


def test_the_cluster_as_its_control_plane_sees_it() -> None:
    cluster = read_cluster(recorded("control-plane"))
    assert cluster
    assert cluster.version == "1.20.2"
    assert "podSubnet: 10.244.0.0/16" in cluster.configuration
    nodes = {
        node.name: (node.ready, node.version, str(node.pod_cidr), str(node.internal_ip))
        for node in cluster.nodes.values()
    }
    assert nodes == {
        "cp1": (True, "1.20.2", "10.244.0.0/24", "10.213.0.11"),
        "w1": (True, "1.20.2", "10.244.1.0/24", "10.213.0.129"),
        "w2": (True, "1.20.2", "10.244.2.0/24", "10.213.0.130"),
    }
    assert cluster.nodes["cp1"].taints == ("node-role.kubernetes.io/master:NoSchedule",)
    assert cluster.nodes["cp1"].labels["node-role.kubernetes.io/master"] == ""
    assert cluster.nodes["w1"].labels["kubernetes.io/hostname"] == "w1"
    assert "" not in cluster.nodes["w1"].labels
    assert cluster.nodes["w1"].taints == ()


def test_only_tokens_of_our_runs_are_ours() -> None:
    """One made by `provisioner token` for a person stays, and so does one without a description."""
    cluster = read_cluster(recorded("control-plane"))
    assert cluster
    assert cluster.run_tokens == ("p9x2la",)


def test_a_cluster_that_does_not_answer_is_not_known() -> None:
    before, _, _ = recorded("control-plane").stdout.partition(" api\n")
    assert read_cluster(ok(f"{before} api\nunreachable\n")) is None


@pytest.mark.parametrize(
    ("names", "initialised", "joined"),
    [
        ("", False, False),
        ("provisioner/init-begun admin.conf kubelet.conf", False, False),
        ("admin.conf kubelet.conf", True, True),
        ("provisioner/join-begun kubelet.conf", False, False),
        ("kubelet.conf", False, True),
    ],
    ids=["fresh", "init was killed", "control plane", "join was killed", "worker"],
)
def test_how_far_a_machine_has_come(names: str, initialised: bool, joined: bool) -> None:
    fresh = recorded("fresh").stdout
    lines = "".join(f"{name}\n" for name in names.split())
    state = read_state(ok(fresh.replace(" state\n", f" state\n{lines}")))
    assert (state.initialised, state.joined) == (initialised, joined)


def test_parts_are_as_they_were_and_may_be_empty() -> None:
    whole = f"{MARK}\n{MARK} host\na\n\n{MARK} one\n\n{MARK} two\nb\n\n"
    assert sections(whole) == {"host": "a\n", "one": "", "two": "b\n\n"}


@pytest.mark.parametrize("line", ["=== nodes", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", f"{MARK[:-1]}0 api"])
def test_nothing_that_stands_in_a_part_begins_another(line: str) -> None:
    text = f"one\n{line}\ntwo{line} {line}\n"
    assert sections(f"{MARK}\n{MARK} ca\n{text}\n{MARK} state\n") == {"ca": text, "state": ""}


@pytest.mark.parametrize("text", ["", "\n", "x\nx host\n", "=== host\n"])
def test_an_answer_without_a_mark_is_none(text: str) -> None:
    with pytest.raises(UntrustedError):
        sections(text)


def test_only_a_control_plane_is_asked_for_the_cluster() -> None:
    assert "kubectl get" not in str(look(leader=False).argv)
    assert "kubectl get" in str(look(leader=True).argv)


def test_an_api_server_that_goes_away_while_it_is_asked_is_not_known() -> None:
    whole = recorded("control-plane")
    cut, _, _ = whole.stdout.partition(f"{MARK} tokens\n")
    assert read_cluster(replace(whole, stdout=f"{cut}{MARK} tokens\n\n{MARK} api\nlost\n")) is None
