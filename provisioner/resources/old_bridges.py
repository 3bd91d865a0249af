"""The bridge of a node that got another pod CIDR, as when its Node object was deleted and its kubelet created it again:
CNI's `bridge` refuses to work with the old address, so no new pod starts there.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network

from provisioner.core import untrusted
from provisioner.core.command import Command, Result, shell
from provisioner.core.resource import Change
from provisioner.resources.kubectl import ENV, kubectl
from provisioner.world.nodes import decoded

# Pods with an address of their own that a controller creates again; those that are being deleted are left out.
_LIST = (
    ENV
    + """
    kubectl --request-timeout=20s get pods --all-namespaces --field-selector "spec.nodeName=$1" -o go-template='{{
      range .items}}{{if and .metadata.ownerReferences (not .metadata.deletionTimestamp) (not .spec.hostNetwork)}}{{
      urlquery .metadata.namespace}} {{urlquery .metadata.name}} {{with .status.podIP}}{{urlquery .}}{{end}}{{"\\n"}}{{
      end}}{{end}}'
    """
)
_DELETE_TIMEOUT_S = 120


@dataclass(frozen=True, slots=True)
class OldPodsGone:
    """No pod of a node has an address outside of its pod CIDR. A pod without a controller stays: it would be lost."""

    node: str
    pod_cidr: IPv4Network

    @property
    def key(self) -> str:
        """`old pods on NODE`."""
        return f"old pods on {self.node}"

    def probe(self) -> Command:
        """Its pods that a controller would create again, with their addresses."""
        return shell(_LIST, self.node, timeout_s=60)

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Delete those that no other node reaches any more, by namespace."""
        old: dict[str, list[str]] = {}
        for namespace, name in self._old(seen.stdout):
            old.setdefault(namespace, []).append(name)
        if not old:
            return None
        commands = tuple(
            kubectl("-n", namespace, "delete", "pod", "--ignore-not-found", f"--timeout={_DELETE_TIMEOUT_S}s", *names,
                    timeout_s=_DELETE_TIMEOUT_S + 30)
            for namespace, names in old.items()
        )  # fmt: skip
        lines = "".join(f"-pod {namespace}/{name}\n" for namespace, names in old.items() for name in names)
        return Change(f"delete pods with addresses outside of {self.pod_cidr}", commands, diff=lines)

    def _old(self, text: str) -> Iterator[tuple[str, str]]:
        for line in filter(None, text.split("\n")):
            namespace, name, ip = map(decoded, line.split(" "))
            if ip and untrusted.address(ip) not in self.pod_cidr:
                yield untrusted.name(namespace), untrusted.name(name)


@dataclass(frozen=True, slots=True)
class OldBridgeGone:
    """A bridge that keeps an address outside of the node's pod CIDR does not exist; the next pod creates it again."""

    name: str
    address: IPv4Interface
    pod_cidr: IPv4Network

    @property
    def key(self) -> str:
        """`old bridge NAME`."""
        return f"old bridge {self.name}"

    def probe(self) -> Command:
        """Nothing: the look at the host has found it."""
        return shell(":")

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Remove it."""
        command = shell('if [ -e "/sys/class/net/$1" ]; then ip link delete "$1"; fi', self.name)
        lines = f"-{self.name} {self.address}\n"
        return Change(f"remove {self.name}, whose address is not in {self.pod_cidr}", (command,), diff=lines)
