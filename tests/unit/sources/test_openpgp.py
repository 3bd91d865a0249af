"""Keys are told by their fingerprints, armored or binary, alone or several in one file."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest

from provisioner.sources import openpgp
from provisioner.sources.keys import found, trusted
from tests.conftest import TESTS

CASES = TESTS / "cases" / "sources"
TEXT = (CASES / "key.asc").read_text()
MADE_S = int(datetime(2022, 1, 1, tzinfo=UTC).timestamp())
RENEWED_S = int(datetime(2023, 6, 1, tzinfo=UTC).timestamp())
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


def test_when_a_key_ends_is_what_it_has_said_last() -> None:
    """Both are the same key, made on 1 January 2022 for a year; then given ten years on 1 June 2023."""
    (expired,), (renewed,) = (openpgp.read((CASES / name).read_text()) for name in ("expired.asc", "renewed.asc"))
    assert expired.fingerprint == renewed.fingerprint
    year_s = 365 * 24 * 3600
    assert expired.expires_s == MADE_S + year_s
    assert renewed.expires_s == RENEWED_S + 10 * year_s
    assert KEY.expires_s is None


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
