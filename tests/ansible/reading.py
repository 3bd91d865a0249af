"""One inventory, read by Ansible and by us, both as `{"groups": {...}, "hosts": {...}}`; and the cases' files."""

from __future__ import annotations

import datetime
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provisioner.errors import Severity
from provisioner.inventory import sources, tree
from provisioner.inventory.findings import Finding
from tests.patience import LONGEST_S

ROOT = Path(__file__).parents[2]
TALLY = "inventories compared with ansible-inventory"
Reading = dict[str, Any]


def environment(home: Path) -> dict[str, str]:
    """Nothing of the user's: no configuration, no plug-ins, no vault; a file that Ansible cannot read is an error."""
    (home / "ansible.cfg").touch()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    own = {"HOME": str(home), "ANSIBLE_CONFIG": str(home / "ansible.cfg"), "LC_ALL": "C.UTF-8", "PYTHONPATH": str(ROOT)}
    return {**kept, **own, "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "1"}


class Ansible:
    """Ansible in a process of its own, which answers for one path after the other."""

    def __init__(self, home: Path) -> None:
        """Begins at once; its working directory is empty, as Ansible reads `group_vars/` there too."""
        self.home, self.directory = home, home / "empty"
        self.directory.mkdir()
        with (home / "stderr").open("w") as warnings:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.ansible.server"], env=environment(home), cwd=self.directory,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=warnings, text=True,
            )  # fmt: skip

    def read(self, path: Path) -> Reading:
        """What Ansible makes of an inventory; `{"error": ...}` where it refuses."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{path}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, (self.home / "stderr").read_text()
        answer: Reading = json.loads(line, object_hook=_plain)
        return answer

    def close(self) -> None:
        """No more questions."""
        self.process.communicate(timeout=LONGEST_S)

    def run(self, path: Path) -> Reading:
        """The same from the real `ansible-inventory --list`, which leaves out groups without anything in them."""
        program = Path(sys.executable).with_name("ansible-inventory")
        done = subprocess.run(
            [program, "-i", path, "--list"], env=environment(self.home), cwd=self.directory,
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return _from_listing(json.loads(done.stdout, object_hook=_plain))


def _plain(value: dict[str, Any]) -> Any:
    """Text that Ansible would not take for a template is marked when it is shown."""
    return value["__ansible_unsafe"] if value.keys() == {"__ansible_unsafe"} else value


def _from_listing(listing: Reading) -> Reading:
    known = listing.pop("_meta")["hostvars"]
    inside = {name: _inside(name, listing) for name in listing}
    groups = {
        name: {"children": sorted(group.get("children", ())), "hosts": sorted(inside[name])}
        for name, group in listing.items()
    }
    return {"groups": groups, "hosts": {name: known.get(name, {}) for name in inside["all"]}}


def _inside(name: str, listing: Reading) -> set[str]:
    group = listing.get(name, {})
    return set(group.get("hosts", ())).union(*(_inside(child, listing) for child in group.get("children", ())))


def ours(path: Path) -> Reading:
    """What we make of it."""
    source = sources.read(path)
    grown, found = tree.grow(source.statements)
    wrong = [finding for finding in (*source.findings, *found) if finding.severity is Severity.ERROR]
    if wrong:
        return {"error": _told(wrong)}
    above = tree.parents(source.statements)
    groups = {
        group: {
            "children": sorted(child for child, around in above.items() if group in around),
            "hosts": sorted(host.name for host in grown.hosts if group in (*host.groups, "all")),
        }
        for group in above
    }
    values = {host.name: {one.name: one.value for one in host.variables.values()} for host in grown.hosts}
    return {"groups": groups, "hosts": json.loads(json.dumps(values, default=_as_text))}


def _told(wrong: Iterable[Finding]) -> str:
    return "; ".join(f"{finding.path}: {finding.message}" for finding in wrong)


def _as_text(value: object) -> str:
    assert isinstance(value, datetime.date)
    return value.isoformat()


def without_empty(reading: Reading) -> Reading:
    """As `ansible-inventory --list` shows it."""
    groups = {name: group for name, group in reading["groups"].items() if group["hosts"] or group["children"]}
    return {**reading, "groups": groups}


@dataclass(frozen=True, slots=True)
class Case:
    """The files of an inventory; the first names it, or the directory that it is in."""

    title: str
    files: tuple[tuple[str, str], ...]

    def write(self, directory: Path) -> Path:
        """Write the files; those that begin with `#!` can be executed. Gives the path of the inventory."""
        for name, text in self.files:
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(0o755 if text.startswith("#!") else 0o644)
        return directory / Path(self.files[0][0]).parts[0]

    def __str__(self) -> str:
        """For pytest."""
        return self.title


def cases(path: Path) -> Iterator[Case]:
    """Cases in a text file: `=== title`, and for each file of the inventory `--- name` with its lines below."""
    for part in re.split(r"^=== ", path.read_bytes().decode(), flags=re.MULTILINE)[1:]:
        title, _, rest = part.partition("\n")
        texts = re.split(r"^--- (.+)\n", rest.rstrip("\n") + "\n", flags=re.MULTILINE)[1:]
        yield Case(title, tuple(zip(texts[::2], texts[1::2], strict=True)))
