"""What was there before a procedure changes it, kept on the host: going back is another procedure, which reads it.

It is written once and complete, or not at all: its directory gets its name as the last thing. What a killed run has
kept stays, since what it found was the state before; the next run continues from there and keeps nothing new.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from provisioner.core.command import Command, Result, shell
from provisioner.core.resource import Change
from provisioner.resources.kubectl import ENV

PLACE = "/var/lib/provisioner/checkpoints"
# Of etcd, its client certificates for probes: https://kubernetes.io/docs/setup/best-practices/certificates/. Its image
# has no shell, and /var/lib/etcd is the only directory of the host that it may write to.
_PKI = "/etc/kubernetes/pki/etcd"
_ETCDCTL = (
    "etcdctl --endpoints=https://127.0.0.1:2379 "
    f"--cacert={_PKI}/ca.crt --cert={_PKI}/healthcheck-client.crt --key={_PKI}/healthcheck-client.key"
)
_KEEP = ENV + (
    r"""
place=$1 name=$2 run=$3 node=$4; shift 4
umask 077
work=$place/.$name snapshot=/var/lib/etcd/.provisioner-$name
rm -rf -- "$work"
mkdir -p -- "$work"
trap 'rm -rf -- "$work" "$snapshot"' EXIT
trap 'exit 1' HUP INT TERM
dpkg-query --show --showformat '${Package} ${Version}\n' "$@" >"$work/packages" 2>/dev/null || :
if [ -d /etc/kubernetes ]; then tar -C / -cf "$work/kubernetes.tar" etc/kubernetes; fi
if [ -e /etc/kubernetes/manifests/etcd.yaml ]; then
  rm -f -- "$snapshot"
  kubectl -n kube-system exec "etcd-$node" -c etcd -- ETCDCTL snapshot save "$snapshot" >/dev/null
  mv -f -- "$snapshot" "$work/etcd.db"
fi
echo "$run" >"$work/run"
sync
rm -rf -- "${place:?}/$name"
mv -T -- "$work" "$place/$name"
"""
).replace("ETCDCTL", _ETCDCTL)
_TIMEOUT_S = 300


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """/etc/kubernetes, the versions of these packages and, on a control plane, an etcd snapshot are kept as `name`.

    `run` is the id of the run that keeps it, `node` the name of the host's node.
    """

    name: str
    run: str
    node: str
    packages: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """`checkpoint NAME`."""
        return f"checkpoint {self.name}"

    def probe(self) -> Command:
        """The id of the run that has kept it."""
        return shell('cat "$1/$2/run" 2>/dev/null || :', PLACE, self.name)

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Keep it, unless a run has done so."""
        if seen.stdout.strip():
            return None
        keep = shell(_KEEP, PLACE, self.name, self.run, self.node, *self.packages, timeout_s=_TIMEOUT_S)
        return Change(f"keep a checkpoint: {PLACE}/{self.name}", (keep,), diff=f"+{PLACE}/{self.name}\n")


@dataclass(frozen=True, slots=True)
class CheckpointGone:
    """Nothing is kept under that name any more."""

    name: str

    @property
    def key(self) -> str:
        """`checkpoint NAME gone`."""
        return f"checkpoint {self.name} gone"

    def probe(self) -> Command:
        """What is kept there, complete or not."""
        return shell('for one in "$1/$2" "$1/.$2"; do if [ -e "$one" ]; then echo "$one"; fi; done', PLACE, self.name)

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Remove it."""
        found = seen.stdout.splitlines()
        if not found:
            return None
        remove = shell('rm -rf -- "${1:?}/${2:?}" "$1/.$2"', PLACE, self.name)
        lines = "".join(f"-{path}\n" for path in found)
        return Change(f"remove the checkpoint {self.name}", (remove,), diff=lines)
