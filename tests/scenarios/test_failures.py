"""What goes wrong on one machine or all of them: which drop out, which go on, what is said, and what comes next."""

from __future__ import annotations

import pytest

from provisioner.core.command import Result
from provisioner.core.report import Event, Found, StepBegan, StepEnded
from provisioner.core.report import Outcome as Ended
from provisioner.errors import LockHeldError, PreflightError, StepError, UnreachableError
from provisioner.resources.files import File
from provisioner.runtimes.docker import DAEMON_JSON
from provisioner.world import lock
from tests.builders import cluster, host
from tests.fake.cluster import FakeToken
from tests.fake.transport import FakeTransport
from tests.fake.world import World


def test_a_worker_that_fails_is_reported_and_the_others_go_on(world: World) -> None:
    world.machines["w1"].trouble["apt-get"] = 100
    outcome = world.apply()
    assert outcome.report.result == "failed"
    assert list(outcome.errors) == ["w1"]
    assert "failed with exit code 100" in outcome.errors["w1"].message
    assert "w1 cannot do that" in outcome.errors["w1"].details
    assert outcome.report.hosts["w1"].failed == 1
    assert outcome.report.hosts["w2"].failed == 0
    assert list(world.cluster.nodes) == ["cp1", "w2"]
    assert [event for event in world.heard if isinstance(event, StepEnded) and event.outcome is Ended.FAILED]


def test_after_the_cause_is_fixed_the_same_command_goes_on(world: World) -> None:
    world.machines["w1"].trouble["apt-get"] = 100
    world.apply()
    world.machines["w1"].trouble.clear()
    outcome = world.apply()
    assert outcome.report.result == "ok"
    assert list(world.cluster.nodes) == ["cp1", "w2", "w1"]
    assert not [text for text in world.done()["w2"] if "kubeadm" in text]


def test_when_the_leader_fails_no_host_joins(world: World) -> None:
    world.machines["cp1"].trouble["--skip-token-print"] = 1
    outcome = world.apply()
    assert outcome.report.result == "failed"
    assert list(outcome.errors) == ["cp1"]
    assert world.cluster.nodes == {}
    assert not [text for name in ("w1", "w2") for text in world.done()[name] if text.startswith("run")]


def test_an_init_that_was_killed_is_made_again(world: World) -> None:
    world.machines["cp1"].trouble["--skip-token-print"] = UnreachableError("cp1: the connection was lost")
    world.apply()
    world.machines["cp1"].trouble.clear()
    again = world.plan()
    assert "kubeadm init again, after a reset" in " ".join(step.change.summary for step in again.plan.steps)
    assert [event.problem.rule for event in world.heard if isinstance(event, Found)] == ["init-unfinished"]
    assert world.apply().report.result == "ok"


def test_a_join_that_was_killed_is_made_again_with_a_new_token(world: World) -> None:
    world.machines["w1"].trouble["provisioner/join-begun join"] = UnreachableError("w1: the connection was lost")
    assert list(world.apply().errors) == ["w1"]
    world.machines["w1"].trouble.clear()
    assert world.apply().report.result == "ok"
    assert world.cluster.used == ["run001", "run001", "run002"]
    assert world.cluster.tokens == {}


def test_tokens_of_a_killed_run_are_removed_by_the_next(up: World) -> None:
    up.cluster.tokens["p9x2la"] = FakeToken("0123456789abcdef", "provisioner run: join", up.scene.clock.now_s + 60)
    (step,) = up.plan().plan.steps
    assert step.change.summary == "remove the join token"
    assert up.apply().report.result == "ok"
    assert up.cluster.tokens == {}


def test_a_connection_that_is_lost_takes_only_that_machine_out(world: World) -> None:
    world.machines["w2"].trouble["docker.json"] = UnreachableError("w2: the connection to 10.0.0.22 was lost")
    world.machines["w2"].trouble["/etc/docker/daemon.json 644"] = UnreachableError("w2: lost")
    outcome = world.apply()
    assert outcome.report.result == "failed"
    assert isinstance(outcome.errors["w2"], UnreachableError)
    assert outcome.report.hosts["w2"].detail == "w2: lost"
    assert list(world.cluster.nodes) == ["cp1", "w1"]


def test_a_worker_that_cannot_be_reached_is_left_out_and_named(world: World) -> None:
    world.machines["w2"].up = False
    outcome = world.apply()
    assert outcome.report.result == "failed"
    assert "nothing answers" in outcome.report.hosts["w2"].detail
    assert list(world.cluster.nodes) == ["cp1", "w1"]
    world.machines["w2"].up = True
    assert world.apply().report.result == "ok"
    assert list(world.cluster.nodes) == ["cp1", "w1", "w2"]


