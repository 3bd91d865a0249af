"""The output of a host is untrusted data: here it becomes a value of a known type, or is refused.

All code that reads an answer reads each part of it with one of these functions. A value that does not fit raises
UntrustedError, which says what was expected and shows the beginning of the value, with control characters escaped.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TypeVar

T = TypeVar("T")

# Names of Kubernetes objects (RFC 1123 subdomains) and keys of labels and taints: a name, optionally after `domain/`.
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_KEY = re.compile(r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
# A version as kubelets and runtimes report it: v1.20.2, 1.7.24~ds1, v1.29.6+k3s1.
_VERSION = re.compile(r"v?[0-9]{1,6}(\.[0-9]{1,6}){0,3}([-+~.][0-9A-Za-z.+~-]{1,64})?")
_NUMBER = re.compile(r"[0-9]{1,15}")
# The value of a label (https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/), and a taint.
_LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
# Linux: at most 15 bytes, no `/`, no white space (dev_valid_name); stricter here, as all tools that create them are.
_INTERFACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+#=~,-]{0,14}")
_PATH = re.compile(r"/[\w@%+=:,./~-]{0,1023}")
# Debian's policy, 5.6.1 and 5.6.12.
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]{0,127}")
_PACKAGE_VERSION = re.compile(r"[0-9A-Za-z.+~:-]{1,128}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----\s([A-Za-z0-9+/=\s]{1,20000})-----END CERTIFICATE-----")
_MOST_CERTIFICATES = 16
_MOST_TEXT = 100_000
_DER_SEQUENCE = 0x30
# Characters that a terminal interprets or hides: C0 and C1 except tab and newline, DEL, line separators, directional
# formatting, zero-width characters, lone surrogates (https://trojansource.codes).
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
_SHOWN = 60


class UntrustedError(ValueError):
    """A value that a host reported is not of the expected type."""

    def __init__(self, expected: str, text: object, what: str = "") -> None:
        """`expected` completes "is not ...", such as `an IPv4 address`; `what` says what the value is for."""
        super().__init__(f"{what} {shown(text)} is not {expected}".lstrip())
        self.expected = expected


def visible(text: str) -> str:
    r"""The text with every character that a terminal would interpret or hide escaped, such as `\x1b` and `\u202e`."""
    return _UNSEEN.sub(lambda found: _written(ord(found[0])), text)


def shown(text: object) -> str:
    """The beginning of a value, quoted and escaped, for a message."""
    whole = text if isinstance(text, str) else repr(text)
    line = visible(whole[:_SHOWN]).replace("\n", "\\n").replace("\t", "\\t")
    return f'"{line}{"…" if len(whole) > _SHOWN else ""}"'


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


def node_address(text: object) -> IPv4Address | IPv6Address:
    """An address at which other hosts can reach a host."""
    for kind in (IPv4Address, IPv6Address):
        try:
            found = kind(_text(text))
        except ValueError:
            continue
        odd = found.is_loopback or found.is_unspecified or found.is_multicast or found.is_reserved
        if not odd and not getattr(found, "scope_id", None):
            return found
    raise UntrustedError("an address that other hosts can reach", text)


def pod_network(text: object) -> IPv4Network | IPv6Network:
    """A network of either kind, such as a node pod CIDR."""
    for kind in (IPv4Network, IPv6Network):
        try:
            if "/" in _text(text):
                return kind(_text(text))
        except ValueError:
            continue
    raise UntrustedError("a network", text)


def name(text: object) -> str:
    """The name of a Kubernetes object: lowercase letters, digits, `-` and `.`."""
    return _matching(_NAME, text, "the name of a Kubernetes object")


def key(text: object) -> str:
    """The key of a label or taint, such as `node-role.kubernetes.io/master`."""
    return _matching(_KEY, text, "the key of a label or taint")


def label(text: object) -> str:
    """The value of a label; it may be empty."""
    return _matching(_LABEL, text, "the value of a label")


def effect(text: object) -> str:
    """The effect of a taint."""
    if isinstance(text, str) and text in _EFFECTS:
        return text
    raise UntrustedError("the effect of a taint", text)


def interface(text: object) -> str:
    """The name of a network interface."""
    return _matching(_INTERFACE, text, "the name of an interface")


def path(text: object) -> str:
    """An absolute path without white space."""
    return _matching(_PATH, text, "an absolute path")


def package(text: object) -> str:
    """The name of a Debian package."""
    return _matching(_PACKAGE, text, "the name of a package")


def package_version(text: object) -> str:
    """The version of a Debian package."""
    return _matching(_PACKAGE_VERSION, text, "the version of a package")


def sha256(text: object) -> str:
    """A SHA-256 in hexadecimal digits."""
    return _matching(_SHA256, text, "a SHA-256")


def certificates(text: object) -> str:
    """One or more certificates in PEM, rewritten: anything else in the text is dropped."""
    try:
        found = [base64.b64decode("".join(body.split()), validate=True) for body in _CERTIFICATE.findall(_text(text))]
    except ValueError:
        found = []
    if not 0 < len(found) <= _MOST_CERTIFICATES or any(der[:1] != bytes([_DER_SEQUENCE]) for der in found):
        raise UntrustedError("a certificate", text)
    return "".join(_armored(der) for der in found)


def printable(text: str, *, lines: bool = False) -> str:
    """The same text, if it has nothing that a terminal or a program that reads it would interpret; with `lines`, it may
    have several lines.
    """
    if visible(text) == text and (lines or not {"\n", "\t"} & set(text)):
        return text
    raise UntrustedError("text that can be printed", text)


def version(text: object) -> str:
    """A version, as it was reported."""
    return _matching(_VERSION, text, "a version")


def number(text: object, most: int) -> int:
    """A whole number from 0 to `most`."""
    if isinstance(text, int) and not isinstance(text, bool) and 0 <= text <= most:
        return text
    if isinstance(text, str) and _NUMBER.fullmatch(text) and int(text) <= most:
        return int(text)
    raise UntrustedError(f"a number from 0 to {most}", text)


def is_text(text: str) -> bool:
    """Whether it is not empty and has only printable lines: a file such as an ASCII-armored key."""
    return bool(text) and len(text) <= _MOST_TEXT and visible(text) == text


def told(what: str, read: Callable[[object], T], text: object) -> T:
    """The value that `read` makes of it; an error names `what`."""
    try:
        return read(text)
    except UntrustedError as error:
        raise UntrustedError(error.expected, text, what) from None


def fitting(read: Callable[[object], T], texts: Iterable[object]) -> list[T]:
    """The values of those that fit; for answers in which lines that do not fit can be ignored."""
    found = []
    for text in texts:
        try:
            found.append(read(text))
        except UntrustedError:
            continue
    return found


def _armored(der: bytes) -> str:
    text = base64.b64encode(der).decode()
    body = "".join(f"{text[at : at + 64]}\n" for at in range(0, len(text), 64))
    return f"-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n"


def _written(code: int) -> str:
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _text(text: object) -> str:
    return text if isinstance(text, str) else ""


def _matching(pattern: re.Pattern[str], text: object, expected: str) -> str:
    if isinstance(text, str) and pattern.fullmatch(text):
        return text
    raise UntrustedError(expected, text)
