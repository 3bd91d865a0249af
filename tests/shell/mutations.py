"""Keys as someone would change them who wants to hide something: bytes, lengths, packets, parts of other keys."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import suppress

from provisioner.sources.armor import armored
from provisioner.sources.packets import packet, packets

Mutation = Callable[[random.Random, bytes, Sequence[bytes]], bytes]


def _flip(dice: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    at = dice.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << dice.randrange(8)]) + data[at + 1 :]


def _exchange(dice: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    at = dice.randrange(len(data))
    return data[:at] + bytes([dice.choice((0, 127, 192, 224, 254, 255, dice.randrange(256)))]) + data[at + 1 :]


def _insert(dice: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    at = dice.randrange(len(data) + 1)
    return data[:at] + dice.randbytes(dice.randrange(1, 6)) + data[at:]


def _cut_out(dice: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    at = dice.randrange(len(data))
    return data[:at] + data[at + dice.randrange(1, 6) :]


def _cut_off(dice: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    return data[: dice.randrange(1, len(data) + 1)]


def _append(dice: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    return data + dice.choice(others)


def _with_packet(dice: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    parts = list(packets(data))
    stranger = dice.choice(list(packets(dice.choice(others))))
    noise = (dice.choice((0, 2, 6, 13, 14, dice.randrange(64))), dice.randbytes(dice.randrange(40)))
    parts.insert(dice.randrange(len(parts) + 1), dice.choice((stranger, noise)))
    return b"".join(packet(*part) for part in parts)


def _without_packet(dice: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    parts = list(packets(data))
    del parts[dice.randrange(len(parts))]
    return b"".join(packet(*part) for part in parts)


def _other_body(dice: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """One packet changed, cut or longer, with a length that is right all the same."""
    parts = list(packets(data))
    at = dice.randrange(len(parts))
    tag, body = parts[at]
    parts[at] = (
        tag,
        dice.choice((body + dice.randbytes(dice.randrange(1, 9)), body[:-1], _exchange(dice, body, others))),
    )
    return b"".join(packet(*part) for part in parts)


def _other_head(dice: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """One packet with another kind of head: partial and indeterminate lengths among them."""
    parts = list(packets(data))
    at = dice.randrange(len(parts))
    tag, body = parts[at]
    size = len(body)
    heads = (
        bytes([0x80 | (tag & 15) << 2 | 1]) + (size & 0xFFFF).to_bytes(2, "big"),
        bytes([0x80 | (tag & 15) << 2 | 2]) + size.to_bytes(4, "big"),
        bytes([0x80 | (tag & 15) << 2 | 3]),
        bytes([0xC0 | tag, 224 | dice.randrange(31)]),
        bytes([0xC0 | tag, 224 | dice.randrange(31)]) + size.to_bytes(4, "big"),
        bytes([0xC0 | tag, 255]) + dice.choice((size + 1, size - 1, size * 2, 2**32 - 1)).to_bytes(4, "big"),
    )
    before, after = parts[:at], parts[at + 1 :]
    return b"".join(packet(*one) for one in before) + dice.choice(heads) + body + b"".join(
        packet(*one) for one in after
    )  # fmt: skip


_OF_BYTES: tuple[Mutation, ...] = (_flip, _exchange, _insert, _cut_out, _cut_off, _append)
_OF_PACKETS: tuple[Mutation, ...] = (_with_packet, _without_packet, _other_body, _other_head)


def mutated(dice: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """A key, changed once or a few times; never empty."""
    for _ in range(dice.choice((1, 1, 1, 2, 4))):
        # What is broken already has no packets to change.
        with suppress(ValueError, IndexError):
            data = dice.choice(_OF_BYTES + _OF_PACKETS)(dice, data, others) or data
    return data


def mutated_text(dice: random.Random, data: bytes, others: Sequence[bytes]) -> str:
    """A key as text, whose lines are changed, left out, doubled or mixed with others."""
    strange = ("", " ", "-----", "x: y", "Version: 1", "=AAAA", "AA==", "\x0c", "\u2028", "-----BEGIN PGP MESSAGE-----")
    lines = armored(data).split("\n")
    for _ in range(dice.choice((1, 1, 2, 3))):
        at = dice.randrange(len(lines))
        match dice.randrange(6):
            case 0:
                lines.insert(at, dice.choice((*strange, *armored(dice.choice(others)).split("\n"))))
            case 1:
                lines[at : at + 1] = []
            case 2:
                lines[at] += dice.choice((" ", "\t", "\r", "=", "-", "A"))
            case 3:
                lines[at] = lines[at][dice.randrange(3) :]
            case 4:
                lines[at:at] = armored(dice.choice(others)).split("\n")
            case _:
                lines.insert(at, lines[dice.randrange(len(lines))])
        lines = lines or [""]
    return "\n".join(lines)
