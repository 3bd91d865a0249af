"""A node that says what cannot be: nothing of it reaches any machine, it is named, and the others come to their end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from provisioner.core.report import Found
from provisioner.errors import Severity
from provisioner.networks.bridge import SCRIPT
from tests.builders import cluster, host
from tests.conftest import Tally
from tests.fake.cluster import FakeNode
from tests.fake.world import World

# What a kubelet that was taken over may write into its node's status; the API server of 1.20 takes all of it.
BREAKOUTS = (
    "10.0.0.22\nEND\n}\ntouch /hacked\nall_routes() {\n  cat <<'END'",
    '10.0.0.22","internal_ip":"10.0.0.11',
    "$(touch /hacked)",
    "`touch /hacked`",
    "'; touch /hacked; '",
    "\x1b]0;touch /hacked\x07",
    "10.0.0.22\x00touch /hacked",
    "10.0.0.22 via 10.0.0.9 touch /hacked",
    "touch /hacked " * 1000,
)
# The fast tests try the first two of each field, `pytest -m fuzz` all.
TEXTS = [pytest.param(BREAKOUTS[:2], id="some"), pytest.param(BREAKOUTS, id="all", marks=pytest.mark.fuzz)]
FIELDS: dict[str, Callable[[FakeNode, str], object]] = {
    "InternalIP": lambda node, text: setattr(node, "address", text),
    "podCIDR": lambda node, text: setattr(node, "pod_cidr", text),
    "kubelet's version": lambda node, text: setattr(node, "version", f"v1.20.2{text}"),
    "container runtime": lambda node, text: setattr(node, "runtime", f"containerd://1.6.20{text}"),
    "label": lambda node, text: node.labels.update({"kubernetes.io/hostname": text}),
    "the label": lambda node, text: node.labels.update({text: "x"}),
    "taint": lambda node, text: node.taints.add(f"{text}=x:NoSchedule"),
}
# What is well formed and cannot be: another's, or outside of what there is to give.
CLAIMS = {
    "its InternalIP": ("address", "127.0.0.1"),
    "is claimed by": ("address", "10.0.0.21"),
    "its podCIDR": ("pod_cidr", "10.96.0.0/24"),
    "its pod CIDR": ("pod_cidr", "10.244.0.0/16"),
}
FOUR = cluster(*cluster().hosts, host("w3", "10.0.0.23"))


def lies(world: World) -> list[str]:
    """Everywhere on the machines where something of a lie has come to."""
    texts = [
        (f"{name}:{path}", text)
        for name, machine in world.machines.items()
        for path, text in [(path, file.text) for path, file in machine.files.items()]
    ]
    texts += [(name, " ".join(sorted(machine.routes))) for name, machine in world.machines.items()]
    return [place for place, text in texts if "hacked" in text]


def lie(world: World, field: Callable[[FakeNode, str], object], text: str) -> None:
    """An attacker controls the kubelet of w2."""
    world.cluster.nodes["w2"].lies = True
    field(world.cluster.nodes["w2"], text)


def found(world: World) -> list[str]:
    problems = [event.problem for event in world.heard if isinstance(event, Found)]
    assert all(problem.severity is Severity.WARNING for problem in problems if problem.rule == "odd-answer")
    return [f"{problem.where}: {problem.message}" for problem in problems if problem.rule == "odd-answer"]


@pytest.mark.parametrize("texts", TEXTS)
@pytest.mark.parametrize("field", FIELDS)
def test_a_machine_whose_node_lies_drops_out_and_the_others_converge(
    field: str, texts: tuple[str, ...], up: World, tally: Tally
) -> None:
    """A new worker makes every machine's script of routes a new one."""
    for text in texts:
        lie(up, FIELDS[field], text)
        up.grow(FOUR if "w3" not in up.machines else up.desired)
        up.heard.clear()
        outcome = up.apply()
        assert set(outcome.errors) == {"w2"}
        assert field in outcome.errors["w2"].message
        assert "\n" not in outcome.errors["w2"].message
        assert "\x1b" not in outcome.errors["w2"].message
        assert found(up)
        assert {one.split(":")[0] for one in found(up)} == {"w2"}
        assert lies(up) == []
        assert "10.0.0.23" in up.machines["w1"].files[SCRIPT].text, "the others know the new one"
        assert "10.0.0.22" not in up.machines["w1"].files[SCRIPT].text, "and have no route to the one that lies"
        assert up.apply().report.changed == 0
        up.cluster.nodes["w2"].labels = {}
        up.cluster.nodes["w2"].taints = set()
    tally("hostile inputs tried", len(texts))


@pytest.mark.parametrize("words", CLAIMS)
def test_what_a_foreign_node_claims_of_others_is_not_believed(words: str, up: World) -> None:
    """A worker that is in no inventory: it is a warning, and takes nothing from a machine of the inventory."""
    field, value = CLAIMS[words]
    guest = FakeNode("10.0.0.99", pod_cidr="10.244.77.0/24", ready=True)
    setattr(guest, field, value)
    up.cluster.nodes["guest"] = guest
    before = up.machines["w2"].files[SCRIPT].text
    outcome = up.apply()
    assert outcome.errors == {}
    assert [words in one for one in found(up)] == [True]
    assert found(up)[0].startswith("guest: ")
    assert up.machines["w2"].files[SCRIPT].text == before


@pytest.mark.parametrize("texts", TEXTS)
@pytest.mark.parametrize("field", FIELDS)
def test_nothing_of_a_foreign_node_that_lies_reaches_a_machine(
    field: str, texts: tuple[str, ...], up: World, tally: Tally
) -> None:
    for text in texts:
        guest = FakeNode("10.0.0.99", pod_cidr="10.244.77.0/24", ready=True)
        FIELDS[field](guest, text)
        up.cluster.nodes["guest"] = guest
        up.heard.clear()
        assert up.apply().errors == {}
        assert {one.split(":")[0] for one in found(up)} == {"guest"}
        assert lies(up) == []
    tally("hostile inputs tried", len(texts))


def test_a_foreign_node_that_is_as_it_should_be_has_its_route(up: World) -> None:
    up.cluster.nodes["guest"] = FakeNode("10.0.0.99", pod_cidr="10.244.77.0/24", ready=True)
    assert up.apply().errors == {}
    assert found(up) == []
    assert "10.244.77.0/24 via 10.0.0.99" in up.machines["w2"].files[SCRIPT].text


def test_two_machines_of_the_inventory_that_claim_the_same_both_drop_out(up: World) -> None:
    up.cluster.nodes["w2"].pod_cidr = up.cluster.nodes["w1"].pod_cidr
    outcome = up.apply()
    assert set(outcome.errors) == {"w1", "w2"}
    assert "is claimed by w1 too" in outcome.errors["w2"].message


def test_without_a_machine_whose_node_lies_a_limited_run_is_whole(up: World) -> None:
    """The way out that does not wait for that machine: leave it out."""
    lie(up, FIELDS["InternalIP"], BREAKOUTS[0])
    outcome = up.apply(limit=frozenset({"cp1", "w1"}))
    assert outcome.errors == {}
    assert found(up)
    assert lies(up) == []


def test_a_machine_comes_back_when_its_node_reports_the_truth(up: World) -> None:
    lie(up, FIELDS["InternalIP"], BREAKOUTS[0])
    assert set(up.apply().errors) == {"w2"}
    up.cluster.nodes["w2"].lies = False
    assert up.apply().errors == {}
    assert up.apply().report.changed == 0
    assert "10.0.0.22" in up.machines["w1"].files[SCRIPT].text
