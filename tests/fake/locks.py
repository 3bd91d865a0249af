"""The run lock on a control plane, and the places that a run has on a machine while it works."""

from __future__ import annotations

from base64 import b64encode

from provisioner.core.command import Command
from provisioner.world.lock import PATH, RECORD_BYTES
from tests.fake.background import pass_moment
from tests.fake.moments import Handler, Moments
from tests.fake.state import FakeFile, Machine


def told(machine: Machine, path: str = PATH) -> str:
    """Which run holds the lock, and how many seconds ago it was renewed."""
    file = machine.files.get(path)
    return f"held {machine.clock.now_s - file.written_s:.0f} {_seal(file)}\n" if file else "free\n"


def _seal(file: FakeFile) -> str:
    kind = "regular file" if file.text else "regular empty file"
    return f"{b64encode(file.text.encode()[:RECORD_BYTES]).decode()} {kind}"


def _is_of(machine: Machine, path: str, run: str) -> bool:
    runs = [line.removeprefix("run=") for line in machine.read(path).split("\n") if line.startswith("run=")]
    return runs == [run] != [""]


def _take(machine: Machine, command: Command, path: str, run: str, dead: str, stale: str) -> str | Moments:
    file = machine.files.get(path)
    if file and not _is_of(machine, path, run) and not _is_of(machine, path, dead):
        answer, age_s = told(machine, path), machine.clock.now_s - file.written_s
        if age_s < 0:
            file.written_s = machine.clock.now_s
        if age_s <= int(stale):
            return answer
    return _taking(machine, path, str(command.stdin))


def _taking(machine: Machine, path: str, text: str) -> Moments:
    machine.put(f"{path}.new", text)
    yield
    machine.move(f"{path}.new", path)
    return "taken\n"


def _renew(machine: Machine, command: Command, path: str, run: str) -> str:
    if not _is_of(machine, path, run):
        return told(machine, path)
    machine.files[path].written_s = machine.clock.tick()
    return "renewed\n"


def _release(machine: Machine, command: Command, path: str, run: str) -> str:
    if not _is_of(machine, path, run):
        return told(machine, path)
    machine.drop(path)
    return "released\n"


def _remove(machine: Machine, command: Command, path: str, seal: str) -> str:
    if path not in machine.files or _seal(machine.files[path]) != seal:
        return told(machine, path)
    machine.drop(path)
    return "removed\n"


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
    "remove_lock": _remove,
    "opened": _opened,
    "closed": _closed,
    "settle": _settle,
    "left": _left,
    "left_gone": _left_gone,
}
