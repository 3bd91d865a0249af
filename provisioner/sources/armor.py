"""OpenPGP as text (ASCII armor, RFC 9580 section 6): read strictly, written in one way only.

Programs differ in how they treat several blocks, text between them and characters that are not base64. Anything that
is ambiguous is refused here, so that nothing can hide in a text.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

BEGIN, END = "-----BEGIN PGP PUBLIC KEY BLOCK-----", "-----END PGP PUBLIC KEY BLOCK-----"
NOT_A_KEY = "is not an OpenPGP public key"
DAMAGED = "is an OpenPGP public key that is cut off or damaged"
# A key is a few KiB, and the keyring of all of Debian's releases 60 KiB.
MOST_CHARACTERS = 1 << 20
# The first byte of a public key (RFC 9580, section 4.2): packet 6 in the old format with its four lengths, or the new.
_KEY_HEADS = bytes([0x98, 0x99, 0x9A, 0x9B, 0xC6])
_DASHES = "-----"
_HEADER = re.compile(r"(Version|Comment|MessageID|Hash|Charset): [^\r\n]*")
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_CHECKSUM = re.compile(r"=[A-Za-z0-9+/]{4}")
_LINE_CHARACTERS = 64
_CRC_START, _CRC_POLYNOMIAL = 0xB704CE, 0x1864CFB


def text_of(data: bytes) -> str:
    """Keys in either published form, armored or binary, as text. Nothing is checked yet."""
    return armored(data) if data and data[0] in _KEY_HEADS else data.decode(errors="replace")


def blocks(text: str) -> Iterator[bytes]:
    """The content of each block of public keys; ValueError for a text without one, or with anything else in armor."""
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"is longer than any OpenPGP public key ({len(text)} characters)")
    lines = iter([line.rstrip(" \t\r") for line in text.split("\n")])
    found = False
    for line in lines:
        if line == BEGIN:
            found = True
            yield _decoded(list(_until_end(lines)))
        elif _DASHES in line:
            raise ValueError("contains something other than OpenPGP public keys")
    if not found:
        raise ValueError(NOT_A_KEY)


def armored(data: bytes) -> str:
    """Binary keys as text, which apt takes from files that end in .asc."""
    body = base64.b64encode(data).decode()
    lines = [body[at : at + _LINE_CHARACTERS] for at in range(0, len(body), _LINE_CHARACTERS)]
    return "\n".join([BEGIN, "", *lines, _checksum(data), END, ""])


def _until_end(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        if line == END:
            return
        yield line
    raise ValueError(DAMAGED)


def _decoded(lines: list[str]) -> bytes:
    """The bytes of a block: headers, an empty line, base64, and perhaps a checksum."""
    if "" not in lines:
        raise ValueError(DAMAGED)
    start = lines.index("")
    body = [line for line in lines[start:] if line]
    checksum = body.pop() if body and _CHECKSUM.fullmatch(body[-1]) else ""
    encoded = "".join(body)
    if not all(map(_HEADER.fullmatch, lines[:start])) or not _BASE64.fullmatch(encoded):
        raise ValueError(DAMAGED)
    try:
        data = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise ValueError(DAMAGED) from None
    if checksum not in ("", _checksum(data)):
        raise ValueError(DAMAGED)
    return data


def _checksum(data: bytes) -> str:
    crc = _CRC_START
    for byte in data:
        crc = (crc << 8 ^ _CRC_TABLE[crc >> 16 ^ byte]) & 0xFFFFFF
    return f"={base64.b64encode(crc.to_bytes(3, 'big')).decode()}"


def _crc_of(byte: int) -> int:
    crc = byte << 16
    for _ in range(8):
        crc = crc << 1 ^ (_CRC_POLYNOMIAL if crc & 0x800000 else 0)
    return crc & 0xFFFFFF


_CRC_TABLE = tuple(map(_crc_of, range(256)))
