"""Rules about the values of a cluster. Pure: a `Cluster` in, findings out, whose paths are paths into
the `Cluster` (`settings.pod_cidr`, `hosts.worker1.port`); `building.py` knows where in the file they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations

from provisioner.catalog import kubernetes
from provisioner.errors import Severity
from provisioner.inventory import network_rules, plug_in_rules, source_rules, vagrant_rules
from provisioner.inventory.findings import Finding, KeyPath
from provisioner.inventory.model import Cluster, Host
from provisioner.inventory.plug_in_rules import UNTESTED
from provisioner.inventory.ssh import SSH_PORT

_SETTINGS: KeyPath = ("settings",)


def findings(cluster: Cluster) -> tuple[Finding, ...]:
    """The findings of all rules."""
    rules = (*_RULES, *network_rules.RULES, *plug_in_rules.RULES, *source_rules.RULES, *vagrant_rules.RULES)
    return tuple(finding for rule in rules for finding in rule(cluster))


def _of(host: Host, field: str) -> KeyPath:
    return ("hosts", host.name, field)


def _no_control_plane(cluster: Cluster) -> Iterator[Finding]:
    if not cluster.control_planes:
        message = "no host is a control plane" if cluster.hosts else "no host has a role"
        yield Finding("no-control-plane", ("hosts",), message, "put at least one host into the group `control_plane`")


def _same_address(cluster: Cluster) -> Iterator[Finding]:
    for one, other in combinations(cluster.hosts, 2):
        if (one.address, one.port or SSH_PORT) == (other.address, other.port or SSH_PORT):
            yield Finding(
                "duplicate-address",
                _of(other, "address"),
                f"`{one.name}` and `{other.name}` are both reached at {other.address} port {other.port or SSH_PORT}",
                "give each host its own ansible_host or ansible_port",
                needs=tuple(_of(host, field) for host in (one, other) for field in ("address", "port")),
            )


def _same_node_ip(cluster: Cluster) -> Iterator[Finding]:
    for one, other in combinations(cluster.hosts, 2):
        if one.node_ip and one.node_ip == other.node_ip:
            yield Finding(
                "duplicate-node-ip",
                _of(other, "node_ip"),
                f"`{one.name}` and `{other.name}` both have the node_ip {other.node_ip}",
                "give each host its own, or leave node_ip out to have it detected",
                needs=(_of(one, "node_ip"), _of(other, "node_ip")),
            )


def _version(cluster: Cluster) -> Iterator[Finding]:
    version, path = cluster.settings.kubernetes_version, (*_SETTINGS, "kubernetes_version")
    row = kubernetes.release(version.series)
    if row is None:
        nearest = kubernetes.rules_for(version.series).series
        known = ", ".join(release.series for release in kubernetes.releases())
        hint = f"known releases: {known}; `--allow-untested` tries it with the rules of {nearest}"
        yield Finding(UNTESTED, path, f"Kubernetes {version} is not in the catalog", hint)
    elif version.patch > row.last_patch:
        last = f"{row.series}.{row.last_patch}"
        if row.ended:
            hint = f"the last patch release of {row.series} is {last}"
            yield Finding("unsupported-version", path, f"Kubernetes {version} does not exist", hint)
        else:
            message = f"Kubernetes {version} is newer than the catalog, which knows {last}"
            yield Finding("new-version", path, message, "it is used with the rules of its series", Severity.WARNING)


def tolerated(finding: Finding) -> Finding:
    """A version outside the catalog as a warning, for `--allow-untested`; other findings as they are."""
    if finding.rule != UNTESTED:
        return finding
    hint = finding.hint.rpartition("tries it ")[2]
    return replace(finding, hint=f"it is tried {hint}; this is not tested", severity=Severity.WARNING)


def _endpoint(cluster: Cluster) -> Iterator[Finding]:
    machines = len(cluster.control_planes)
    if machines > 1 and cluster.settings.control_plane_endpoint is None:
        yield Finding(
            "no-endpoint",
            (*_SETTINGS, "control_plane_endpoint"),
            f"{machines} control planes need one address that always reaches a running one",
            "set control_plane_endpoint to the load balancer's or virtual address, such as api.example:6443",
            needs=((*_SETTINGS, "control_plane_endpoint"), ("hosts",)),
        )


def _not_root(cluster: Cluster) -> Iterator[Finding]:
    for host in cluster.hosts:
        if host.user not in (None, "root") and not host.become:
            yield Finding(
                "not-root", _of(host, "user"), f"`{host.user}` does not become root on `{host.name}`, but has to",
                "add `ansible_become: true` (sudo without a password)", Severity.WARNING,
                needs=(_of(host, "user"), _of(host, "become")),
            )  # fmt: skip


_RULES: tuple[Callable[[Cluster], Iterator[Finding]], ...] = (
    _no_control_plane,
    _same_address,
    _same_node_ip,
    _version,
    _endpoint,
    _not_root,
)
