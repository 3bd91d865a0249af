"""Known host keys as OpenSSH writes them: every kind of line, and files that somebody has damaged."""

from __future__ import annotations

import base64
import random
from pathlib import Path

import pytest

from provisioner.transports import known_hosts
from provisioner.transports.known_hosts import Known, KnownHosts, append, known, name_of, parse
from tests.conftest import Tally
from tests.unit.transports.known_hosts_files import ECDSA, ED, ED2, NAMES, PLACE, RSA, WHOLE, damaged, hashed, words


def lines(data: bytes, name: str) -> list[int]:
    return [entry.line for entry in parse(data, PLACE).entries(name)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("10.0.0.5", [2, 6]),
        ("[10.0.0.5]:2222", [3, 6]),
        ("[web.example]:2222", [3, 6]),
        ("web.example", [4, 6]),
        ("WEB.example", [4, 6]),
        ("db.example", [6]),
        ("hidden.example", [4, 5, 6]),
        ("a.ca.example", [4, 6, 7]),
        ("web1", [6, 8]),
        ("fe80::1", [6, 9]),
        ("10.0.0.55", [6]),
    ],
)
def test_every_kind_of_line_is_found_by_its_name(name: str, expected: list[int]) -> None:
    assert lines(WHOLE, name) == expected


@pytest.mark.parametrize(
    "before",
    [
        b"@unknown-marker * ssh-rsa AAAA\n",
        b"10.0.0.5 ssh-ed25519 not/base64!\n",
        b"10.0.0.5 ssh-ed25519 AAAA\n",
        b"10.0.0.5 ssh-ed25519\n",
        b"10.0.0.5\n",
        "10.0.0.5 ssh-rsa AAAA Jürgens Schlüssel\n".encode("latin-1"),
        b"# caf\xe9\n",
        b"\0\n",
        b"|1|nonsense ssh-ed25519 AAAA\n",
        b"\r\n",
        f"10.0.0.5 ssh-rsa {ED.get_base64()}\n".encode(),
    ],
)
def test_a_line_of_nonsense_costs_itself_alone(before: bytes) -> None:
    assert lines(before + f"10.0.0.5 {words(ED)}\r\n".encode(), "10.0.0.5") == [2]


def test_a_byte_order_mark_costs_nothing() -> None:
    assert lines(b"\xef\xbb\xbf" + f"10.0.0.5 {words(ED)}".encode(), "10.0.0.5") == [1]


def test_a_type_that_we_do_not_know_is_an_entry_all_the_same() -> None:
    """A machine with such a key is known, and not new."""
    key = base64.b64encode(b"\0\0\0\x1ask-ssh-ed25519@openssh.com\0\0\0\4abcd\0\0\0\4ssh:")
    assert lines(b"a sk-ssh-ed25519@openssh.com " + key, "a") == [1]


def test_what_the_files_say_is_sorted_by_what_it_means(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text(f"a {words(ED)}\n@cert-authority a {words(ECDSA)}\n")
    second.write_text(f"@revoked a {words(ED2)}\na {words(RSA)}\n")
    found = known("a", (first, tmp_path / "missing", second))
    assert [entry.blob for entry in found.keys] == [ED.asbytes(), RSA.asbytes()]
    assert [(entry.blob, entry.path, entry.line) for entry in found.revoked] == [(ED2.asbytes(), second, 1)]
    assert [entry.blob for entry in found.authorities] == [ECDSA.asbytes()]


@pytest.mark.parametrize(("address", "port", "name"), [("a", 22, "a"), ("a", 2222, "[a]:2222"), ("::1", 22, "::1")])
def test_a_name_has_the_port_if_it_is_another_than_22(address: str, port: int, name: str) -> None:
    assert name_of(address, port) == name


@pytest.mark.parametrize(
    "before", [b"", b"a ssh-rsa AAAA", b"a ssh-rsa AAAA\n", b"\xef\xbb\xbf# caf\xe9\r\n\0\r\n", b"\n\n"]
)
def test_a_new_key_gets_a_line_of_its_own_and_every_byte_stays(tmp_path: Path, before: bytes) -> None:
    path = tmp_path / "known_hosts"
    path.write_bytes(before)
    path.chmod(0o600)
    append(path, "[a]:2222", ED)
    after = path.read_bytes()
    assert after.startswith(before)
    assert after[len(before) :].lstrip(b"\n") == f"[a]:2222 {words(ED)}\n".encode()
    assert [entry.blob for entry in known("[a]:2222", [path]).keys] == [ED.asbytes()]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_is_read_once_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []

    def parsed(data: bytes, path: Path) -> KnownHosts:
        read.append(path)
        return parse(data, path)

    monkeypatch.setattr(known_hosts, "parse", parsed)
    path = tmp_path / "known_hosts"
    path.write_text(f"a {words(ED)}\n")
    for name in ("a", "b", "c"):
        known(name, [path])
    assert read == [path]
    append(path, "b", RSA)
    assert [entry.blob for entry in known("b", [path]).keys] == [RSA.asbytes()]
    assert read == [path, path]


def test_damaged_files_are_read_as_far_as_they_are_whole(tally: Tally) -> None:
    """No damage is an error, and every key that is found stands in its line."""
    chance, number = random.Random(20), 2000  # noqa: S311 - the same files every time
    for _ in range(number):
        data = damaged(chance)
        found = parse(data, PLACE)
        for entry in (entry for name in NAMES for entry in found.entries(name)):
            assert entry.key in data.split(b"\n")[entry.line - 1], data
    tally("hostile inputs tried", number)


def test_a_hash_says_nothing_of_other_names() -> None:
    data = f"{hashed('[a]:2222')} {words(ED)}".encode()
    assert (lines(data, "[a]:2222"), lines(data, "a"), lines(data, "[a]:22")) == ([1], [], [])


def test_nothing_is_known_without_files() -> None:
    assert known("a", ()) == Known()
