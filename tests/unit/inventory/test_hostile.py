"""Whatever an inventory holds, and whatever lies in its place: problems with file and line, in little memory."""

from __future__ import annotations

import os
import resource
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
import yaml

from provisioner import bounded_yaml
from provisioner.inventory import places
from provisioner.inventory.loader import check
from provisioner.inventory.show import as_ansible
from tests.conftest import Tally
from tests.unit.inventory import hostile
from tests.unit.inventory.conftest import Write

NOBODY = 65534
TRIED = 300
BOMB = "x: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"y{number}: &{name} [{','.join([f'*{before}'] * 10)}]\n"
    for number, (before, name) in enumerate(zip("abcdefgh", "bcdefghi", strict=True))
)
MERGED = "x: &a {k: 1}\n" + "".join(
    f"y{number}: &{name} {{<<: [{','.join([f'*{before}'] * 10)}]}}\n"
    for number, (before, name) in enumerate(zip("abcdefgh", "bcdefghi", strict=True))
)


def said(path: Path) -> str:
    """All problems, without the directory that it is in."""
    cluster, problems = check(path)
    assert cluster is None
    return "\n".join(map(str, problems)).replace(f"{path.parent}/", "").replace("\n    → ", " -> ")


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.fuzz) for seed in range(1, 8))])
def test_whatever_is_damaged_gives_problems_and_never_a_traceback(seed: int, tmp_path: Path, tally: Tally) -> None:
    for ending, data in hostile.damaged(seed, TRIED):
        path = tmp_path / f"inventory.{ending}".rstrip(".")
        path.write_bytes(data)
        cluster, problems = check(path)
        assert cluster or problems, data
        "".join(map(str, problems)).encode()
        if cluster:
            yaml.safe_dump(as_ansible(cluster)).encode()
    tally("hostile inputs tried", TRIED)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (BOMB, "inventory.yaml:6: this is not read: by its aliases (`*name`) it expands to more than 300,000 values"),
        (MERGED, "inventory.yaml:6: this is not read: by its aliases (`*name`) it expands to more than 300,000 values"),
        ("a: &a 1\nb: &b [*b]", "inventory.yaml:2: this is not read: recursion: the value of `*b` contains it"),
        (
            f"a: &a {'x' * 9000}\nb: [{'*a,' * 5000}]",
            "inventory.yaml:2: this is not read: by its aliases (`*name`) it expands to more than 300,000 values",
        ),
        ("[" * 100_000, "inventory.yaml:1: this is not read: it is nested deeper than 100 levels"),
        ('{"all":' * 100_000, "inventory.yaml:1: this is not read: it is nested deeper than 100 levels"),
        ("\nall: 1" + ":1" * 60, "inventory.yaml:2: this is not read: it is a number of more than 100 characters"),
        ("\nall: 0x" + "f" * 5000, "inventory.yaml:2: this is not read: it is a number of more than 100 characters"),
        ("\nall: 2021-99-99", "inventory.yaml:2: this is not valid YAML: this is not of the type timestamp"),
        ("\nall: !!bool x", "inventory.yaml:2: this is not valid YAML: this is not of the type bool"),
        ('\nall: "\\ud800"', "inventory.yaml:2: this is not valid YAML: "),
        ("all:\n\n  \x07", "inventory.yaml:3: this is not valid YAML: special characters are not allowed"),
        ("all:\n  vars:\n    x: !!python/object:os.system {}", "inventory.yaml:3: all.vars.x: the YAML tag"),
        ("x" * (places.MOST_BYTES + 1), "inventory.yaml: cannot be read: it is larger than 16 MiB"),
        (
            "all:\n  hosts:\n" + "".join(f"    w{number}[1:5000]:\n" for number in range(30)),
            "inventory.yaml:1: this has more than 100,000 entries about hosts and groups; the rest is not read",
        ),
        ("all:\n  hosts:\n    ? " + "w[1:2]" * 200 + "\n    : {}", "the host pattern has more than 1000 characters"),
    ],
    ids=count(),
)  # fmt: skip
def test_what_is_too_much_is_counted_before_it_takes_memory(text: str, problem: str, write: Write) -> None:
    path = write(text)
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert problem in said(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 300 * 1024


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("x=" + "y" * 70_000, "inventory.ini:2: this line has more than 65,536 characters"),
        ("x=" + "-" * 60_000 + "1", "all.vars.x: this is not a valid value: it is nested too deep"),
        ("x=0x" + "f" * 5000, "all.vars.x: this is not a valid value: it has a number of more than 100 digits"),
        ("x='\\ud800'", "all.vars.x: this is not a valid value: it has half a character"),
    ],
    ids=count(),
)
def test_values_in_ini_have_bounds(line: str, problem: str, write: Write) -> None:
    assert problem in said(write(f"[all:vars]\n{line}\n", "inventory.ini"))


