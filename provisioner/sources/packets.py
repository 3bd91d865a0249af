"""OpenPGP's packets, as far as public keys have them (RFC 9580, sections 4 and 5): each is understood, or refused.

Every function raises ValueError for what it does not understand; the message continues after the name of a file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO

from provisioner.sources.armor import DAMAGED, NOT_A_KEY

SIGNATURE, PUBLIC_KEY, TRUST, USER_ID, SUBKEY, USER_ATTRIBUTE = 2, 6, 12, 13, 14, 17
_NAMES = {
    5: "a secret key",
    7: "a secret subkey",
    8: "compressed data",
    9: "encrypted data",
    10: "a marker",
    11: "a message",
    18: "encrypted data",
    21: "padding",
}
# The longest name (parse-packet.c, MAX_UID_PACKET_LENGTH) and number (MAX_EXTERN_MPI_BITS) that gpg accepts.
_MOST_NAME_BYTES, _MOST_BITS = 2048, 16384
# How many numbers a key of an algorithm has (9.1, 5.5.5), and how many a signature (5.2.3): RSA has three identifiers,
# and Elgamal does not sign. Keys on elliptic curves have other parts before the number.
_RSA, _ELGAMAL, _DSA, _ECDH, _ECDSA, _EDDSA = (1, 2, 3), 16, 17, 18, 19, 22
_OF_KEYS = dict.fromkeys(_RSA, 2) | {_ELGAMAL: 3, _DSA: 4}
_OF_SIGNATURES = dict.fromkeys(_RSA, 1) | {_DSA: 2, _ECDSA: 2, _EDDSA: 2}
# Subpackets of signatures (5.2.3.7).
_MADE, _LIFE, _ISSUER, _ISSUER_FINGERPRINT = 2, 9, 16, 33


@dataclass(frozen=True, slots=True)
class Signature:
    """What a signature says. `kind` is its type (5.2.1), `life_s` how long the key is valid once made: 0 for ever.

    `issuers` are the IDs, 8 bytes, of the keys that it names as its makers; there may be none.
    """

    kind: int
    made_s: int = 0
    life_s: int = 0
    issuers: frozenset[bytes] = frozenset()


def packets(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and body of each packet. Only packets whose length is known in advance: a key has no others."""
    stream = BytesIO(data)
    while first := stream.read(1):
        tag, size = _head(first[0], stream)
        yield tag, _take(stream, size)


def packet(tag: int, body: bytes) -> bytes:
    """A packet with a header of the current format and a length of five octets, whatever it had before."""
    return bytes([0xC0 | tag, 0xFF]) + len(body).to_bytes(4, "big") + body


def check(tag: int, body: bytes) -> None:
    """ValueError unless a packet belongs in a public key, and is what its tag says."""
    if tag in (PUBLIC_KEY, SUBKEY):
        _check_key(BytesIO(body))
    elif tag == SIGNATURE:
        signature(body)
    elif tag == USER_ID and len(body) > _MOST_NAME_BYTES:
        raise ValueError(f"has a name of {len(body)} bytes in its OpenPGP public key")
    elif tag not in (TRUST, USER_ID, USER_ATTRIBUTE):
        raise ValueError(f"has more than an OpenPGP public key in it: {_NAMES.get(tag, f'a packet of kind {tag}')}")


def fingerprint(body: bytes) -> str:
    """The fingerprint of a version 4 key (5.5.4.2), 40 hexadecimal digits in capitals."""
    whole = b"\x99" + len(body).to_bytes(2, "big") + body
    return hashlib.sha1(whole, usedforsecurity=False).hexdigest().upper()


def signature(body: bytes) -> Signature:
    """What a signature of version 3 or 4 says. A key's validity counts only in the signed area, not in the unsigned."""
    stream = BytesIO(body)
    version = _number(stream, 1)
    if version == 3:
        return _signature_v3(stream)
    if version != 4:
        raise ValueError(f"has a signature of version {version} in its OpenPGP public key; 3 and 4 are known")
    kind, algorithm, _ = _take(stream, 3)
    signed = _subpackets(_take(stream, _number(stream, 2)))
    beside = _subpackets(_take(stream, _number(stream, 2)))
    _check_signed(algorithm, stream)
    told = [part for area in (signed, beside) for part in area]
    issuers = {value[-8:] for name, value in told if name in (_ISSUER, _ISSUER_FINGERPRINT)}
    return Signature(kind, _first(signed, _MADE), _first(signed, _LIFE), frozenset(issuers))


