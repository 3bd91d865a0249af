"""A pyinfra deploy, run by pyinfra in its own environment: one operation for each of the host's tasks.

What pyinfra has no operation for (holds, modules that may be built in) is asked for by a fact, and would be fixed
by an operation only where it is not so, which is the tool's own way.
"""

from io import StringIO
from typing import Any

from pyinfra import host
from pyinfra.facts.files import File
from pyinfra.facts.server import Command
from pyinfra.operations import apt, files, server, systemd


def _hold(task: dict[str, Any]) -> None:
    names = task["names"]
    held = (host.get_fact(Command, f"apt-mark showhold {' '.join(names)}") or "").split()
    if set(names) - set(held):
        server.shell(name=f"hold {task['name']}", commands=[f"apt-mark hold {' '.join(names)}"])


def _module(task: dict[str, Any]) -> None:
    if not host.get_fact(Command, f"{{ {task['value']}; }} && echo there"):
        server.shell(name=f"load {task['name']}", commands=[f"modprobe {task['name']}"])


def _node(task: dict[str, Any]) -> None:
    if not host.get_fact(File, task["name"]):
        server.shell(name=task["value"], commands=[task["value"]])


def _file(task: dict[str, Any]) -> None:
    files.put(src=StringIO(task["value"]), dest=task["name"], user="root", group="root", mode=task["mode"].lstrip("0"))


OPERATIONS = {
    "module": _module,
    "sysctl": lambda task: server.sysctl(key=task["name"], value=int(task["value"])),
    "file": _file,
    "packages": lambda task: apt.packages(packages=task["names"]),
    "hold": _hold,
    "service": lambda task: systemd.service(service=task["name"], running=True, enabled=True),
    "node": _node,
}

for desired in host.data.tasks:
    OPERATIONS[desired["kind"]](desired)
