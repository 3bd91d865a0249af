"""Keys are told by their fingerprints and rewritten; what is not understood is refused, and with it the whole text.

That gpg sees the same is in tests/shell/test_openpgp.py.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from provisioner.engine.session import _keys
from provisioner.errors import BundleError, UsageError
from provisioner.sources import openpgp, packets
from provisioner.sources.armor import BEGIN, END, armored, text_of
from provisioner.sources.keys import found, refused, trusted
from tests.conftest import TESTS

CASES = TESTS / "cases" / "sources"
TEXT = (CASES / "key.asc").read_text()
MADE_S = int(datetime(2022, 1, 1, tzinfo=UTC).timestamp())
RENEWED_S = int(datetime(2023, 6, 1, tzinfo=UTC).timestamp())
YEAR_S = 365 * 24 * 3600
# gpg --show-keys tests/cases/sources/key.asc
FINGERPRINT = "31FD138592CD681C7BDDD29A7AF186005ED6BAB5"
(KEY,) = openpgp.read(TEXT)
(OTHER,) = openpgp.read((CASES / "renewed.asc").read_text())
PARTS = tuple(packets.packets(KEY.data))
PRIMARY, NAME, SIGNED = (body for _, body in PARTS)
BASE64 = base64.b64encode(KEY.data).decode()


def of(*parts: tuple[int, bytes]) -> str:
    """The armored text of these packets."""
    return armored(b"".join(packets.packet(*part) for part in parts))


def test_the_fingerprint_is_that_of_gpg() -> None:
    assert KEY.fingerprint == FINGERPRINT


def test_what_was_written_is_the_same_key_again() -> None:
    assert openpgp.read(armored(KEY.data)) == (KEY,)


def test_the_checksum_is_that_of_gpg() -> None:
    body = "".join(TEXT.split("\n\n")[1].split("\n=")[0].split())
    assert armored(base64.b64decode(body)).split("\n=")[1] == TEXT.split("\n=")[1]


def test_several_keys_in_one_file_and_in_several_blocks() -> None:
    assert openpgp.read(armored(KEY.data + OTHER.data)) == (KEY, OTHER)
    assert openpgp.read(f"Our keys:\n{armored(KEY.data)}and\r\n{armored(OTHER.data)}(two)\n") == (KEY, OTHER)


def test_of_several_keys_only_the_one_with_the_fingerprint_is_trusted() -> None:
    together = armored(OTHER.data + KEY.data)
    assert trusted(together, FINGERPRINT) == armored(KEY.data)
    assert trusted(together, "0" * 40) == ""


def test_without_a_fingerprint_all_keys_are_trusted_and_nothing_else_is_written() -> None:
    text = f"from our server\n{TEXT.replace(BEGIN, BEGIN + chr(10) + 'Version: 1')}{armored(OTHER.data)}the end"
    assert trusted(text, "") == armored(KEY.data + OTHER.data)
    assert trusted(armored(KEY.data) + of(*PARTS, (60, b"hidden")), "") == ""


def test_pictures_and_what_a_keyring_has_noted_are_left_out() -> None:
    kept = [(6, PRIMARY), (13, NAME), (2, SIGNED)]
    for added in ([(17, b"jpeg"), (2, SIGNED)], [(12, b"\0\0")], [(12, b""), (17, b"x"), (12, b""), (2, SIGNED)]):
        assert openpgp.read(of(*kept, *added)) == (KEY,)


def test_when_a_key_ends_is_what_it_has_said_last() -> None:
    """Both are the same key, made on 1 January 2022 for a year; then given ten years on 1 June 2023."""
    (expired,), (renewed,) = (openpgp.read((CASES / name).read_text()) for name in ("expired.asc", "renewed.asc"))
    assert expired.fingerprint == renewed.fingerprint
    assert expired.expires_s == MADE_S + YEAR_S
    assert renewed.expires_s == RENEWED_S + 10 * YEAR_S
    assert KEY.expires_s is None


def said(kind: int, signed: bytes, beside: bytes = b"") -> tuple[int, bytes]:
    """A signature of version 4 by EdDSA with these areas of subpackets, made up."""
    areas = b"".join(len(area).to_bytes(2, "big") + area for area in (signed, beside))
    return 2, bytes([4, kind, 22, 8]) + areas + b"\0\0" + b"\0\1\1" * 2


def subpacket(kind: int, number: int) -> bytes:
    return bytes([5, kind]) + number.to_bytes(4, "big")


SOON = subpacket(2, 0x70000000) + subpacket(9, YEAR_S)


@pytest.mark.parametrize(
    ("signature", "life_s"),
    [
        (said(0x13, SOON), YEAR_S),
        (said(0x1F, SOON), YEAR_S),
        (said(0x13, subpacket(2, 0x70000000), beside=subpacket(9, YEAR_S)), None),
        (said(0x13, SOON + bytes([9, 16]) + b"stranger"), None),
        (said(0x18, SOON), None),
        (said(0x13, subpacket(2, 0x70000000) + bytes([3, 9, 1, 1])), None),
    ],
    ids=["on its name", "on itself", "not signed", "of another key", "of a subkey", "no number of four bytes"],
)
def test_what_says_how_long_a_key_lives(signature: tuple[int, bytes], life_s: int | None) -> None:
    (key,) = openpgp.read(of(*PARTS, signature))
    made_s = int.from_bytes(PRIMARY[1:5], "big")
    assert key.expires_s == (made_s + life_s if life_s else None)


@pytest.mark.parametrize(
    "text",
    ["", "<html>404</html>", TEXT[:200], TEXT.replace("PUBLIC", "PRIVATE"), armored(KEY.data[:40])],
    ids=["nothing", "a page", "cut off", "a private key", "a packet that is cut off"],
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="OpenPGP public key"):
        openpgp.read(text)
    assert found(text) == ()
    assert refused(text)


# A packet's first byte says 224 to 254: only a part of it follows. The length of five octets would be a small one.
IN_PARTS = bytes([0xC0 | 60, 0xE0]) + b"\x00\x00\x00\x01x"
NEITHER = "has more than an OpenPGP public key in it: "


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (KEY.data + IN_PARTS + OTHER.data, "in parts"),
        (KEY.data + b"\x9b" + OTHER.data, "without a length"),
        (KEY.data + packets.packet(60, OTHER.data), NEITHER + "a packet of kind 60"),
        (KEY.data + packets.packet(8, b"\0" + OTHER.data), NEITHER + "compressed data"),
        (KEY.data + packets.packet(11, b"b\0\0\0\0\0" + OTHER.data), NEITHER + "a message"),
        (KEY.data + packets.packet(10, b"PGP"), NEITHER + "a marker"),
        (KEY.data + packets.packet(0, b""), NEITHER + "a packet of kind 0"),
        (KEY.data + packets.packet(5, PRIMARY), NEITHER + "a secret key"),
        (KEY.data + packets.packet(7, PRIMARY), NEITHER + "a secret subkey"),
        (KEY.data + b"\0", "is not an OpenPGP public key"),
        (KEY.data[:-1], "cut off or damaged"),
        (KEY.data + KEY.data, "the same OpenPGP public key twice"),
        (packets.packet(14, PRIMARY) + KEY.data, "is not an OpenPGP public key"),
        (packets.packet(6, b"\3" + PRIMARY[1:]), "of version 3; version 4 is known"),
        (packets.packet(6, b"\5" + PRIMARY[1:]), "of version 5; version 4 is known"),
        (packets.packet(6, b"\6" + PRIMARY[1:]), "of version 6; version 4 is known"),
        (packets.packet(6, PRIMARY + b"\0"), "cut off or damaged"),
        (packets.packet(6, PRIMARY[:5] + b"\x63" + PRIMARY[6:]), "an unknown algorithm: 99"),
        (packets.packet(6, PRIMARY[:6] + b"\0" + PRIMARY[7:]), "cut off or damaged"),
        (KEY.data + packets.packet(14, b"\6" + PRIMARY[1:]), "of version 6"),
        (KEY.data + packets.packet(2, b"\6" + SIGNED[1:]), "a signature of version 6"),
        (KEY.data + packets.packet(2, SIGNED + b"\0"), "cut off or damaged"),
        (KEY.data + packets.packet(2, b""), "cut off or damaged"),
        (KEY.data + packets.packet(*said(0x13, b"\xff\xff\xff\xff\xff\x09")), "cut off or damaged"),
        (KEY.data + packets.packet(*said(0x13, b"\0")), "cut off or damaged"),
        (KEY.data + packets.packet(17, b"jpeg") + packets.packet(2, b"\4"), "cut off or damaged"),
        (KEY.data + packets.packet(13, b"x" * 2049), "a name of 2049 bytes"),
        (b"\xc6", "cut off or damaged"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_key_with_something_else_is_refused_altogether(data: bytes, why: str) -> None:
    assert why in refused(armored(data))
    assert trusted(armored(data), FINGERPRINT) == ""


def test_a_number_with_bits_before_its_first_is_refused() -> None:
    """Its bytes have one fingerprint, and the number that gpg reads has another."""
    rsa = bytes([4, 0, 0, 0, 0, 1])
    assert refused(of((6, rsa + b"\0\x09\1\1" + b"\0\2\3"), (13, b"x"))) == ""
    for padded in (b"\0\x0a\1\1", b"\0\x10\1\1", b"\0\0", b"\x40\1" + b"\1" * 2049):
        assert "damaged" in refused(of((6, rsa + padded + b"\0\2\3"), (13, b"x")))


def wrapped(*lines: str) -> str:
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text",
    [
        wrapped(BEGIN, BASE64, END),
        wrapped(BEGIN, "Version", "", BASE64, END),
        wrapped(BEGIN, "X: y", "", BASE64, END),
        wrapped(BEGIN, "", BASE64),
        wrapped(BEGIN, "", BASE64, "=AAAA", END),
        wrapped(BEGIN, "", BASE64, "=AAAA", "=AAAA", END),
        wrapped(BEGIN, "", BASE64[:40] + "==" + BASE64[40:], END),
        wrapped(BEGIN, "", BASE64[:40] + "!" + BASE64[40:], END),
        wrapped(BEGIN, "", BASE64[:40] + "\x00" + BASE64[40:], END),
        wrapped(BEGIN, "", BASE64[:40] + "\u2028" + BASE64[40:], END),
        wrapped(BEGIN, "", BASE64[:40] + "\udcff" + BASE64[40:], END),
        wrapped(BEGIN, "", BEGIN, "", BASE64, END, END),
        wrapped(BEGIN, "", BASE64, END, END),
        wrapped(BEGIN, "", BASE64, END, BEGIN),
        wrapped(BEGIN, "", END),
        wrapped(f" {BEGIN}", "", BASE64, END),
        armored(KEY.data) + wrapped("-----BEGIN PGP MESSAGE-----", "", BASE64, "-----END PGP MESSAGE-----"),
        wrapped("-----BEGIN PGP SIGNED MESSAGE-----", "", "hello", "") + armored(KEY.data),
        wrapped("-----BEGIN PGP ARMORED FILE-----", "", BASE64, "-----END PGP ARMORED FILE-----"),
        armored(KEY.data) + "x" * (1 << 20),
    ],
)
def test_armor_that_programs_may_read_otherwise_is_refused(text: str) -> None:
    assert refused(text)
    assert trusted(text, FINGERPRINT) == ""


def test_a_text_as_long_as_may_be_takes_no_time_to_refuse() -> None:
    for part in ("\n", BEGIN + "\n", "A", "=\n", "Version: \n", f"{BEGIN}\n\n{END}\n"):
        assert refused((part * (1 << 20))[: 1 << 20])


def test_either_form_is_text() -> None:
    assert text_of(KEY.data) == armored(KEY.data)
    assert text_of(TEXT.encode()) == TEXT
    assert text_of(b"") == ""
    assert openpgp.read(text_of(f"Übersicht\n{TEXT}".encode())) == (KEY,)
    # A binary key whose name is a text with another key: what it is, is said by its first byte.
    hidden = packets.packet(6, PRIMARY) + packets.packet(13, armored(OTHER.data).encode()) + packets.packet(2, SIGNED)
    assert [key.fingerprint for key in openpgp.read(text_of(hidden))] == [FINGERPRINT]


def test_a_file_that_is_named_is_rewritten_too(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(KEY.data + OTHER.data)
    assert _keys(path, UsageError, "hint") == armored(KEY.data + OTHER.data)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda path: path.write_bytes(KEY.data + IN_PARTS), "in parts"),
        (lambda path: path.write_bytes(b"\xff\xfe"), "OpenPGP public key"),
        (lambda path: None, "No such file"),
        (lambda path: path.mkdir(), "directory"),
    ],
    ids=["in parts", "noise", "missing", "a directory"],
)
def test_a_file_that_is_not_understood_is_named(tmp_path: Path, spoil: Callable[[Path], None], why: str) -> None:
    path = tmp_path / "key"
    spoil(path)
    with pytest.raises(BundleError, match=why) as caught:
        _keys(path, BundleError, "Copy it again.")
    assert (str(path) in caught.value.message, caught.value.hint) == (True, "Copy it again.")


def test_fingerprints_may_be_written_with_blanks() -> None:
    assert openpgp.normal("9dc8 5822") == "9DC85822"
