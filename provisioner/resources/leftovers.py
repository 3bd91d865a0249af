"""What a network plug-in has left on a host, and its objects in the cluster: found and removed. Of the firewall only
its own chains and rules are removed, one by one: those of other software are not touched.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from provisioner.core.command import Command, Result, shell
from provisioner.core.resource import Change
from provisioner.resources.kubectl import ENV

# $1 `check` or `remove`; then pairs of a kind and a name, in the order of their removal.
_SCRIPT = r"""
verb=$1; shift
rules() {
  iptables-save -t "$1" 2>/dev/null | grep -e "^-A $2" -e "-[jg] $2" -e "--comment $2 " -e "--comment \"$2\" " || :
}
chains() { iptables-save -t "$1" 2>/dev/null | sed -n "s/^:\($2[^ ]*\) .*/\1/p" || :; }
unrule() {
  # As xargs reads quotes, no shell looks at what stands in a rule.
  rules "$1" "$2" | sed 's/^-A/-D/' | while read -r rule; do
    printf '%s\n' "$rule" | xargs iptables -w 30 -t "$1"
  done
  for chain in $(chains "$1" "$2"); do iptables -w 30 -t "$1" -X "$chain"; done
}
while [ $# -gt 0 ]; do
  kind=$1 what=$2; shift 2
  case $verb-$kind in
    check-unit) if [ -e "/etc/systemd/system/$what" ]; then echo "service $what"; fi ;;
    remove-unit)
      if [ -e "/etc/systemd/system/$what" ]; then
        systemctl disable --now "$what" >/dev/null 2>&1 || :
        rm -f "/etc/systemd/system/$what"
        systemctl daemon-reload
      fi ;;
    check-file) if [ -e "$what" ]; then echo "file $what"; fi ;;
    remove-file) rm -rf -- "$what" ;;
    check-link) if [ -e "/sys/class/net/$what" ]; then echo "interface $what"; fi ;;
    remove-link) if [ -e "/sys/class/net/$what" ]; then ip link delete "$what"; fi ;;
    check-routes) ip -4 route show proto "$what" 2>/dev/null | sed 's/^/route /' || :; ;;
    remove-routes)
      { ip -4 route show proto "$what" 2>/dev/null || :; } |
        while read -r route; do ip -4 route delete $route proto "$what"; done ;;
    check-rules)
      for table in filter nat mangle; do rules "$table" "$what" | sed "s/^/rule $table /"; done ;;
    remove-rules) for table in filter nat mangle; do unrule "$table" "$what"; done ;;
  esac
done
"""
# Kinds of objects in the manifests of network plug-ins, workloads first; a kind that the API server does not know has
# no objects.
_KINDS = (
    "daemonsets.apps", "deployments.apps", "poddisruptionbudgets.policy", "configmaps", "secrets", "services",
    "serviceaccounts", "roles.rbac.authorization.k8s.io", "rolebindings.rbac.authorization.k8s.io",
    "clusterroles.rbac.authorization.k8s.io", "clusterrolebindings.rbac.authorization.k8s.io",
    "podsecuritypolicies.policy", "customresourcedefinitions.apiextensions.k8s.io", "namespaces",
)  # fmt: skip
_FIND = (
    ENV
    + """
    label=$1; shift
    for kind in "$@"; do
      kubectl --request-timeout=20s get "$kind" --all-namespaces -l "$label" --ignore-not-found \\
        -o 'jsonpath={range .items[*]}{.kind} {.metadata.name}{"\\n"}{end}' 2>/dev/null || :
    done
    """
)
_DELETE = (
    ENV
    + """
    label=$1; shift
    for kind in "$@"; do
      namespaced=--all-namespaces
      if ! kubectl --request-timeout=20s get "$kind" $namespaced -l "$label" >/dev/null 2>&1; then continue; fi
      kubectl delete "$kind" $namespaced -l "$label" --ignore-not-found --timeout=120s
    done
    """
)
_DELETE_TIMEOUT_S = 600


@dataclass(frozen=True, slots=True)
class LeftoversGone:
    """Nothing is left of a plug-in on this host. `parts` are pairs of a kind (unit, file, link, routes, rules) and a
    name, in the order of their removal; the plug-in is recognised by the last one.
    """

    name: str
    parts: tuple[tuple[str, str], ...]

    @property
    def key(self) -> str:
        """`leftovers of NAME`."""
        return f"leftovers of {self.name}"

    def _script(self, verb: str) -> Command:
        words = (word for part in self.parts for word in part)
        return shell(_SCRIPT, verb, *words, timeout_s=120)

    def probe(self) -> Command:
        """What is left."""
        return self._script("check")

    def removal(self) -> Command:
        """Remove all that is left of it."""
        return self._script("remove")

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Remove it."""
        found = seen.stdout.splitlines()
        if not found:
            return None
        lines = "".join(f"-{line}\n" for line in found)
        return Change(f"remove what {self.name} has left", (self.removal(),), diff=lines)


@dataclass(frozen=True, slots=True)
class ObjectsGone:
    """The cluster has no object with this label."""

    label: str

    @property
    def key(self) -> str:
        """`objects KEY=VALUE`."""
        return f"objects {self.label}"

    def probe(self) -> Command:
        """The objects with this label."""
        return shell(_FIND, self.label, *_KINDS, timeout_s=120)

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Delete them, workloads first."""
        found = sorted(set(seen.stdout.splitlines()))
        if not found:
            return None
        delete = shell(_DELETE, self.label, *_KINDS, timeout_s=_DELETE_TIMEOUT_S)
        lines = "".join(f"-{line}\n" for line in found)
        return Change(f"delete the objects labelled {self.label}", (delete,), diff=lines)
