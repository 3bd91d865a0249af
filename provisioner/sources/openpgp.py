"""Just enough of OpenPGP to recognise a key by its fingerprint, and to write that key and nothing else.

What is not understood is refused, and what is written is built again from what was understood: the program that checks
signatures with it (gpgv, sqv) finds no key there that was not seen here. No signature is checked: that is apt's task.
Only keys of version 4, with which repositories sign; see docs/adr/0027-keys-are-rewritten.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from provisioner.sources import armor, packets
from provisioner.sources.armor import NOT_A_KEY
from provisioner.sources.packets import Signature

# Kinds of signatures that say how long a key is valid (RFC 9580, section 5.2.1): on its user IDs, and on itself.
_ON_NAMES, _ON_KEY = frozenset({0x10, 0x11, 0x12, 0x13}), frozenset({0x1F})
Packet = tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class Key:
    """A primary key with everything that belongs to it, as packets that were built again.

    The fingerprint is 40 hexadecimal digits in capitals; `expires_s` is in seconds since 1970, None for never. It is
    what the key says of itself, unchecked: a server that hands out the key can change it, but nothing else.
    """

    fingerprint: str
    data: bytes
    expires_s: int | None = None


def normal(fingerprint: str) -> str:
    """A fingerprint without blanks and in capitals, however it was written."""
    return re.sub(r"\s", "", fingerprint).upper()


def read(text: str) -> tuple[Key, ...]:
    """The keys of an armored text, each once; ValueError, which says why, when anything in it is not understood."""
    found = tuple(key for block in armor.blocks(text) for key in keys(block))
    if len({key.fingerprint for key in found}) < len(found):
        raise ValueError("has the same OpenPGP public key twice, and programs differ in which one they take")
    return found


def keys(data: bytes) -> Iterator[Key]:
    """The primary keys in binary data, each with what belongs to it; ValueError as above."""
    found = list(packets.packets(data))
    for tag, body in found:
        packets.check(tag, body)
    starts = [at for at, (tag, _) in enumerate(found) if tag == packets.PUBLIC_KEY]
    if starts[:1] != [0]:
        raise ValueError(NOT_A_KEY)
    for start, end in pairwise([*starts, len(found)]):
        yield _key(list(_kept(found[start:end])))


def _kept(found: list[Packet]) -> Iterator[Packet]:
    """What apt needs of a key: without pictures and their signatures, and without a keyring's trust packets."""
    of_picture = False
    for tag, body in found:
        if tag not in (packets.SIGNATURE, packets.TRUST):
            of_picture = tag == packets.USER_ATTRIBUTE
        if not of_picture and tag != packets.TRUST:
            yield tag, body


def _key(found: list[Packet]) -> Key:
    body = found[0][1]
    signatures = [packets.signature(signed) for tag, signed in found if tag == packets.SIGNATURE]
    data = b"".join(packets.packet(*one) for one in found)
    fingerprint = packets.fingerprint(body)
    life_s = _life_s(signatures, bytes.fromhex(fingerprint)[-8:])
    return Key(fingerprint, data, int.from_bytes(body[1:5], "big") + life_s if life_s else None)


def _life_s(signatures: list[Signature], identity: bytes) -> int:
    """From the key's latest signature on itself, or else that on its user IDs; those of other keys do not count."""
    own = [one for one in signatures if not one.issuers or identity in one.issuers]
    latest = (
        max((one for one in own if one.kind in kinds), key=lambda one: one.made_s, default=Signature(0))
        for kinds in (_ON_KEY, _ON_NAMES)
    )
    return next((one.life_s for one in latest if one.life_s), 0)