def test_a_new_worker_that_does_not_answer_changes_what_the_others_are_asked(world: World) -> None:
    """Their routes need not wait for it any more."""
    assert world.apply().errors == {}
    world.grow(cluster(*world.desired.hosts, host("w3", "10.0.0.23")))
    probe = File(DAEMON_JSON, "").probe()
    world.twist = lambda name, command, result: Result(9) if (name, command) == ("w3", probe) else result
    outcome = world.apply()
    assert list(outcome.errors) == ["w3"]
    assert "the probe failed" in outcome.report.hosts["w3"].detail
    assert {name for name, told in outcome.report.hosts.items() if told.failed} == {"w3"}


def test_a_leader_that_cannot_be_reached_stops_the_run_before_any_change(world: World) -> None:
    world.machines["cp1"].up = False
    with pytest.raises(UnreachableError, match="cp1: nothing answers"):
        world.apply()
    assert world.done() == {}


def test_all_machines_that_cannot_be_reached_are_named(world: World) -> None:
    for machine in world.machines.values():
        machine.up = False
    with pytest.raises(UnreachableError, match="3 hosts failed: cp1, w1, w2") as error:
        world.apply()
    assert "w1: nothing answers" in error.value.details
    assert "w2: nothing answers" in error.value.details
    assert error.value.hint


def test_a_machine_whose_probe_cannot_look_is_left_out_and_named(world: World) -> None:
    world.machines["w1"].trouble["/proc/locks"] = 2
    outcome = world.apply()
    assert "the probe failed" in outcome.report.hosts["w1"].detail
    assert list(world.done()) == ["cp1", "w2"]


def test_when_the_leader_fails_the_others_finish_what_is_safe_and_are_named(world: World) -> None:
    world.machines["cp1"].trouble["/etc/docker/daemon.json 644"] = 1
    report = world.apply().report
    assert report.result == "failed"
    assert world.machines["w1"].packages["kubelet"]
    assert not [text for text in world.done()["w1"] if text.startswith("begin")]
    assert report.hosts["w1"].left > 0


def test_what_is_still_to_be_done_after_it_was_done_is_an_error(world: World) -> None:
    """The machine says that all went well, and nothing came of it."""
    world.machines["w1"].trouble["sysctl -w"] = 0
    outcome = world.apply()
    assert outcome.report.result == "failed"
    assert "w1: did not converge: set net." in outcome.errors["w1"].message
    assert outcome.errors["w1"].hint
    assert list(world.cluster.nodes) == ["cp1", "w2"]
    begun = [event.title for event in world.heard if isinstance(event, StepBegan) and event.host == "w1"]
    assert [title.startswith("set net.") for title in begun].count(True) == 2, "not once more for nothing"


def test_what_is_different_each_time_is_not_run_after_for_ever(world: World) -> None:
    """Something on that machine undoes it each time, and differently."""
    numbers = iter(range(1, 99))
    path = "/etc/sysctl.d/99-provisioner.conf"

    def undo(host: str) -> None:
        if host == "w1" and (world.transports["w1"].done or [""])[-1].startswith(f"write {path}"):
            world.machines["w1"].put(path, f"undone {next(numbers)}\n")

    world.on_moment = undo
    outcome = world.apply()
    assert list(outcome.errors) == ["w1"]
    assert f"w1: did not converge: change {path} is still to be done after it was done" in outcome.errors["w1"].message
    assert [text.startswith(f"write {path}") for text in world.done()["w1"]].count(True) == 3
    assert list(world.cluster.nodes) == ["cp1", "w2"]


