"""Objects in the cluster, applied on a leader through its own kubectl and admin.conf."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from provisioner.core.command import Command, Result, shell
from provisioner.core.names import some
from provisioner.core.resource import Change
from provisioner.inventory.values import Secret
from provisioner.resources.kubeadm import ADMIN_CONF
from provisioner.resources.waiting import until

# Sets what a small script needs to call kubectl.
ENV = f"export KUBECONFIG={ADMIN_CONF}; "
# Part of a Go template: whether a node or pod is Ready. Its kubelet may write anything there: blanks become `+`.
READY = '{{range .status.conditions}}{{if eq .type "Ready"}}{{urlquery .status}}{{end}}{{end}}'
# The controller manager signs a token a moment after it was created; without this wait kubeadm would retry much later.
_SIGNED_DEADLINE_S = 60
_WAIT_SIGNED = until(
    'said=$(kubectl --request-timeout=5s -n kube-public get configmap cluster-info -o "$signature" 2>&1) '
    '&& [ -n "$said" ]',
    "the join token is signed",
    str(_SIGNED_DEADLINE_S),
    'export KUBECONFIG="$1"; signature="jsonpath={.data.jws-kubeconfig-$2}"',
)


def kubectl(*arguments: str, stdin: str | Secret = "", timeout_s: int = 60) -> Command:
    """One kubectl command with the administrator's kubeconfig."""
    return Command(("kubectl", f"--kubeconfig={ADMIN_CONF}", *arguments), stdin=stdin, timeout_s=timeout_s)


@dataclass(frozen=True, slots=True)
class ApiReady:
    """The API server of an existing cluster answers; after a reboot that takes a while."""

    deadline_s: int = 300

    @property
    def key(self) -> str:
        """`API server`."""
        return "API server"

    def probe(self) -> Command:
        """Whether it is ready."""
        return shell(ENV + "kubectl --request-timeout=5s get --raw=/readyz 2>/dev/null || :")

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Wait, with a deadline."""
        if seen.stdout.strip() == "ok":
            return None
        ready = 'said=$(kubectl --request-timeout=5s get --raw=/readyz 2>&1); [ "$said" = ok ]'
        script = until(ready, "the API server answers", "$1", ENV)
        wait = shell(script, str(self.deadline_s), timeout_s=self.deadline_s + 30)
        lines = "-API server not ready\n+API server ready\n"
        return Change("wait until the API server answers", (wait,), diff=lines, own=True)


# With a field manager of our own the API server knows which fields are ours: others may set all other fields, and a
# field that is no longer in our manifest is removed.
_OURS = ("--server-side", "--force-conflicts", "--field-manager=provisioner")
# The temporary files that `kubectl diff` compares have different names each time.
_TEMPORARY = re.compile(r"^(---|\+\+\+) /\S*/(?:LIVE|MERGED)-\d+/(\S+).*$", re.MULTILINE)

_NOISE = re.compile(r'^[+-]\s+(time: "|generation: \d|resourceVersion: |uid: )')


@dataclass(frozen=True, slots=True)
class Manifest:
    """Objects as YAML or JSON, applied; compared by the API server itself (`kubectl diff`).

    `namespaces` are those that it creates itself: objects in them cannot be compared before the namespaces exist.
    """

    name: str
    text: str
    namespaces: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """`manifest NAME`."""
        return f"manifest {self.name}"

    def probe(self) -> Command:
        """The difference, as the API server would make it; a line in parentheses when it cannot be compared yet."""
        script = ENV + (
            'if [ ! -e "$KUBECONFIG" ] || ! command -v kubectl >/dev/null; then echo "(no cluster yet)"; exit 0; fi; '
            'for name in "$@"; do '
            'if [ -z "$(kubectl get namespace "$name" --ignore-not-found -o name </dev/null)" ]; then '
            'echo "(there is no namespace $name yet)"; exit 0; fi; done; '
            f"code=0; kubectl diff {' '.join(_OURS)} -f - || code=$?; if [ $code -gt 1 ]; then exit $code; fi"
        )
        return shell(script, *self.namespaces, stdin=self.text, timeout_s=120)

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Apply what differs."""
        lines = _changed(seen.stdout)
        if not lines:
            return None
        apply = kubectl("apply", *_OURS, "-f", "-", stdin=self.text, timeout_s=180)
        return Change(f"apply {self.name}", (apply,), diff=lines)


def _changed(diff: str) -> str:
    """The differences, without those that occur each time: file names, generations and times.

    Empty when nothing else differs: an API server of 1.20 records a new time even when nothing has changed.
    """
    every = _TEMPORARY.sub(r"\1 \2", diff).splitlines()
    kept = [line for line in every if line[:1] in ("+", "-", "(") and not _NOISE.match(line)]
    is_said = any(not line.startswith(("---", "+++")) for line in kept)
    return "".join(f"{line}\n" for line in kept) if is_said else ""


@dataclass(frozen=True, slots=True)
class JoinToken:
    """The join token of one run: valid for minutes, created on a leader, signed into cluster-info before it is used."""

    token: Secret
    manifest: Secret
    wanted_by: tuple[str, ...]

    @property
    def key(self) -> str:
        """`join token`."""
        return "join token"

    @property
    def id(self) -> str:
        """The token's public half."""
        return self.token.reveal().partition(".")[0]

    def probe(self) -> Command:
        """Whether this token exists and is signed."""
        script = (
            'export KUBECONFIG="$1"; if [ ! -e "$1" ]; then exit 0; fi; '
            "kubectl --request-timeout=10s -n kube-public get configmap cluster-info "
            '-o "jsonpath={.data.jws-kubeconfig-$2}" 2>/dev/null || :'
        )
        return shell(script, ADMIN_CONF, self.id)

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Create it and wait for its signature; a cluster that this plan creates has it from the start."""
        if seen.stdout.strip() or "kubeadm init" in changed:
            return None
        commands = (
            kubectl("apply", "-f", "-", stdin=self.manifest),
            shell(_WAIT_SIGNED, ADMIN_CONF, self.id, timeout_s=2 * _SIGNED_DEADLINE_S),
        )
        names = some(self.wanted_by)
        lines = f"+join token for {names} (not shown)\n"
        return Change(f"make a join token for {names}", commands, diff=lines, own=True)


@dataclass(frozen=True, slots=True)
class RunTokensGone:
    """No join token of any run exists, neither this run's nor one of a run that was killed."""

    leftovers: tuple[str, ...]

    @property
    def key(self) -> str:
        """`join tokens gone`."""
        return "join tokens gone"

    def probe(self) -> Command:
        """Which of the tokens that the look has found still exist."""
        script = ENV + (
            'if [ $# = 0 ] || [ ! -e "$KUBECONFIG" ]; then exit 0; fi; '
            'for id in "$@"; do '
            'kubectl -n kube-system get secret "bootstrap-token-$id" --ignore-not-found -o name; done'
        )
        return shell(script, *self.leftovers)

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Remove them; a token that this plan creates is removed too."""
        there = seen.stdout.split()
        found = [identity for identity in self.leftovers if f"secret/bootstrap-token-{identity}" in there]
        if not found and not {"join token", "kubeadm init"} & changed:
            return None
        remove = kubectl(
            "-n",
            "kube-system",
            "delete",
            "--ignore-not-found",
            *(f"secret/bootstrap-token-{identity}" for identity in found),
        )
        lines = "".join(f"-join token {identity}\n" for identity in found) or "-join token of this run\n"
        return Change("remove the join token", (remove,) if found else (), diff=lines, own=True)
