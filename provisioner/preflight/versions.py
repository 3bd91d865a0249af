"""What the catalogue says of the wished versions on these machines: nothing that cannot work is begun."""

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
    """Of the nodes as they are: a run does not go on as if a cluster were sound that is not."""
    for node in view.observed.live.nodes.values() if view.observed.live else ():
        yield from rules.skew(view.observed.live.version if view.observed.live else "", node.version, node.name)


def _key(view: View) -> Iterator[Problem]:
    """Without its key a control plane cannot start again, nor read a single Secret."""
    wished = view.cluster.settings.encryption is not None
    encrypted = "encryption-provider-config" in view.observed.live.configuration if view.observed.live else wished
    for host in view.cluster.control_planes if encrypted else ():
        state = view.observed.states.get(host.name)
        if state and state.initialised and not state.has_encryption_key:
            message = "the key that encrypts the cluster's Secrets is gone from this machine"
            hint = "Put it back from a copy; a new key could not read what the old one has written."
            yield Problem("key-gone", host.name, message, hint)


RULES: tuple[Callable[[View], Iterator[Problem]], ...] = (_cgroup, _flags, _skew, _key)
