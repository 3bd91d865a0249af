"""What stands in kubeadm's configuration files, as far as the simulated kubeadm reads them."""

from __future__ import annotations

import re
from functools import cache

from provisioner.world.derived import ca_pin
from tests.builders import CA


@cache
def pin() -> str:
    """The hash of the cluster's CA."""
    return ca_pin(CA)


def found(pattern: str, text: str) -> str:
    """What stands at that place of a configuration."""
    match = re.search(pattern, text)
    assert match, f"kubeadm's configuration has no {pattern}"
    return match[1]


def token(text: str) -> tuple[str, str]:
    """The token's public and its secret half."""
    identity, _, secret = found(r'token: "([a-z0-9]{6}\.[a-z0-9]{16})"', text).partition(".")
    return identity, secret


def taints(text: str) -> set[str]:
    """The taints that a node is to be born with."""
    rows = re.findall(r'- \{key: "(.*?)", value: "(.*?)", effect: "(\w+)"\}', text)
    return {f"{key}={value}:{effect}" if value else f"{key}:{effect}" for key, value, effect in rows}


def configuration(text: str) -> str:
    """What kubeadm keeps of its configuration in the cluster, the parts that are read again."""
    keys = ("kubernetesVersion", "podSubnet", "serviceSubnet", "dnsDomain")
    values = {key: found(rf'{key}: "(\S+)"', text) for key in keys}
    networking = "".join(f"  {key}: {values[key]}\n" for key in keys[1:])
    endpoint = found(r'controlPlaneEndpoint: "(.*)"', text)
    arguments = found(r"(?s)apiServer:.*?  extraArgs: ([^\n]*)", text)
    return (
        f"apiServer:\n  extraArgs: {arguments}\ncontrolPlaneEndpoint: {endpoint}\n"
        f"kubernetesVersion: {values['kubernetesVersion']}\nnetworking:\n{networking}"
    )
