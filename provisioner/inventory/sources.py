"""What `-i` may name: a file in YAML, JSON or INI, a program that prints JSON, or a directory of them; and the files
in `group_vars/` and `host_vars/` beside it. All of it becomes one `Contents`, in the order in which Ansible reads.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from provisioner.inventory import beside, files, from_ini, from_yaml, places, scripts, text_files, yaml_lines
from provisioner.inventory.findings import Finding
from provisioner.inventory.statements import Contents, failure, join

_YAML = (".yaml", ".yml", ".json")
# What Ansible ignores in a directory: INVENTORY_IGNORE_EXTS and IGNORED_ALWAYS of ansible-core 2.19.
_IGNORED = re.compile(
    r"^\.|^(host_vars|group_vars|vars_plugins)$|(\.(pyc|pyo|swp|bak|rpm|md|txt|rst|orig|cfg|retry)|~)$"
)
# Inventory files in one directory; usually there are a handful.
MOST_FILES = 1_000
# How an invalid YAML inventory begins; an INI file begins with a section or a host.
_LIKE_YAML = re.compile(r"(---|\{|[^\s#;\[][^\s=]*:(\s|$))")


def read(path: Path) -> Contents:
    """All statements of an inventory."""
    try:
        found = tuple(_below(path)) if places.kind(path) is places.Kind.DIRECTORY else (path,)
    except OSError as error:
        return Contents(findings=(text_files.unreadable(Path(error.filename or path), error),), sound=False)
    if len(found) > MOST_FILES:
        return failure("too-much", str(path), f"has more than {MOST_FILES:,} files", "name the right directory")
    said = Contents() if found else failure("unreadable", str(path), "has no inventory in it", "name a file")
    for file in found:
        said = join((said, _file(file, said.groups)))
    return join((said, beside.read(files.directory(path), said))) if said.sound else said


def _below(directory: Path) -> Iterator[Path]:
    """A loop of symbolic links ends in an OSError: the kernel follows at most 40 of them."""
    for entry in places.entries(directory):
        if not _IGNORED.search(entry.name):
            yield from _below(entry) if places.kind(entry) is places.Kind.DIRECTORY else (entry,)


def _file(path: Path, known: tuple[str, ...]) -> Contents:
    file = str(path)
    if "," in path.name and places.kind(path) is places.Kind.NOTHING:
        hint = "write the hosts into a file, see inventories/ for examples"
        return failure("unreadable", file, "a list of hosts has no groups, and so no roles", hint)
    if path.suffix == ".toml":
        hint = "write it as YAML, or as INI in a file with another ending"
        return failure("unsupported", file, "TOML is not supported: use YAML or INI", hint)
    if is_program(path):
        return _program(path)
    text = text_files.read(path)
    if isinstance(text, Finding):
        return Contents(findings=(text,), sound=False)
    if path.suffix in _YAML:
        return from_yaml.read(yaml_lines.read(text, file), file)
    return _any_format(text, file, known) if not path.suffix else from_ini.read(text, file, known)


def _any_format(text: str, file: str, known: tuple[str, ...]) -> Contents:
    """A file without an ending may be either: YAML when it is a mapping, or looks like one."""
    document = yaml_lines.read(text, file)
    lines = (line for line in text.splitlines() if line.strip() and line.strip()[0] not in "#;")
    if isinstance(document.value, dict) or _LIKE_YAML.match(next(lines, "")):
        return from_yaml.read(document, file)
    return from_ini.read(text, file, known)


def is_program(path: Path) -> bool:
    """Whether an inventory is a program, by its first bytes: on some file systems every file is executable."""
    try:
        if places.kind(path) is not places.Kind.FILE:  # a pipe can be read only once
            return False
        with path.open("rb") as file:
            return file.read(4) == b"\x7fELF" or (file.seek(0) == 0 and file.read(2) == b"#!")
    except OSError:
        return False


def _program(path: Path) -> Contents:
    if os.access(path, os.X_OK):
        return scripts.read(path)
    file = str(path)
    message = "this begins like a program (#!), but is not executable"
    return failure("script", file, message, f"chmod +x {shlex.quote(file)}")
