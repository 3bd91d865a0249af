"""What a machine's container is given, and what its image is made of."""

from __future__ import annotations

from ipaddress import IPv4Network
from pathlib import Path

import pytest

from provisioner.labs.image import CONTENTS, bootstrap_command, recipe, tag
from provisioner.labs.machines import host_config
from provisioner.labs.rights import CAPABILITIES, Rights, options
from provisioner.labs.spec import LabSpec, machines

SUBNET = IPv4Network("10.213.7.0/24")
MACHINE = machines(LabSpec(), SUBNET)[0]


def test_privileged_is_asked_for_first() -> None:
    assert list(Rights) == [Rights.PRIVILEGED, Rights.RESTRICTED]
    assert options(Rights.PRIVILEGED) == {"Privileged": True}


def test_the_fallback_is_everything_but_the_capability_that_hosts_withhold() -> None:
    granted = options(Rights.RESTRICTED)
    assert "Privileged" not in granted
    assert "SYS_RESOURCE" not in CAPABILITIES
    assert {"SYS_ADMIN", "NET_ADMIN", "MKNOD"} <= set(CAPABILITIES)
    # All 38 that Linux had with Docker 20.10's names, less one.
    assert len(CAPABILITIES) == len(set(CAPABILITIES)) == 37


def test_limits_are_in_the_engines_units() -> None:
    config = host_config(LabSpec(memory_mib=2048, cpus=1.5), Rights.PRIVILEGED, MACHINE)
    assert (config["Memory"], config["NanoCpus"]) == (2 * 1024**3, 1_500_000_000)


def test_without_limits_none_are_set() -> None:
    config = host_config(LabSpec(), Rights.PRIVILEGED, MACHINE)
    assert {"Memory", "NanoCpus", "PortBindings"}.isdisjoint(config)


def test_a_published_port_is_only_on_loopback() -> None:
    spec = LabSpec(ssh_port=22022)
    config = host_config(spec, Rights.PRIVILEGED, machines(spec, SUBNET)[0])
    assert config["PortBindings"] == {"22/tcp": [{"HostIp": "127.0.0.1", "HostPort": "22022"}]}


@pytest.mark.parametrize(
    "other",
    [
        ("trixie", ["a", "b"], [b"x", b"y"]),
        ("bookworm", ["a"], [b"x", b"y"]),
        ("bookworm", ["a", "b"], [b"xy", b""]),
    ],
)
def test_every_part_of_the_recipe_counts(other: tuple[str, list[str], list[bytes]]) -> None:
    assert recipe("bookworm", ["a", "b"], [b"x", b"y"]) == recipe("bookworm", ["a", "b"], [b"x", b"y"])
    assert recipe(*other) != recipe("bookworm", ["a", "b"], [b"x", b"y"])


def test_the_tag_is_stable_and_tells_the_release() -> None:
    assert tag("bookworm") == tag("bookworm")
    assert tag("trixie").startswith("provisioner-lab:trixie-")


def test_the_node_is_a_plain_server() -> None:
    assert not {"docker.io", "containerd", "python3", "iptables", "udev"} & set(CONTENTS)
    assert {"systemd-sysv", "openssh-server", "sudo"} <= set(CONTENTS)


def test_the_mirror_is_an_argument_only_when_there_is_one() -> None:
    with_one = bootstrap_command("bookworm", Path("/tmp/x.tar"), "http://mirror.example/debian")
    assert with_one[-3:] == ["bookworm", "/tmp/x.tar", "http://mirror.example/debian"]
    assert bootstrap_command("bookworm", Path("/tmp/x.tar"), None)[-2:] == ["bookworm", "/tmp/x.tar"]