def test_libyaml_and_pyyaml_agree_on_every_line(write: Write) -> None:
    for text in (
        hostile.YAML,
        "a:\n- b\n-\n  - c: |\n      d\n    e: >-\n\n      f\n'g':\n  ? h\n  : i\n",
        "a: &a [1]\nb:\n- *a\n",
    ):
        quick, exact = (loader(text).get_single_node() for loader in (bounded_yaml.Loader, bounded_yaml.ExactLoader))
        assert list(lines(quick)) == list(lines(exact))


def lines(node: yaml.Node) -> Iterator[int]:
    yield node.start_mark.line
    for below in node.value if isinstance(node, yaml.CollectionNode) else ():
        for each in below if isinstance(below, tuple) else (below,):
            yield from lines(each)


@pytest.fixture
def outsider() -> Iterator[Path]:
    """A directory with an inventory, for a user who is not root: root may enter everything."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "hosts.ini").write_text(hostile.INI)
        directory.chmod(0o777)
        was = os.geteuid()
        if was == 0:
            os.seteuid(NOBODY)
        yield directory
        os.seteuid(was)
        for path in (directory, *directory.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o777)


def closed(path: Path) -> None:
    path.mkdir(parents=True)
    (path / "all.yml").write_text("x: 1")
    path.chmod(0)


def unreadable(path: Path) -> None:
    path.parent.mkdir()
    path.touch(mode=0)


def linked(path: Path, to: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(to)


def pipe(path: Path) -> None:
    path.parent.mkdir()
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("name", "make", "problem"),
    [
        ("group_vars", closed, "group_vars: cannot be read: Permission denied -> check its permissions"),
        ("host_vars", closed, "host_vars: cannot be read: Permission denied"),
        ("group_vars/all", closed, "group_vars/all: cannot be read: Perm"),
        ("group_vars/all.yml", unreadable, "group_vars/all.yml: cannot be read: Permission denied"),
        ("group_vars/all.yml", lambda path: linked(path, "gone"), "all.yml: cannot be read: No such file or directory"),
        ("group_vars/all.yml", lambda path: linked(path, path.name), "all.yml: cannot be read: Too many levels of sy"),
        ("group_vars/all.yml", lambda path: linked(path, "/dev/zero"), "cannot be read: it is a device or a socket"),
        ("group_vars/all.yml", pipe, "group_vars/all.yml: cannot be read: it is a pipe, and it is empty"),
        ("group_vars", lambda path: path.symlink_to(path.name), "group_vars: cannot be read: Too many levels"),
    ],
)
def test_what_may_not_be_entered_or_does_not_end_is_a_problem(
    name: str, make: object, problem: str, outsider: Path
) -> None:
    assert callable(make)
    make(outsider / name)
    assert problem in said(outsider / "hosts.ini")


def test_a_directory_that_contains_itself_is_a_problem(outsider: Path) -> None:
    (outsider / "again").symlink_to(".")
    assert "cannot be read: Too many levels of symbolic links" in said(outsider)


def test_a_key_behind_a_closed_door_is_a_problem_and_its_hint_can_be_pasted(outsider: Path) -> None:
    directory = outsider / "my keys"
    directory.mkdir()
    (directory / "id").touch(0o600)
    text = hostile.INI.replace("cp1 ", "cp1 ansible_ssh_private_key_file='my keys/id' ")
    (outsider / "keys.ini").write_text(text)
    assert check(outsider / "keys.ini")[0]
    directory.chmod(0)
    found = said(outsider / "keys.ini")
    assert "id cannot be read: Permission denied" in found
    assert "`namei -l 'my keys/id'`" in found


def test_a_hint_quotes_names_with_blanks(write: Write) -> None:
    text = hostile.INI.replace("cp1 ", "cp1 ansible_ssh_private_key_file='no such/key' ")
    assert "-f 'no such/key'`, or name another" in said(write(text, "hosts.ini"))
