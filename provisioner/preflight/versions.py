"""What the catalog says about the desired versions on these hosts: a run does not begin what cannot work."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from provisioner.catalog import rules
from provisioner.errors import Problem
from provisioner.world.derived import kubernetes
from provisioner.world.view import View


def _cgroup(view: View) -> Iterator[Problem]:
    for host in view.hosts:
        yield from rules.cgroup(kubernetes(view), view.observed.facts[host.name].cgroup_version, host.name)


def _flags(view: View) -> Iterator[Problem]:
    for host in view.hosts:
        yield from rules.kubelet_flags(kubernetes(view), host.kubelet_extra_args, host.name)


def _skew(view: View) -> Iterator[Problem]:
    """Checks the nodes as they are: a run does not treat an unhealthy cluster as a healthy one."""
    for node in view.observed.live.nodes.values() if view.observed.live else ():
        yield from rules.skew(view.observed.live.version if view.observed.live else "", node.version, node.name)


def _key(view: View) -> Iterator[Problem]:
    """Without its encryption key, a control plane can neither start again nor read any Secret."""
    desired = view.cluster.settings.encryption is not None
    encrypted = "encryption-provider-config" in view.observed.live.configuration if view.observed.live else desired
    for host in view.cluster.control_planes if encrypted else ():
        state = view.observed.states.get(host.name)
        if state and state.initialised and not state.has_encryption_key:
            message = "the key that encrypts the cluster's Secrets is missing on this host"
            hint = "Restore it from a backup; a new key cannot decrypt what the old one has encrypted."
            yield Problem("key-gone", host.name, message, hint)


RULES: tuple[Callable[[View], Iterator[Problem]], ...] = (_cgroup, _flags, _skew, _key)
