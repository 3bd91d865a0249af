"""What we see of a key is what gpg sees, or the key is refused; what we write has that in it and nothing else.

gpg's own view of a keyring is the judge, which is how gpgv looks through it (and apt, by gpgv).
"""

from __future__ import annotations

import os
import random
import re
import subprocess
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path

import pytest

from provisioner.sources import openpgp
from provisioner.sources.armor import armored, text_of
from provisioner.sources.keys import found, refused, trusted
from provisioner.sources.packets import packet, packets
from tests.conftest import TESTS, Tally
from tests.shell import gpg as judge
from tests.shell.gpg import Gpg
from tests.shell.mutations import mutated, mutated_text

FILES = tuple(
    path
    for directory in ("sources", "sources/openpgp")
    for path in sorted((TESTS / "cases" / directory).iterdir())
    if path.suffix in (".asc", ".gpg")
)
CORPUS = tuple(path.read_bytes() for path in FILES)
# gpg takes 10 ms to start: it is asked of many at once, and of one alone to say which one differs.
AT_ONCE, TEXTS = 250, 600
# The fast tests try some, `pytest -m fuzz` many.
MUTATIONS = [pytest.param(200, id="some"), pytest.param(2400, id="many", marks=pytest.mark.fuzz)]
CLOSED = re.compile(rb"=(\S{4})?\s*\n-----END")
SEED = int(os.environ.get("PROVISIONER_TEST_SEED", "1"))


@pytest.fixture(scope="module")
def gpg() -> Iterator[Gpg]:
    with judge.home() as gpg:
        yield gpg


def ours(data: bytes) -> list[tuple[str, str]]:
    return [(key.fingerprint, str(key.expires_s or "")) for key in keys(data)]


def written(data: bytes) -> bytes:
    return b"".join(key.data for key in keys(data))


@cache
def keys(data: bytes) -> tuple[openpgp.Key, ...]:
    return found(text_of(data))


@pytest.mark.parametrize("data", CORPUS, ids=[path.name for path in FILES])
def test_keys_as_they_are_published(gpg: Gpg, data: bytes) -> None:
    assert ours(data)
    assert ours(data) == gpg.shown(data) == gpg.in_keyring(written(data))


def test_all_together_in_one_file(gpg: Gpg) -> None:
    several = {key.fingerprint: armored(key.data) for data in CORPUS for key in found(text_of(data))}
    text = "Version: 2 of our keys\n\n".join(several.values()).encode()
    assert len(several) > 10
    assert ours(text) == gpg.shown(text) == gpg.in_keyring(written(text))


def fingerprints(keys: list[tuple[str, str]]) -> list[str]:
    """When a key ends is left out: gpg leaves out what a damaged signature says, which is not looked at here."""
    return [fingerprint for fingerprint, _ in keys]


def differs(gpg: Gpg, data: bytes) -> bool:
    told = fingerprints(ours(data))
    return told != fingerprints(gpg.in_keyring(data)) or told != fingerprints(gpg.in_keyring(written(data)))


@pytest.mark.parametrize("number", MUTATIONS)
def test_keys_that_were_changed(number: int, gpg: Gpg, tally: Tally) -> None:
    dice = random.Random(SEED)  # noqa: S311 - no secret comes of it
    seeds = [written(data) for data in CORPUS] + [data for data in CORPUS if data[0] > 0x7F]
    tried = [mutated(dice, dice.choice(seeds), seeds) for _ in range(number)]
    taken = [data for data in tried if ours(data)]
    assert number / 10 < len(taken) < number / 2
    for start in range(0, len(taken), AT_ONCE):
        some = taken[start : start + AT_ONCE]
        # What is written looks as what was published in most cases: gpg need not look twice.
        for same in (some, [written(data) for data in some if written(data) != data]):
            told = [fingerprint for data in same for fingerprint in fingerprints(ours(data))]
            if told != fingerprints(gpg.in_keyring(b"".join(same))):
                different = [data.hex() for data in some if differs(gpg, data)]
                pytest.fail(f"seed {SEED}: gpg sees something else in {different or 'them together'}")
    tally("hostile inputs tried", number)


