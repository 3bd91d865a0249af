"""What the tests of faults share: a lab with two machines that are not nodes yet, and what a good refusal is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.world import Said, World, provisioner

# What there is of us on a machine; nothing on a fresh one.
NODE_PATHS = "ls /etc/docker /etc/provisioner /etc/kubernetes 2>/dev/null || :"
# People read an error where they ran the command.
SCREEN_LINES = 40


def workers(document: dict[str, Any]) -> dict[str, Any]:
    """The workers' entries of an inventory."""
    hosts: dict[str, Any] = document["all"]["children"]["workers"]["hosts"]
    return hosts


def settings(document: dict[str, Any]) -> dict[str, Any]:
    """The cluster's settings in an inventory."""
    cluster: dict[str, Any] = document["all"]["vars"]["cluster"]
    return cluster


def without(world: World, *names: str) -> dict[str, Any]:
    """The inventory without these workers."""
    document = world.document()
    for name in names:
        del workers(document)[name]
    return document


def address(world: World, worker: str) -> str:
    """Where that worker is."""
    return str(workers(world.document())[worker]["ansible_host"])


def node_conditions(world: World) -> dict[str, str]:
    """Whether each node is Ready, in the API server's words (True, False, Unknown)."""
    path = 'jsonpath={range .items[*]}{.metadata.name}={.status.conditions[?(@.type=="Ready")].status} {end}'
    return dict(word.split("=") for word in world.kubectl("get", "nodes", "-o", path).split())


def said_clearly(said: Said, code: int, *words: str) -> Said:
    """That exit code, these words, on one screen and without a traceback."""
    assert said.code == code, said
    text = " ".join(said.stderr.split())
    for word in words:
        assert word in text, said
    assert len(said.stderr.splitlines()) < SCREEN_LINES, said
    assert "Traceback" not in said.stderr
    return said


def failed(world: World, document: dict[str, Any], code: int, *words: str) -> Said:
    """Apply fails with this code and these words."""
    with world.other_inventory(document) as path:
        return said_clearly(provisioner("apply", "-i", str(path)), code, *words)


def refused(world: World, document: dict[str, Any], code: int, *words: str) -> Said:
    """Apply is refused with this code and these words, and nothing was done anywhere."""
    said = failed(world, document, code, *words)
    assert "✓" not in said.stdout, said
    return said


def applied(world: World, document: dict[str, Any]) -> Said:
    """Apply comes to its end, and there is nothing left to do."""
    with world.other_inventory(document) as path:
        done = provisioner("apply", "-i", str(path), "--json")
        assert done.code == 0, done
        plan = provisioner("plan", "-i", str(path), "--json", "--exit-code")
        assert plan.code == 0, plan
    return done


@contextmanager
def damaged(world: World, machine: str, damage: str, repair: str) -> Iterator[None]:
    """Something is wrong on a machine for a while."""
    world.shell(machine, damage)
    try:
        yield
    finally:
        world.shell(machine, repair)


def swallowing(interface: str, *ports: str) -> str:
    """A script after which a machine swallows what comes in for these ports (`TCP 6443`, `IP protocol 4`).

    By rules for routing, asked before those that know the machine's own addresses: fresh machines have no iptables.
    """
    lines = ["ip rule add pref 10 lookup local", "ip rule delete pref 0"]
    for protocol, number in (port.rsplit(" ", 1) for port in ports):
        match = f"ipproto {protocol.lower()} dport {number}" if protocol in {"TCP", "UDP"} else f"ipproto {number}"
        lines.append(f"ip rule add pref 5 iif {interface} {match} blackhole")
    return "\n".join(lines)


# And after this one it does not any more.
PASSING = "ip rule add pref 0 lookup local; ip rule delete pref 10; while ip rule delete pref 5 2>/dev/null; do :; done"


@contextmanager
def known_hosts(world: World, text: str) -> Iterator[Path]:
    """Other known hosts for a while."""
    path = world.inventory.parent / "known_hosts"
    original = path.read_text()
    path.write_text(text)
    try:
        yield path
    finally:
        path.write_text(original)