def _signature_v3(stream: BytesIO) -> Signature:
    if _number(stream, 1) != 5:
        raise ValueError(DAMAGED)
    found = Signature(_number(stream, 1), _number(stream, 4), 0, frozenset({_take(stream, 8)}))
    algorithm, _ = _take(stream, 2)
    _check_signed(algorithm, stream)
    return found


def _check_signed(algorithm: int, stream: BytesIO) -> None:
    """The rest of a signature: two bytes of what was signed, and numbers up to its end."""
    if algorithm not in _OF_SIGNATURES:
        raise ValueError(f"has a signature with an unknown algorithm in its OpenPGP public key: {algorithm}")
    _take(stream, 2)
    for _ in range(_OF_SIGNATURES[algorithm]):
        _next_number(stream)
    if stream.read(1):
        raise ValueError(DAMAGED)


def _subpackets(area: bytes) -> list[tuple[int, bytes]]:
    """Kind and value of each, without the critical bit."""
    stream, found = BytesIO(area), []
    while first := stream.read(1):
        body = _take(stream, _length(first[0], stream, two_octets_below=255))
        if not body:
            raise ValueError(DAMAGED)
        found.append((body[0] & 0x7F, body[1:]))
    return found


def _first(area: list[tuple[int, bytes]], kind: int) -> int:
    values = (value for name, value in area if name == kind and len(value) == 4)
    return next((int.from_bytes(value, "big") for value in values), 0)


def _head(first: int, stream: BytesIO) -> tuple[int, int]:
    if not first & 0x80:
        raise ValueError(NOT_A_KEY)
    if first & 0x40:
        return first & 0x3F, _length(_number(stream, 1), stream, two_octets_below=224)
    if first & 3 == 3:
        raise ValueError("has a packet without a length, which no OpenPGP public key has")
    return first >> 2 & 0x0F, _number(stream, 1 << (first & 3))


def _length(first: int, stream: BytesIO, two_octets_below: int) -> int:
    """A length of one, two or five octets. For packets, 224 to 254 mean that only a part follows."""
    if first < 192:
        return first
    if first < two_octets_below:
        return (first - 192 << 8) + _number(stream, 1) + 192
    if first < 255:
        raise ValueError("has a packet in parts, which no OpenPGP public key has")
    return _number(stream, 4)


def _check_key(stream: BytesIO) -> None:
    """Our fingerprint is of the bytes, other programs' is of the numbers: only one way to write those is accepted."""
    version = _number(stream, 1)
    if version != 4:
        raise ValueError(f"is an OpenPGP public key of version {version}; version 4 is known")
    _take(stream, 4)
    algorithm = _number(stream, 1)
    for part in _parts(algorithm):
        part(stream)
    if stream.read(1):
        raise ValueError(DAMAGED)


def _parts(algorithm: int) -> tuple[Callable[[BytesIO], None], ...]:
    if algorithm in _OF_KEYS:
        return (_check_number,) * _OF_KEYS[algorithm]
    if algorithm in (_ECDSA, _EDDSA):
        return _check_field, _check_number
    if algorithm == _ECDH:
        return _check_field, _check_number, _check_field
    raise ValueError(f"is an OpenPGP public key with an unknown algorithm: {algorithm}")


def _check_number(stream: BytesIO) -> None:
    """A number as it has to be written (3.2): the count of its bits, the first of which is set."""
    bits, value = _next_number(stream)
    if value.bit_length() != bits:
        raise ValueError(DAMAGED)


def _next_number(stream: BytesIO) -> tuple[int, int]:
    """The count of its bits, as the packet states it, and the number."""
    bits = _number(stream, 2)
    if not 0 < bits <= _MOST_BITS:
        raise ValueError(DAMAGED)
    return bits, _number(stream, (bits + 7) // 8)


def _check_field(stream: BytesIO) -> None:
    """The name of a curve, or its parameters: bytes after their count, which is not 0 or 255 (9.2)."""
    size = _number(stream, 1)
    if size in (0, 255):
        raise ValueError(DAMAGED)
    _take(stream, size)


def _number(stream: BytesIO, size: int) -> int:
    return int.from_bytes(_take(stream, size), "big")


def _take(stream: BytesIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise ValueError(DAMAGED)
    return data
