"""A run may end at any moment: it is killed, a machine loses its network, a machine itself is killed.

Whatever happens, the same command is simply run again, and ends where an undisturbed run would have. The moments are
random: `PROVISIONER_TEST_SEED` repeats them.
"""

from __future__ import annotations

import os
import random
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conftest import Tally
from tests.e2e.machines import make, room_for
from tests.e2e.running import Running
from tests.e2e.world import World, provisioner

pytestmark = pytest.mark.e2e

LAB = "e2e-kills"
SEED = int(os.environ.get("PROVISIONER_TEST_SEED") or secrets.randbelow(1_000_000))
LEAST_KILLS = 8
# Steps that take seconds, so that there is a middle to hit.
LONG = ("install ", "load image ", "kubeadm join")

# What a run puts on a machine for its own sake, in all the places where it could lie.
LEFTOVERS = r"""
find / \( -path /proc -o -path /sys -o -path '/var/lib/docker/*' -o -path '/var/lib/kubelet/*' \) -prune -o \
  \( -name '*.provisioner' -o -path /run/provisioner -o -path /var/lib/provisioner/lock -o \
  -path '/var/lib/provisioner/*.new' -o -path /var/lib/provisioner/run \) -print 2>/dev/null
ls -A /etc/kubernetes/provisioner 2>/dev/null || :
ps -eo args | grep -E '[k]ubeadm (init|join|reset)|[a]pt-get|[d]pkg ' || :
"""
# The cable is pulled: nothing goes out, and what comes in is not for this card any more. Its routes stay.
PULL = "ip link set eth0 address 02:00:00:00:00:99; tc qdisc replace dev eth0 root blackhole"
PLUG_IN = "tc qdisc del dev eth0 root; ip link set eth0 address $(cat /root/mac)"


@dataclass
class Story:
    """One lab and what it has survived so far."""

    world: World
    chance: random.Random
    killed: int = 0
    told: list[str] = field(default_factory=list)

    def moment(self, most_s: float) -> float:
        """Somewhere between the start and `most_s`."""
        return self.chance.uniform(0.3, most_s)

    def note(self, what: str) -> None:
        """Print it at once: when something goes wrong, one wants to know what was before."""
        self.told.append(what)
        print(f"{time.strftime('%H:%M:%S')} {what}")


@dataclass(frozen=True)
class Fault:
    """How something is taken away in the middle of a run, and given back after it."""

    take: Callable[[], object]
    give_back: Callable[[], object]


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    """Machines without a cluster, and a seed."""
    with room_for(LAB):
        yield _machines()


def _machines() -> Story:
    world = make(LAB, workers=2)
    for machine in world.machines:
        world.shell(machine, "cat /sys/class/net/eth0/address >/root/mac")
    print(f"\nPROVISIONER_TEST_SEED={SEED}")
    return Story(world, random.Random(SEED))  # noqa: S311 - moments, not secrets


def killed(story: Story, inventory: Path, most_s: float) -> bool:
    """Kill a run at a random moment. False when it has come to its end before."""
    moment_s = story.moment(most_s)
    with Running("apply", inventory) as run:
        if run.is_over_within(moment_s):
            assert run.ended().code == 0, run.ended()
            return False
        run.kill()
    story.killed += 1
    story.note(f"killed after {moment_s:.1f} s")
    return True


def lost(story: Story, inventory: Path, machine: str, fault: Fault, *titles: str) -> None:
    """Lose a machine in the middle of a step: the run goes on with the others, exits with 4 and names it."""
    with Running("apply", inventory) as run:
        step = run.step(machine, *titles)
        time.sleep(story.moment(1.5))
        fault.take()
        try:
            began_s = time.monotonic()
            said = run.ended()
        finally:
            fault.give_back()
    story.note(f"{machine} lost during: {step['title']}; the run ended {time.monotonic() - began_s:.0f} s later")
    assert said.code == 4, said
    hosts = said.report["hosts"]
    assert [name for name, told in hosts.items() if told.get("failed")] == [machine], said
    assert hosts[machine]["left"] > 0, said
    assert f"{machine}: the connection to" in said.stdout, said
    assert all("left" not in told for name, told in hosts.items() if name != machine), said


@contextmanager
def tallied(story: Story, tally: Tally) -> Iterator[None]:
    """Add to the summary how much was survived."""
    before = len(story.told)
    yield
    tally("real kills survived", len(story.told) - before)


def come_to_rest(story: Story, inventory: Path) -> None:
    """The same command once more, and all is as if nothing had happened."""
    done = provisioner("apply", "-i", str(inventory), "--json")
    assert done.code == 0, done
    left = {machine: story.world.shell(machine, LEFTOVERS) for machine in story.world.machines}
    assert {machine: text for machine, text in left.items() if text} == {}
    secrets_left = story.world.kubectl("-n", "kube-system", "get", "secrets", "-o", "name")
    assert "bootstrap-token-" not in secrets_left
    verify = provisioner("verify", "-i", str(inventory), "--json")
    assert verify.code == 0, verify
    plan = provisioner("plan", "-i", str(inventory), "--json", "--exit-code")
    assert plan.code == 0, plan


def unplugged(story: Story, machine: str) -> Fault:
    """Its network is gone."""
    return Fault(lambda: story.world.shell(machine, PULL), lambda: story.world.shell(machine, PLUG_IN))


def switched_off(story: Story, machine: str) -> Fault:
    """It loses its power, and is started again."""
    argv = ["docker", "kill", f"provisioner-lab-{story.world.name}-{machine}"]
    return Fault(lambda: subprocess.run(argv, check=True, capture_output=True), lambda: make(LAB, workers=2))


def test_a_bring_up(story: Story, tally: Tally) -> None:
    """Killed from its first second on, and a worker is cut off while something is installed on it."""
    document = story.world.document()
    del document["all"]["children"]["workers"]["hosts"]["w2"]
    with tallied(story, tally), story.world.other_inventory(document) as inventory:
        killed(story, inventory, 6)
        lost(story, inventory, "w1", unplugged(story, "w1"), *LONG[:2])
        for _ in range(4):
            killed(story, inventory, 18)


def test_a_second_worker(story: Story, tally: Tally) -> None:
    """It comes before the first has come to rest: loses its power while packages are installed, and is cut off while it
    joins.
    """
    inventory = story.world.inventory
    with tallied(story, tally):
        killed(story, inventory, 5)
        lost(story, inventory, "w2", switched_off(story, "w2"), *LONG[:2])
        lost(story, inventory, "w2", unplugged(story, "w2"), "kubeadm join")
        killed(story, inventory, 10)
        come_to_rest(story, inventory)


def test_a_changed_setting(story: Story, tally: Tally) -> None:
    """Changed until enough runs were killed: a configuration and the restart that it needs are never taken apart."""
    with tallied(story, tally):
        while True:
            document = story.world.document()
            want = {"type": "docker", "log_max_size": f"{20 + len(story.told)}m"}
            document["all"]["vars"]["cluster"]["runtime"] = want
            with story.world.other_inventory(document) as inventory:
                killed(story, inventory, 5)
                if story.killed >= LEAST_KILLS:
                    come_to_rest(story, inventory)
                    break
    assert story.killed >= LEAST_KILLS
