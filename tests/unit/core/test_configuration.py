"""What kubeadm has written down is read as what it writes; anything else is no configuration of a cluster."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from provisioner.core.untrusted import UntrustedError
from provisioner.world.configuration import read_configuration
from tests.builders import CONFIGURATION
from tests.conftest import Tally


def test_the_version_and_the_networks_for_pods() -> None:
    found = read_configuration(CONFIGURATION)
    assert (found.version, found.pods) == ("1.20.2", (IPv4Network("10.244.0.0/16"),))


@pytest.mark.parametrize(
    ("text", "pods"),
    [("10.244.0.0/16,fd00::/56", ["10.244.0.0/16"]), ("fd00::/56", []), ('""', [])],
)
def test_of_two_families_that_of_ipv4(text: str, pods: list[str]) -> None:
    found = read_configuration(CONFIGURATION.replace("10.244.0.0/16", text))
    assert [str(network) for network in found.pods] == pods


BAD = (
    "5",
    "networking: 5",
    "[]",
    "a: [",
    "networking: []",
    "apiServer: x",
    "kubernetesVersion: $(reboot)",
    'kubernetesVersion: "v1.20.2\\nx: y"',
    "networking: {podSubnet: anything}",
    'networking: {podSubnet: "10.244.0.0/16\\n"}',
    'dnsDomain: "\\e[2J"',
    "a0: &a0 [x]\n" + "".join(f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 9)}]\n" for n in range(9)),
    "!!python/object/apply:os.system [reboot]",
    "[" * 5000,
)


@pytest.mark.parametrize("text", BAD, ids=range(len(BAD)))
def test_anything_else_is_refused(text: str, tally: Tally) -> None:
    with pytest.raises(UntrustedError):
        read_configuration(text)
    tally("hostile inputs tried", 1)
