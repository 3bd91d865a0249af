"""What our scripts do to files."""

from __future__ import annotations

import hashlib
import re

from provisioner.core.command import Command
from provisioner.inventory.values import Secret
from provisioner.resources.hosts import PATH as HOSTS
from provisioner.world.look import KEPT
from tests.fake.moments import Handler, Moments
from tests.fake.state import Machine

_AUTHORITY = r"(?m)^[ -]*certificate-authority(?:-data)?: *(.*)"


def _probe(machine: Machine, command: Command, path: str, kind: str) -> str:
    file = machine.files.get(path)
    if file is None:
        return "absent\n"
    body = hashlib.sha256(file.text.encode()).hexdigest() + "  -\n" if kind == "secret" else file.text
    return f"{file.mode} {file.owner}\n{body}"


def _write(machine: Machine, command: Command, path: str, mode: str, owner: str) -> Moments:
    directory, _, name = path.rpartition("/")
    new = f"{directory}/.{name}.provisioner"
    machine.put(new, mode="600")
    yield
    machine.put(new, _input(command), "600")
    yield
    machine.files[new].owner = owner
    machine.files[new].mode = mode
    yield
    machine.move(new, path)
    return ""


def _input(command: Command) -> str:
    return command.stdin.reveal() if isinstance(command.stdin, Secret) else command.stdin


def _chmod(machine: Machine, command: Command, path: str, mode: str, owner: str) -> Moments:
    machine.files[path].owner = owner
    yield
    machine.files[path].mode = mode
    return ""


def _modes(machine: Machine, command: Command, *places: str) -> str:
    """Files only: a directory is not remembered."""
    names = [name for place in places for name in machine.below(place) if not name.endswith("/")]
    return "".join(f"{machine.files[name].mode} {machine.files[name].owner} f {name}\n" for name in names)


def _narrow(machine: Machine, command: Command, owner: str, how: str, *paths: str) -> Moments:
    for path in paths:
        file = machine.files[path]
        file.owner = owner if ":" in owner else f"{owner}:{file.owner.partition(':')[2]}"
        yield
        file.mode = f"{int(file.mode, 8) & ~(0o077 if how == 'go-rwx' else 0o022):o}"
        yield
    return ""


def _present(machine: Machine, command: Command, path: str) -> str:
    return "present\n" if machine.there(path) else ""


def _remove(machine: Machine, command: Command, path: str) -> str:
    machine.drop(path)
    return ""


def _keep(machine: Machine, command: Command, path: str) -> Moments:
    directory, _, name = path.rpartition("/")
    if path not in machine.files or path + KEPT in machine.files:
        return ""
    file = machine.files[path]
    machine.put(f"{directory}/.{name}.provisioner", file.text, file.mode, file.owner)
    yield
    machine.move(f"{directory}/.{name}.provisioner", path + KEPT)
    return ""


def _copied(machine: Machine, command: Command, source: str, path: str) -> str:
    one, other = machine.files.get(source), machine.files.get(path)
    if other is None:
        return "absent\n"
    if one is not None and one.text == other.text:
        return f"{other.mode} {other.owner.partition(':')[0]}\n"
    ours = re.findall(_AUTHORITY, one.text if one else "")
    return (
        "differs\n" if path + KEPT in machine.files or ours == re.findall(_AUTHORITY, other.text) != [] else "other\n"
    )


def _copy(machine: Machine, command: Command, source: str, path: str, user: str) -> Moments:
    machine.put(f"{path}.provisioner", machine.read(source), "600", f"{user}:{user}")
    yield
    machine.move(f"{path}.provisioner", path)
    return ""


def _listed(machine: Machine, command: Command, path: str) -> str:
    return "".join(f"{name.removeprefix(path + '/')}\n" for name in machine.below(path) if name != path)


def _remove_names(machine: Machine, command: Command, path: str, *names: str) -> Moments:
    for name in names:
        machine.drop(f"{path}/{name}")
        yield
    return ""


def _directory(machine: Machine, command: Command, path: str) -> str:
    """A directory that is desired itself is remembered as a name that ends with a slash."""
    found = machine.files.get(f"{path}/")
    return f"{found.mode} {found.owner}\n" if found else "755 root:root\n" if machine.there(path) else ""


def _make_directory(machine: Machine, command: Command, path: str, mode: str, owner: str) -> Moments:
    machine.put(f"{path}/")
    yield
    machine.put(f"{path}/", owner=owner)
    yield
    machine.put(f"{path}/", mode=mode, owner=owner)
    return ""


def _looked_up(machine: Machine, command: Command, name: str, patience_s: str) -> str:
    """What getent answers: a loopback address before all others, as with getaddrinfo(3). There are no name servers."""
    lines = (line.partition("#")[0].split() for line in machine.read(HOSTS).splitlines())
    found = dict.fromkeys(words[0] for words in lines if name in words[1:])
    return "".join(f"{address}\n" for address in sorted(found, key=lambda one: not one.startswith("127.")))


def _name(machine: Machine, command: Command, path: str, address: str, name: str) -> Moments:
    kept = "".join(_without(line, name) for line in machine.read(path).splitlines(keepends=True))
    machine.put(f"{path}.provisioner", f"{address} {name} # provisioner\n{kept}")
    yield
    machine.move(f"{path}.provisioner", path)
    return ""


def _without(line: str, name: str) -> str:
    """A line of the file before ours came: one of ours goes, and the name leaves a loopback address."""
    if line.endswith(" # provisioner\n"):
        return ""
    address, *names = line.split() or [""]
    if not address.startswith("127.") or name not in names:
        return line
    others = [other for other in names if other != name]
    return f"{' '.join([address, *others])}\n" if others else ""


SCRIPTS: dict[str, Handler] = {
    "looked_up": _looked_up,
    "name": _name,
    "file": _probe,
    "write": _write,
    "chmod": _chmod,
    "modes": _modes,
    "narrow": _narrow,
    "present": _present,
    "remove": _remove,
    "keep": _keep,
    "copied": _copied,
    "copy": _copy,
    "directory": _directory,
    "listed": _listed,
    "remove_names": _remove_names,
    "make_directory": _make_directory,
}