def test_ctrl_c_ends_connections_before_it_tidies_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs on a machine would be waited for otherwise."""
    order: list[str] = []
    monkeypatch.setattr(FakeTransport, "close", lambda self: order.append("cut"))

    def interrupt(host: str) -> None:
        if host == "w1" and world.transports["w1"].done and not order:
            order.append("Ctrl-C")
            raise KeyboardInterrupt
        if order:
            order.append("tidies up")

    world.on_moment = interrupt
    outcome = world.apply()
    assert outcome.report.result == "interrupted"
    assert list(dict.fromkeys(order)) == ["Ctrl-C", "cut", "tidies up"]
    assert all(told.left > 0 for told in outcome.report.hosts.values())
    assert not any(machine.there("/run/provisioner") for machine in world.machines.values())
    assert lock.PATH not in world.machines["cp1"].files


def test_findings_of_preflight_stop_everything_and_come_all_at_once() -> None:
    world = World(cluster(host("cp1", "10.0.0.11"), host("cp2", "10.0.0.12"), host("w1", "10.0.0.21")))
    twin = world.machines["w1"]
    twin.name = "cp1"
    with pytest.raises(PreflightError) as error:
        world.apply()
    assert {problem.rule for problem in error.value.problems} == {
        "control-planes", "duplicate-machine-id", "duplicate-hostname",
    }  # fmt: skip
    assert world.done() == {}


@pytest.mark.parametrize(("lost", "nodes"), [("w1", ["cp1", "w2"]), ("cp1", [])])
def test_a_machine_that_cannot_be_given_the_bundle_stops_no_other(world: World, lost: str, nodes: list[str]) -> None:
    world.machines[lost].trouble['printf "%s/apt/'] = StepError(f"{lost}: could not store files")
    outcome = world.apply()
    assert outcome.report.result == "failed"
    assert {host: error.message for host, error in outcome.errors.items()} == {lost: f"{lost}: could not store files"}
    assert list(world.cluster.nodes) == nodes
    assert world.machines["w2"].packages["kubelet"].held
    assert not any(machine.there("/run/provisioner") for machine in world.machines.values())
    world.machines[lost].trouble.clear()
    assert world.apply().report.result == "ok"


@pytest.mark.parametrize("how", ["taken over by ben on tower", "removed"])
def test_a_run_that_has_lost_its_lock_stops_and_says_how_far_every_host_is(
    world: World, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """What runs comes to its end; the next play does not begin."""
    monkeypatch.setattr(lock, "STALE_S", 0)
    theirs = "run=other\nowner=ben\nmachine=tower\ndoing=apply\nbegan=1800000000\n"

    def lose(host: str) -> None:
        if host == "w1" and world.transports["w1"].done:
            world.machines["cp1"].put(lock.PATH, theirs) if "ben" in how else world.machines["cp1"].drop(lock.PATH)

    world.on_moment = lose
    outcome = world.apply()
    assert [type(error) for error in outcome.errors.values()] == [LockHeldError]
    assert how in outcome.errors["cp1"].message
    assert (outcome.report.result, world.cluster.nodes) == ("failed", {})
    assert world.machines["w1"].there("/etc/sysctl.d/99-provisioner.conf")
    assert "docker.io" not in world.machines["w1"].packages
    assert all(told.left > 0 for told in outcome.report.hosts.values())
    assert ("ben" in how) == (world.machines["cp1"].read(lock.PATH) == theirs)


def test_a_lock_that_cannot_be_taken_stops_the_run_before_any_change(world: World) -> None:
    world.machines["cp1"].trouble["echo taken"] = 1
    with pytest.raises(StepError, match="cp1: the run lock could not be taken") as error:
        world.apply()
    assert error.value.details == "cp1 cannot do that\nNothing was changed by this run."
    assert "df -h" in error.value.hint
    assert world.done() == {}


def test_a_lock_that_cannot_be_renewed_stops_the_run_before_its_next_play(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "STALE_S", 0)
    world.machines["cp1"].trouble["echo renewed"] = 1
    outcome = world.apply()
    assert outcome.report.result == "failed"
    assert "cp1: the run lock could not be renewed" in outcome.errors["cp1"].message
    assert world.cluster.nodes == {}


@pytest.mark.parametrize(
    ("part", "rule", "said"),
    [
        ("echo released", "lock-kept", "cp1: the run lock could not be released: cp1 cannot do that"),
        ('rm -rf -- "$1" "$2"', "bundle-left", "cp1: access to the bundle could not be removed: cp1 cannot do that"),
    ],
)
def test_what_cannot_be_cleaned_up_is_reported_and_does_not_undo_what_was_done(
    world: World, part: str, rule: str, said: str
) -> None:
    world.machines["cp1"].trouble[part] = 1
    assert world.apply().report.result == "ok"
    found = [event.problem for event in world.heard if isinstance(event, Found)]
    assert [(problem.rule, problem.message) for problem in found] == [(rule, said)]
    assert found[0].hint
    world.machines["cp1"].trouble.clear()
    world.pass_time(lock.STALE_S + 1)
    assert world.apply().report.result == "ok"
    assert lock.PATH not in world.machines["cp1"].files
    assert not world.machines["cp1"].there("/run/provisioner")


def test_a_way_to_the_bundle_that_could_not_be_opened_takes_only_that_machine_out(world: World) -> None:
    world.machines["w1"].trouble['printf "%s/apt/'] = 1
    outcome = world.apply()
    assert list(outcome.errors) == ["w1"]
    assert outcome.errors["w1"].message == "w1: could not give access to the bundle"
    assert outcome.errors["w1"].details == "w1 cannot do that"
    assert list(world.cluster.nodes) == ["cp1", "w2"]


def test_every_step_that_begins_ends(world: World) -> None:
    world.machines["w1"].trouble["modprobe"] = 1
    world.machines["w2"].trouble["--config"] = UnreachableError("w2: lost")
    world.apply()
    kinds: dict[str, list[Event]] = {}
    for event in world.heard:
        kinds.setdefault(type(event).__name__, []).append(event)
    assert len(kinds["StepBegan"]) == len(kinds["StepEnded"])
