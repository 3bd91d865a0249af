"""What a machine makes of a command: a script of ours, known by its text, or a program, known by its arguments."""

from __future__ import annotations

from collections.abc import Generator

from provisioner.core.command import Command, Result
from provisioner.resources.apt import APT, QUIET
from tests.builders import ok
from tests.fake import (
    api_server,
    checkpoints,
    downloads,
    files,
    images,
    kernel,
    kubeadm,
    kubectl,
    locks,
    looking,
    packages,
    scripts,
    services,
)
from tests.fake.moments import Answer, Handler, Moments
from tests.fake.state import Machine

HANDLERS: dict[str, Handler] = {
    **api_server.SCRIPTS,
    **checkpoints.SCRIPTS,
    **files.SCRIPTS,
    **images.SCRIPTS,
    **kernel.SCRIPTS,
    **kubeadm.SCRIPTS,
    **kubectl.SCRIPTS,
    **locks.SCRIPTS,
    **looking.SCRIPTS,
    **packages.SCRIPTS,
    **downloads.SCRIPTS,
    **services.SCRIPTS,
    "nothing": lambda machine, command: "",
}


def name_of(command: Command) -> str:
    """The name of one of our scripts, or nothing for a program."""
    if command.argv[:2] != ("/bin/sh", "-euc"):
        return ""
    name = scripts.NAMES.get(command.argv[2])
    assert name, f"the machines were not taught this script:\n{command.argv[2]}"
    return name


def shown(command: Command) -> str:
    """The command as the tests speak of it; nothing for one that only looks."""
    name = name_of(command)
    if not name:
        return " ".join(command.argv)
    return f"{name} {' '.join(command.argv[4:6])}" if name in scripts.CHANGING else ""


def run(machine: Machine, command: Command) -> Generator[None, None, Result]:
    """Do it, moment by moment; returns what it answers."""
    name = name_of(command)
    done = HANDLERS[name](machine, command, *command.argv[4:]) if name else _program(machine, command)
    answer: Answer = (yield from done) if isinstance(done, Generator) else done
    return answer if isinstance(answer, Result) else ok(answer)


def _program(machine: Machine, command: Command) -> Answer | Moments:
    match command.argv:
        case words if words[: len(APT)] == APT:
            return packages.apt(machine, words[len(QUIET) + 1 :])
        case ("apt-mark", "hold", *names):
            return packages.hold(machine, *names)
        case ("systemctl", "daemon-reload"):
            services.reload(machine)
            return ""
        case ("systemctl", verb, unit):
            return services.systemctl(machine, verb, unit)
        case ("sysctl", "-w", *pairs):
            return kernel.set_settings(machine, *pairs)
        case ("modprobe", "--all", *names):
            return kernel.load(machine, *names)
        case ("rm", "-f", path):
            machine.drop(path)
            return ""
        case ("kubectl", _, *words):
            return kubectl.kubectl(machine, words, command.stdin)
    raise AssertionError(f"{machine.name} was not taught: {command}")