def test_texts_that_were_changed(gpg: Gpg, tally: Tally) -> None:
    dice = random.Random(SEED)  # noqa: S311 - no secret comes of it
    seeds = [written(data) for data in CORPUS]
    tried = [mutated_text(dice, dice.choice(seeds), seeds) for _ in range(TEXTS)]
    taken = [text.encode() for text in tried if found(text)]
    assert taken
    for data in taken:
        # gpg 2.2 finds the end of a block by its checksum or padding; RFC 9580 (6.1) does without both.
        text = data if len(CLOSED.findall(data)) == data.count(b"\n-----END") else armored(written(data)).encode()
        assert fingerprints(ours(data)) == fingerprints(gpg.shown(text)), f"seed {SEED}"
    tally("hostile inputs tried", TEXTS)


def hide_in_parts(good: bytes, bad: bytes) -> bytes:
    """Behind compressed data in two parts, of two bytes and of one. Who reads the first octet of that length, 225, as
    that of a length of five takes the next four for the length, and the key for what is compressed.
    """
    filled = bad + packet(13, b"x" * 256)
    size = len(filled) - 256
    return good + bytes([0xC0 | 8, 0xE1, 0, 0, 1, size]) + filled


HIDING: dict[str, Callable[[bytes, bytes], bytes]] = {
    "a packet in parts": hide_in_parts,
    "a packet without a length": lambda good, bad: good + b"\xa3" + bad,
    "beside it": lambda good, bad: good + bad,
    "before it": lambda good, bad: bad + good,
    "compressed": lambda good, bad: good + packet(8, b"\0" + bad),
    "in a message": lambda good, bad: good + packet(11, b"b\0\0\0\0\0" + bad),
    "in a packet of one's own": lambda good, bad: good + packet(61, bad),
    "as a subkey": lambda good, bad: (
        good + b"".join(packet(14 if tag == 6 else tag, body) for tag, body in packets(bad))
    ),
    "as a picture": lambda good, bad: good + packet(17, bad),
    "as a name": lambda good, bad: good + packet(13, bad[:2048]),
}


@pytest.fixture(scope="module")
def pair(gpg: Gpg) -> tuple[str, str]:
    """Whom we trust, and whom nobody does."""
    good, bad = gpg.make("Good <good@example.org>"), gpg.make("Bad <bad@example.org>")
    gpg.add_subkey(good)
    return good, bad


def verify(key: str, signed: bytes, directory: Path) -> bool:
    """As apt does it: gpgv with the key's file, without its armor."""
    ring = directory / "key.gpg"
    ring.write_bytes(b"".join(one.data for one in openpgp.read(key)) if key else b"")
    release = directory / "InRelease"
    release.write_bytes(signed)
    return (
        subprocess.run(["gpgv", "--keyring", str(ring), str(release)], capture_output=True, check=False).returncode == 0
    )


@pytest.mark.parametrize("way", HIDING)
def test_who_hides_a_key_signs_nothing(gpg: Gpg, pair: tuple[str, str], tmp_path: Path, way: str) -> None:
    good, bad = pair
    text = text_of(HIDING[way](gpg.export(good), gpg.export(bad)))
    key = trusted(text, good)
    sees = partial(verify, key, directory=tmp_path)
    assert not sees(gpg.signed(b"Origin: bad\n", bad))
    assert bool(key) != bool(refused(text))
    # Where it was not refused, what the owner signs is good; with one of its subkeys here.
    assert sees(gpg.signed(b"Origin: good\n", good)) == bool(key)


def test_a_hidden_key_would_have_signed(gpg: Gpg, pair: tuple[str, str], tmp_path: Path) -> None:
    """The attack as it was: gpgv finds the second key in what is handed out."""
    good, bad = pair
    ring, release = tmp_path / "ring.gpg", tmp_path / "InRelease"
    ring.write_bytes(HIDING["a packet in parts"](gpg.export(good), gpg.export(bad)))
    release.write_bytes(gpg.signed(b"Origin: bad\n", bad))
    assert (
        subprocess.run(["gpgv", "--keyring", str(ring), str(release)], capture_output=True, check=False).returncode == 0
    )
