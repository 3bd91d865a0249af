from __future__ import annotations

import time
from pathlib import Path

import pytest
import testinfra

from provisioner.verification import waiting
from provisioner.verification.plugin import limited_to
from provisioner.verification.session import Looked, Session, Unreachable, clock_ahead_s, look
from tests.unit.verification.conftest import Answered, FakeHost, a_cluster, a_host, recorded


def showing(name: str) -> FakeHost:
    """A machine that answers with recorded output, under whatever separator it is asked with."""
    return FakeHost(
        lambda command: Answered(recorded(name).replace("SEPARATOR", command.split(" look ")[-1].split()[0]))
    )


def test_a_machine_is_looked_at_in_one_round_trip() -> None:
    host = showing("worker.txt")
    found = look(host, "10.244.")
    assert isinstance(found, Looked)
    assert found.seen.hostname == "w1"
    assert len(host.ran) == 1


def test_a_machine_that_does_not_answer() -> None:
    def broken(command: str) -> Answered:
        raise RuntimeError(Answered(stderr="ssh: connect to host w1 port 22: Connection refused", rc=255))

    found = look(FakeHost(broken), "10.244.")
    assert found == Unreachable(
        "connect to host w1 port 22: Connection refused", "is sshd running there, and is ansible_port right?"
    )


def test_sudo_that_asks_is_told() -> None:
    found = look(FakeHost(lambda command: Answered("", "sudo: a password is required", 1)), "10.244.")
    assert isinstance(found, Unreachable)
    assert "NOPASSWD" in found.hint


def test_an_answer_that_broke_off() -> None:
    found = look(FakeHost(lambda command: Answered(command.split(" look ")[-1].split()[0])), "10.244.")
    assert isinstance(found, Unreachable)
    assert found.message == "the host's answer is incomplete"


@pytest.mark.parametrize(("there", "ahead"), [(100.0, 0.0), (102.0, 0.0), (101.0, 0.0), (141.0, 39.0), (60.0, -40.0)])
def test_clocks(there: float, ahead: float) -> None:
    assert clock_ahead_s(there, 100.0, 102.0) == ahead


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    """cp1 is down, cp2 leads; only w1 is checked."""
    names = {"cp2": "control-plane.txt", "w1": "worker.txt"}

    def get_host(spec: str) -> FakeHost:
        name = spec.removeprefix("ssh://").partition("?")[0]
        return showing(names[name]) if name in names else FakeHost(lambda command: Answered("", "sudo: no", 1))

    monkeypatch.setattr(testinfra, "get_host", get_host)
    return Session(a_cluster(a_host("cp1"), a_host("cp2"), a_host("w1"), a_host("w2")), frozenset({"w1"}), tmp_path)


def test_control_planes_are_asked_even_when_they_are_not_checked(two: Session) -> None:
    assert sorted(two.looks) == ["cp1", "cp2", "w1"]
    assert [host.name for host in two.hosts] == ["w1"]


def test_the_first_healthy_control_plane_leads(two: Session) -> None:
    assert two.leader is not None
    assert two.leader.name == "cp2"


def test_without_a_healthy_control_plane_nobody_leads(two: Session) -> None:
    two.looks.pop("cp2")
    two.looks["cp2"] = two.looks["w1"]
    assert two.leader is None


@pytest.mark.parametrize(
    ("limit", "names"),
    [(None, {"cp1", "w1"}), ("w1", {"w1"}), ("worker", {"w1"}), ("cp1, w1", {"cp1", "w1"}), ("racks", {"w1"})],
)
def test_which_hosts_are_checked(limit: str | None, names: set[str]) -> None:
    assert limited_to(a_cluster(a_host("cp1"), a_host("w1", groups=("racks",))), limit) == names


def test_a_stranger_is_refused() -> None:
    with pytest.raises(pytest.UsageError, match="no host or group is called w9"):
        limited_to(a_cluster(), "w1,w9")


def test_waiting_says_each_thing_once_and_ends_with_what_it_saw(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    states, said = iter(["a", "a", "b", ""]), list[str]()
    assert waiting.until(lambda: next(states), lambda state: state, 1000, said.append) == ""
    assert said == ["a", "b"]


def test_waiting_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(100))
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    assert waiting.until(lambda: "never", lambda state: state, 3, lambda what: None) == "never"
