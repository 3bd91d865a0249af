"""Known host keys, read by us and by OpenSSH itself: the same lines for the same names."""

from __future__ import annotations

import random
import re
import subprocess
from pathlib import Path

import pytest

from provisioner.transports.known_hosts import Marker, parse
from tests.unit.transports.known_hosts_files import ECDSA, ED, ED2, NAMES, RSA, WHOLE, damaged

_FOUND = re.compile(r"^# Host .* found: line (\d+)( CA| REVOKED)?", re.MULTILINE)
_MARKS = {"": Marker.KNOWN, " CA": Marker.AUTHORITY, " REVOKED": Marker.REVOKED}
KEYS = tuple(key.get_base64().encode() for key in (ED, ED2, RSA, ECDSA))


def by_openssh(path: Path, name: str) -> set[tuple[int, Marker]]:
    # -l: lines whose key is none are not found.
    command = ["ssh-keygen", "-l", "-F", name, "-f", str(path)]
    said = subprocess.run(command, capture_output=True, check=False).stdout.decode(errors="replace")
    return {(int(line), _MARKS[mark]) for line, mark in _FOUND.findall(said)}


def by_us(path: Path, name: str) -> set[tuple[int, Marker]]:
    return {(entry.line, entry.marker) for entry in parse(path.read_bytes(), path).entries(name)}


@pytest.mark.parametrize("name", NAMES)
def test_every_kind_of_line(tmp_path: Path, name: str) -> None:
    path = tmp_path / "known_hosts"
    path.write_bytes(WHOLE)
    assert by_us(path, name) == by_openssh(path, name)


def test_damaged_files(tmp_path: Path) -> None:
    """The keys that are still whole are found by both for the same names; a byte order mark we alone pass over."""
    chance = random.Random(21)  # noqa: S311 - the same files every time
    path = tmp_path / "known_hosts"
    for _ in range(60):
        data = damaged(chance).replace(b"\xef\xbb\xbf", b"")
        path.write_bytes(data)
        whole = {number for number, line in enumerate(data.split(b"\n"), 1) if any(key in line.split() for key in KEYS)}
        for name in chance.sample(NAMES, 2):
            ours, theirs = by_us(path, name), by_openssh(path, name)
            assert {one for one in ours if one[0] in whole} == {one for one in theirs if one[0] in whole}, (data, name)
