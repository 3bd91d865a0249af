"""What a machine says is data from a stranger: here it becomes a value of a known type, or is refused.

Whoever reads an answer reads each part of it through one of these. What does not fit raises UntrustedError, which says
what was expected and shows the beginning of what came, made visible.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TypeVar

T = TypeVar("T")

# Kubernetes' names of objects (RFC 1123 subdomains) and keys of labels and taints: a name, perhaps behind `domain/`.
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_KEY = re.compile(r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
# A version as kubelets and runtimes tell it: v1.20.2, 1.7.24~ds1, v1.29.6+k3s1.
_VERSION = re.compile(r"v?[0-9]{1,6}(\.[0-9]{1,6}){0,3}([-+~.][0-9A-Za-z.+~-]{1,64})?")
_NUMBER = re.compile(r"[0-9]{1,15}")
# The value of a label (https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/), and a taint.
_LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
# Linux: at most 15 bytes, no `/`, no white space (dev_valid_name); stricter, as all tools that make them are.
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
# What a terminal obeys or hides: C0 and C1 but tab and newline, DEL, separators of lines, directions of writing,
# marks without width, lone surrogates (https://trojansource.codes).
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
_SHOWN = 60


class UntrustedError(ValueError):
    """A value that a machine told is not of the type that it has to be."""

    def __init__(self, expected: str, text: object, what: str = "") -> None:
        """`expected` completes "is not ...", such as `an IPv4 address`; `what` says what the value was told for."""
        super().__init__(f"{what} {shown(text)} is not {expected}".lstrip())
        self.expected = expected


def visible(text: str) -> str:
    r"""The text with everything that a terminal would obey or hide written out, such as `\x1b` and `\u202e`."""
    return _UNSEEN.sub(lambda found: _written(ord(found[0])), text)


def shown(text: object) -> str:
    """The beginning of a value, quoted and made visible, for a message."""
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
    """An address that a machine can be reached at by others."""
    for kind in (IPv4Address, IPv6Address):
        try:
            found = kind(_text(text))
        except ValueError:
            continue
        odd = found.is_loopback or found.is_unspecified or found.is_multicast or found.is_reserved
        if not odd and not getattr(found, "scope_id", None):
            return found
    raise UntrustedError("the address of a machine", text)


def pod_network(text: object) -> IPv4Network | IPv6Network:
    """A network of either kind, such as a node's part of the pods' network."""
    for kind in (IPv4Network, IPv6Network):
        try:
            if "/" in _text(text):
                return kind(_text(text))
        except ValueError:
            continue
    raise UntrustedError("a network", text)


def name(text: object) -> str:
    """The name of a Kubernetes object: small letters, digits, `-` and `.`."""
    return _matching(_NAME, text, "a name of Kubernetes")


def key(text: object) -> str:
    """The key of a label or taint, such as `node-role.kubernetes.io/master`."""
    return _matching(_KEY, text, "a key of Kubernetes")


def label(text: object) -> str:
    """The value of a label; it may be empty."""
    return _matching(_LABEL, text, "the value of a label")


def effect(text: object) -> str:
    """What a taint does."""
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
    """One or more certificates in PEM, written anew: nothing else that stands in the text is kept."""
    try:
        found = [base64.b64decode("".join(body.split()), validate=True) for body in _CERTIFICATE.findall(_text(text))]
    except ValueError:
        found = []
    if not 0 < len(found) <= _MOST_CERTIFICATES or any(der[:1] != bytes([_DER_SEQUENCE]) for der in found):
        raise UntrustedError("a certificate", text)
    return "".join(_armored(der) for der in found)


def printable(text: str, *, lines: bool = False) -> str:
    """The same text, when there is nothing in it that a terminal or a reader of files would obey; with `lines`, it may
    have several.
    """
    if visible(text) == text and (lines or not {"\n", "\t"} & set(text)):
        return text
    raise UntrustedError("text that can be printed", text)


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


def is_text(text: str) -> bool:
    """Whether there is something, and nothing in it but lines that can be printed: a file such as a key in armor."""
    return bool(text) and len(text) <= _MOST_TEXT and visible(text) == text


def told(what: str, read: Callable[[object], T], text: object) -> T:
    """The value that `read` makes of it; the error says what it was about."""
    try:
        return read(text)
    except UntrustedError as error:
        raise UntrustedError(error.expected, text, what) from None


def fitting(read: Callable[[object], T], texts: Iterable[object]) -> list[T]:
    """The values of those that fit; for answers in which a line that does not tells nothing."""
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
