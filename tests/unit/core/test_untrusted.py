from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network

import pytest

from provisioner.core import untrusted
from provisioner.core.untrusted import UntrustedError, shown, visible
from tests.builders import CA

GOOD = [
    (untrusted.address, "10.0.0.11", IPv4Address("10.0.0.11")),
    (untrusted.network, "10.244.1.0/24", IPv4Network("10.244.1.0/24")),
    (untrusted.name, "w1.example", "w1.example"),
    (untrusted.key, "node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/control-plane"),
    (untrusted.version, "v1.20.2", "v1.20.2"),
    (untrusted.version, "1.7.24~ds1-1+deb13u1", "1.7.24~ds1-1+deb13u1"),
]
BAD: list[tuple[Callable[[object], object], object]] = [
    (untrusted.address, "10.0.0.11\nEND\nreboot"),
    (untrusted.address, 167772171),
    (untrusted.address, "fe80::1"),
    (untrusted.network, "10.244.1.1/24"),
    (untrusted.network, "10.244.1.0"),
    (untrusted.network, None),
    (untrusted.name, "W1"),
    (untrusted.name, "w1\n"),
    (untrusted.name, "w" * 254),
    (untrusted.key, "a/b/c"),
    (untrusted.key, 'x":"y'),
    (untrusted.version, 'v1.20.2","ready":"True'),
    (untrusted.version, "1.20.2 $(reboot)"),
    (untrusted.version, ["1"]),
    (untrusted.node_address, "127.0.0.1"),
    (untrusted.node_address, "fe80::1%$(reboot)"),
    (untrusted.label, "a b"),
    (untrusted.effect, "NoSchedule\n"),
    (untrusted.interface, "eth0;reboot"),
    (untrusted.interface, "-all"),
    (untrusted.path, "/run/a b"),
    (untrusted.package, "-y"),
    (untrusted.package_version, "1.2 -y"),
    (untrusted.sha256, "A" * 64),
    (untrusted.certificates, ""),
    (untrusted.certificates, "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n"),
    (untrusted.certificates, "-----BEGIN CERTIFICATE-----\nMII=A\n-----END CERTIFICATE-----\n"),
]


@pytest.mark.parametrize(("read", "text", "value"), GOOD)
def test_what_fits_becomes_a_value(read: Callable[[object], object], text: str, value: object) -> None:
    assert read(text) == value


@pytest.mark.parametrize(("read", "text"), BAD)
def test_what_does_not_fit_is_refused_and_shown_on_one_line(read: Callable[[object], object], text: object) -> None:
    with pytest.raises(UntrustedError) as refused:
        read(text)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 150


@pytest.mark.parametrize("text", ["-1", "1e9", "٣", "9" * 5000, "101", "", None, True, 1.5])
def test_a_number_has_a_bound(text: object) -> None:
    with pytest.raises(UntrustedError):
        untrusted.number(text, 100)
    assert untrusted.number("100", 100) == untrusted.number(100, 100) == 100


def test_what_a_terminal_would_obey_or_hide_is_written_out() -> None:
    assert visible("\x1b[2J\x9b1m\r\u202eabc\u2066\ud800\x00\u2028") == (
        r"\x1b[2J\x9b1m\x0d\u202eabc\u2066\ud800\x00\u2028"
    )


def test_what_people_write_stays() -> None:
    text = "two\tcolumns\nsecond line: ä € 漢字 😀 \\x1b"
    assert visible(text) == text


def test_a_long_value_is_shown_by_its_beginning() -> None:
    assert shown("a\x1b" + "b" * 1000) == f'"a\\x1b{"b" * 58}…"'


def test_of_a_file_with_certificates_nothing_else_is_kept() -> None:
    assert untrusted.certificates(CA) == CA
    assert untrusted.certificates(f"subject=x\n=== api\n{CA}{CA}$(reboot)") == CA + CA


@pytest.mark.parametrize("text", ["a\nb", "a\tb", "a\x1b", "a\u202e", "\U000e0041"])
def test_what_is_printed_has_one_line_and_nothing_that_is_obeyed(text: str) -> None:
    with pytest.raises(UntrustedError):
        untrusted.printable(text)
    assert untrusted.printable("Ä 1") == "Ä 1"
