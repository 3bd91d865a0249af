"""What a machine says is data from a stranger: here it becomes a value of a known type, or is refused.

Whoever reads an answer reads each part of it through one of these. What does not fit raises UntrustedError, which says
what was expected and shows the beginning of what came, made visible.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network

# Kubernetes' names of objects (RFC 1123 subdomains) and keys of labels and taints: a name, perhaps behind `domain/`.
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_KEY = re.compile(r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
# A version as kubelets and runtimes tell it: v1.20.2, 1.7.24~ds1, v1.29.6+k3s1.
_VERSION = re.compile(r"v?[0-9]{1,6}(\.[0-9]{1,6}){0,3}([-+~.][0-9A-Za-z.+~-]{1,64})?")
_NUMBER = re.compile(r"[0-9]{1,15}")
# What a terminal obeys or hides: C0 and C1 but tab and newline, DEL, separators of lines, directions of writing,
# marks without width, lone surrogates (https://trojansource.codes).
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_SHOWN = 60


class UntrustedError(ValueError):
    """A value that a machine told is not of the type that it has to be."""

    def __init__(self, expected: str, text: object) -> None:
        """`expected` completes "is not ...", such as `an IPv4 address`."""
        super().__init__(f"{shown(text)} is not {expected}")


def visible(text: str) -> str:
    r"""The text with everything that a terminal would obey or hide written out, such as `\x1b` and `\u202e`."""
    return _UNSEEN.sub(lambda found: _written(ord(found[0])), text)


def shown(text: object) -> str:
    """The beginning of a value, quoted and made visible, for a message."""
    whole = text if isinstance(text, str) else repr(text)
    return f'"{visible(whole[:_SHOWN]).replace(chr(10), chr(92) + "n")}{"…" if len(whole) > _SHOWN else ""}"'


def address(text: object) -> IPv4Address:
    """An IPv4 address."""
    try:
        return IPv4Address(_text(text))
    except ValueError:
        raise UntrustedError("an IPv4 address", text) from None


def network(text: object) -> IPv4Network:
    """An IPv4 network, such as 10.244.1.0/24."""
    try:
        if "/" in _text(text):
            return IPv4Network(_text(text))
    except ValueError:
        pass
    raise UntrustedError("an IPv4 network", text)


def name(text: object) -> str:
    """The name of a Kubernetes object: small letters, digits, `-` and `.`."""
    return _matching(_NAME, text, "a name of Kubernetes")


def key(text: object) -> str:
    """The key of a label or taint, such as `node-role.kubernetes.io/master`."""
    return _matching(_KEY, text, "a key of Kubernetes")


def version(text: object) -> str:
    """A version, as it was told."""
    return _matching(_VERSION, text, "a version")


def number(text: object, most: int) -> int:
    """A whole number from 0 to `most`."""
    if isinstance(text, int) and not isinstance(text, bool) and 0 <= text <= most:
        return text
    if isinstance(text, str) and _NUMBER.fullmatch(text) and int(text) <= most:
        return int(text)
    raise UntrustedError(f"a number from 0 to {most}", text)


def _written(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def _text(text: object) -> str:
    return text if isinstance(text, str) else ""


def _matching(pattern: re.Pattern[str], text: object, expected: str) -> str:
    if isinstance(text, str) and pattern.fullmatch(text):
        return text
    raise UntrustedError(expected, text)
