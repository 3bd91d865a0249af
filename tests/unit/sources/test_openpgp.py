"""Keys are told by their fingerprints, armored or binary, alone or several in one file."""

from __future__ import annotations

import base64

import pytest

from provisioner.sources import openpgp
from provisioner.sources.keys import found, trusted
from tests.conftest import TESTS

TEXT = (TESTS / "cases" / "sources" / "key.asc").read_text()
# gpg --show-keys tests/cases/sources/key.asc
FINGERPRINT = "31FD138592CD681C7BDDD29A7AF186005ED6BAB5"
(KEY,) = openpgp.read(TEXT)


def other() -> bytes:
    """Another key: the last byte of the first packet is part of what the fingerprint is made of."""
    length = KEY.data[1]
    return KEY.data[: length + 1] + bytes([KEY.data[length + 1] ^ 1]) + KEY.data[length + 2 :]


def test_the_fingerprint_is_that_of_gpg() -> None:
    assert KEY.fingerprint == FINGERPRINT


def test_what_was_armored_is_the_same_key_again() -> None:
    assert openpgp.read(openpgp.armored(KEY.data)) == (KEY,)


def test_the_checksum_is_that_of_gpg() -> None:
    body = "".join(TEXT.split("\n\n")[1].split("\n=")[0].split())
    assert openpgp.armored(base64.b64decode(body)).split("\n=")[1] == TEXT.split("\n=")[1]


def test_several_keys_in_one_file() -> None:
    together = openpgp.armored(KEY.data + other())
    first, second = openpgp.read(together)
    assert first == KEY
    assert second.fingerprint != FINGERPRINT


def test_of_several_keys_only_the_one_with_the_fingerprint_is_trusted() -> None:
    together = openpgp.armored(other() + KEY.data)
    assert openpgp.read(trusted(together, FINGERPRINT)) == (KEY,)
    assert trusted(together, "0" * 40) == ""
    assert trusted(together, "") == together


@pytest.mark.parametrize(
    "text",
    ["", "<html>404</html>", TEXT[:200], TEXT.replace("PUBLIC", "PRIVATE"), openpgp.armored(KEY.data[:40])],
    ids=["nothing", "a page", "cut off", "a private key", "a packet that is cut off"],
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="OpenPGP public key"):
        openpgp.read(text)
    assert found(text) == ()


def test_fingerprints_may_be_written_with_blanks() -> None:
    assert openpgp.normal("9dc8 5822") == "9DC85822"
