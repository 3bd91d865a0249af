"""The API server's own files: the key that encrypts, and what it has read since it was started."""

from __future__ import annotations

from provisioner.core.command import Command
from tests.fake.background import MANIFESTS, pass_moment
from tests.fake.moments import Handler, Moments, failed
from tests.fake.state import Machine


def _key(machine: Machine, command: Command, path: str) -> str:
    file = machine.files.get(path)
    return f"{file.mode} {file.owner}\n" if file else ""


def _make_key(machine: Machine, command: Command, path: str, before: str, after: str) -> Moments:
    if path in machine.files:
        return ""
    new = f"{path.rpartition('/')[0]}/.configuration.provisioner"
    machine.put(new, mode="600")
    yield
    machine.put(new, f"{before}a key that {machine.name} has made\n{after}", "600")
    yield
    machine.move(new, path)
    return ""


def _current(machine: Machine, command: Command, argument: str, path: str) -> str:
    cluster, flag = machine.cluster, argument.removeprefix("--").partition("=")[0]
    if cluster.api == "down" or not machine.there(MANIFESTS) or flag not in cluster.configuration:
        return ""
    file = machine.files.get(path)
    return "running\nolder\n" if file and file.written_s > cluster.api_started_s else "running\n"


def _restart(machine: Machine, command: Command, argument: str, conf: str, deadline: str) -> Moments:
    machine.cluster.api = "down"
    yield
    for _ in range(int(deadline)):
        pass_moment(machine)
        yield
        if machine.cluster.api == "up":
            return ""
    return failed(1, f"gave up after {deadline} s of waiting until the API server is back")


SCRIPTS: dict[str, Handler] = {
    "key": _key,
    "make_key": _make_key,
    "api_current": _current,
    "restart_api": _restart,
}
