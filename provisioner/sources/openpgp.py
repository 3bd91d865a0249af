"""Just enough of OpenPGP to tell a key by its fingerprint: no signature is checked here, which is apt's business.

RFC 4880: packets (section 4.2), version 4 fingerprints (12.2), ASCII armor (6.2).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

_BEGIN, _END = "-----BEGIN PGP PUBLIC KEY BLOCK-----", "-----END PGP PUBLIC KEY BLOCK-----"
_ARMOR = re.compile(rf"{_BEGIN}\r?\n(?:[^\r\n]+: [^\r\n]*\r?\n)*\r?\n(.*?)(?:\r?\n=[\w+/]{{4}})?\s*{_END}", re.DOTALL)
_SIGNATURE, _PUBLIC_KEY = 2, 6
# Kinds of signatures on the names of keys (5.2.1), and of what they say (5.2.3.1).
_ON_NAMES = frozenset({0x10, 0x11, 0x12, 0x13})
_MADE, _LIFE, _ISSUER = 2, 9, 16
_CRC_START, _CRC_POLYNOMIAL = 0xB704CE, 0x1864CFB


@dataclass(frozen=True, slots=True)
class Key:
    """A primary key with all that belongs to it.

    The fingerprint is 40 hexadecimal digits in capitals; `expires_s` is in seconds since 1970, None for never.
    """

    fingerprint: str
    data: bytes
    expires_s: int | None = None


def normal(fingerprint: str) -> str:
    """A fingerprint as people write it, without blanks and in capitals."""
    return re.sub(r"\s", "", fingerprint).upper()


def read(text: str) -> tuple[Key, ...]:
    """The keys of an armored text, or of several; ValueError when it is none."""
    blocks = _ARMOR.findall(text)
    if not blocks:
        raise ValueError("is not an OpenPGP public key")
    try:
        return tuple(key for block in blocks for key in keys(base64.b64decode("".join(block.split()), validate=True)))
    except (IndexError, binascii.Error):
        raise ValueError("is an OpenPGP public key that is cut off or damaged") from None


def armored(data: bytes) -> str:
    """Binary keys as text, which apt takes from files that end in .asc."""
    body = textwrap.fill(base64.b64encode(data).decode(), 64)
    checksum = base64.b64encode(_crc24(data).to_bytes(3, "big")).decode()
    return f"{_BEGIN}\n\n{body}\n={checksum}\n{_END}\n"


def keys(data: bytes) -> Iterator[Key]:
    """The primary keys in binary data, each with the packets that follow it."""
    starts = [(start, body) for start, tag, body in _packets(data) if tag == _PUBLIC_KEY]
    ends = [start for start, _ in starts[1:]] + [len(data)]
    for (start, body), end in zip(starts, ends, strict=True):
        yield Key(_fingerprint(body), data[start:end], _expiry(body, data[start:end]))


def _expiry(body: bytes, data: bytes) -> int | None:
    """As the key's latest signature on its own name says (5.2.3.6); those of other keys say nothing of that."""
    signatures = (signed for _, tag, signed in _packets(data) if tag == _SIGNATURE and signed[1] in _ON_NAMES)
    told = [_subpackets(signature) for signature in signatures if signature[0] == 4]
    identity = int(_fingerprint(body)[-16:], 16)
    own = [one for one in told if one.get(_ISSUER, identity) == identity]
    life_s = max(own, key=lambda one: one.get(_MADE, 0), default={}).get(_LIFE, 0)
    return int.from_bytes(body[1:5], "big") + life_s if life_s else None


def _subpackets(signature: bytes) -> dict[int, int]:
    """The numbers in a version 4 signature by their kind (5.2.3.1), from its signed part and the one behind it."""
    told: dict[int, int] = {}
    at = 4
    for _ in range(2):
        end, at = at + 2 + int.from_bytes(signature[at : at + 2], "big"), at + 2
        while at < end:
            length, at = _new_length(signature, at)
            told.setdefault(signature[at] & 0x7F, int.from_bytes(signature[at + 1 : at + length], "big"))
            at += length
    return told


def _fingerprint(body: bytes) -> str:
    whole = b"\x99" + len(body).to_bytes(2, "big") + body
    return hashlib.sha1(whole, usedforsecurity=False).hexdigest().upper()


def _packets(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Each packet as (where it starts, tag, body)."""
    at = 0
    while at < len(data):
        head, start = data[at], at
        if not head & 0x80:
            raise ValueError("is not an OpenPGP public key")
        if head & 0x40:
            tag = head & 0x3F
            length, at = _new_length(data, at + 1)
        else:
            tag, size = head >> 2 & 0x0F, 1 << (head & 3)
            length, at = int.from_bytes(data[at + 1 : at + 1 + size], "big"), at + 1 + size
        if at + length > len(data):
            raise IndexError
        yield start, tag, data[at : at + length]
        at += length


def _new_length(data: bytes, at: int) -> tuple[int, int]:
    first = data[at]
    if first < 192:
        return first, at + 1
    if first < 224:
        return (first - 192 << 8) + data[at + 1] + 192, at + 2
    return int.from_bytes(data[at + 1 : at + 5], "big"), at + 5


def _crc24(data: bytes) -> int:
    crc = _CRC_START
    for byte in data:
        crc ^= byte << 16
        for _ in range(8):
            crc <<= 1
            if crc & 0x1000000:
                crc ^= _CRC_POLYNOMIAL
    return crc
