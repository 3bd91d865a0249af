"""kubeadm's own record of the cluster (the ConfigMap kubeadm-config), as far as other values are checked with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network
from typing import Any

import yaml

from provisioner import bounded_yaml
from provisioner.core import untrusted
from provisioner.core.untrusted import UntrustedError, told

_MAPPINGS = ("apiServer", "controllerManager", "networking", "scheduler")


@dataclass(frozen=True, slots=True)
class Configuration:
    """The cluster's version, which `kubeadm upgrade` keeps up to date, and its IPv4 pod networks."""

    version: str
    pods: tuple[IPv4Network, ...]


# A run reads the same text several times.
@lru_cache(maxsize=8)
def read_configuration(text: str) -> Configuration:
    """The values that get types here; UntrustedError when the text is not as kubeadm writes it."""
    whole = configuration(text)
    version = whole.get("kubernetesVersion")
    subnets = str(whole.get("networking", {}).get("podSubnet") or "").split(",")
    known = [told("the cluster's podSubnet", untrusted.pod_network, one) for one in filter(None, subnets)]
    return Configuration(
        told("the cluster's version", untrusted.version, version).removeprefix("v") if version else "unknown",
        tuple(one for one in known if isinstance(one, IPv4Network)),
    )


@lru_cache(maxsize=8)
def configuration(text: str) -> Mapping[str, Any]:
    """The whole record; UntrustedError when it is not as kubeadm writes it: plain YAML whose sections are mappings."""
    try:
        loaded: object = bounded_yaml.load(text)
    except yaml.YAMLError:
        raise UntrustedError("a configuration of kubeadm", text) from None
    whole = {} if loaded is None else loaded
    if not isinstance(whole, dict) or any(not isinstance(whole.get(part, {}), dict) for part in _MAPPINGS):
        raise UntrustedError("a configuration of kubeadm", text)
    for said in _texts(whole):
        untrusted.printable(said, lines=True)
    return whole


def _texts(value: object) -> Iterator[str]:
    """All texts in it, keys too."""
    if isinstance(value, dict):
        for pair in value.items():
            for part in pair:
                yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
    elif isinstance(value, str):
        yield value
