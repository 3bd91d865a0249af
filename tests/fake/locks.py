"""The lock of a run on a control plane, and the places that a run has on a machine while it works."""

from __future__ import annotations

from provisioner.core.command import Command
from provisioner.core.lock import PATH
from tests.fake.background import pass_moment
from tests.fake.moments import Handler, Moments
from tests.fake.state import Machine


def told(machine: Machine, path: str = PATH) -> str:
    """Who holds the lock, and how many seconds ago they gave a sign of life."""
    file = machine.files.get(path)
    return f"age={machine.clock.now_s - file.written_s:.0f}\n{file.text}" if file else ""


def _holder(machine: Machine, path: str) -> str:
    return machine.read(path).partition("run=")[2].partition("\n")[0]


def _take(machine: Machine, command: Command, path: str, run: str, dead: str, stale: str) -> str | Moments:
    file = machine.files.get(path)
    if file and _holder(machine, path) not in (run, dead) and machine.clock.now_s - file.written_s <= int(stale):
        return told(machine, path)
    return _taking(machine, path, str(command.stdin))


def _taking(machine: Machine, path: str, text: str) -> Moments:
    machine.put(f"{path}.new", text)
    yield
    machine.move(f"{path}.new", path)
    return ""


def _renew(machine: Machine, command: Command, path: str, run: str) -> str:
    if path not in machine.files:
        return "gone\n"
    if _holder(machine, path) != run:
        return told(machine, path)
    machine.files[path].written_s = machine.clock.tick()
    return ""


def _release(machine: Machine, command: Command, path: str, run: str) -> str:
    if _holder(machine, path) == run:
        machine.drop(path)
    return ""


def _opened(
    machine: Machine, command: Command, run: str, scratch: str, place: str, address: str, where: str, mirrors: str
) -> Moments:
    if machine.read(f"{scratch}/id").strip() != run:
        machine.drop(scratch)
        machine.drop(place)
        yield
    for path, text in ((f"{scratch}/id", run), (where, address), (mirrors, f"{address}/apt/")):
        machine.put(path, f"{text}\n")
        yield
    return ""


def _closed(machine: Machine, command: Command, scratch: str, place: str) -> Moments:
    machine.drop(scratch)
    yield
    machine.drop(place)
    return ""


def _left(machine: Machine, command: Command, run: str, *places: str) -> str:
    if machine.read(f"{places[0]}/id").strip() == run:
        return ""
    return "".join(f"{place}\n" for place in places if machine.there(place))


def _left_gone(machine: Machine, command: Command, run: str, *places: str) -> Moments:
    if machine.read(f"{places[0]}/id").strip() != run:
        for place in places:
            machine.drop(place)
            yield
    return ""


def _holder_told(machine: Machine, command: Command) -> str:
    return told(machine)


def _settle(machine: Machine, command: Command, *arguments: str) -> Moments:
    lines = []
    while machine.busy_until_s > machine.clock.now_s:
        lines.append(f"an earlier run's command is still at work: {machine.busy_with}\n")
        pass_moment(machine)
        yield
    return "".join(lines[::5])


SCRIPTS: dict[str, Handler] = {
    "holder": _holder_told,
    "take": _take,
    "renew": _renew,
    "release": _release,
    "opened": _opened,
    "closed": _closed,
    "settle": _settle,
    "left": _left,
    "left_gone": _left_gone,
}
