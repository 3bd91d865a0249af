"""What our bring-up holds on a node, as tasks that Ansible and pyinfra can hold too.

They are taken from the product's own desired state for the very machines that are measured, so all three tools look at
the same files, packages, settings and services.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from provisioner.core.resource import Resource
from provisioner.errors import UsageError
from provisioner.plays.procedure import Procedure
from provisioner.resources.files import File
from provisioner.resources.kernel import Modules, Sysctls
from provisioner.resources.packages import Packages
from provisioner.resources.services import Service
from provisioner.world.view import View

# That a machine is a node: a command that is run where its file is not there. It never is here.
NODE = "/etc/kubernetes/kubelet.conf"
# A module may be built into the kernel, where the tools' own modprobe operations would never come to rest.
_BUILT_IN = "test -d /sys/module/{0} || grep -qsw {0} /proc/filesystems || test -d /proc/sys/net/bridge"
_HAS_MODULE = _BUILT_IN + " || modprobe {0}"


class Kind(StrEnum):
    """The kinds of tasks, in the order in which they run."""

    MODULE = "module"
    SYSCTL = "sysctl"
    FILE = "file"
    PACKAGES = "packages"
    HOLD = "hold"
    SERVICE = "service"
    NODE = "node"


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to hold: `name` is a path, unit or setting; `value` a content, value or command; `names` packages."""

    kind: Kind
    name: str
    value: str = ""
    mode: str = ""
    names: tuple[str, ...] = ()


def of_hosts(procedure: Procedure, view: View) -> dict[str, tuple[Task, ...]]:
    """The tasks of every host, of the same kinds in the same order; UsageError when hosts differ in kinds."""
    desired: dict[str, list[Resource]] = {}
    for play in procedure.plays:
        for host in play.subjects(view):
            desired.setdefault(host.name, []).extend(play.desired(view, host))
    found = {host: of(resources) for host, resources in desired.items()}
    if len({tuple(task.kind for task in tasks) for tasks in found.values()}) != 1:
        raise UsageError("the machines hold different kinds of things, which one playbook cannot say")
    return found


def of(resources: Iterable[Resource]) -> tuple[Task, ...]:
    """The tasks for one host, sorted by kind. What neither tool has words for (images, node objects) is left out."""
    order = list(Kind)
    found = [task for resource in resources for task in _tasks(resource)]
    return tuple(sorted([*found, Task(Kind.NODE, NODE, "kubeadm join")], key=lambda task: order.index(task.kind)))


def _tasks(resource: object) -> Iterator[Task]:
    match resource:
        case Modules(names=names):
            yield from (Task(Kind.MODULE, name, _HAS_MODULE.format(name)) for name in names)
        case Sysctls(desired=desired):
            yield from (Task(Kind.SYSCTL, name, value) for name, value in desired)
        case File(path=path, content=str(content), mode=mode):
            yield Task(Kind.FILE, path, content, mode=f"{mode:04o}")
        case Packages(title=title, desired=desired):
            yield Task(Kind.PACKAGES, title, names=tuple(f"{name}={version}" for name, version in desired))
            yield Task(Kind.HOLD, title, names=tuple(name for name, _ in desired))
        case Service(unit=unit):
            yield Task(Kind.SERVICE, unit)
