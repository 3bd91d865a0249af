"""The API server's own files: a key that is generated once, and a restart when a file is newer than the process."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from provisioner.core.command import Command, Result, shell
from provisioner.core.resource import Change
from provisioner.resources.kubeadm import ADMIN_CONF
from provisioner.resources.waiting import until

# https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/: the first provider encrypts, all of them decrypt,
# and `identity` reads what was written before. secretbox is the recommended one that needs no other service.
_BEFORE_KEY = """\
# Written by provisioner. Without this key nobody can read the cluster's Secrets: keep a copy in a safe place.
apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
- resources: [secrets]
  providers:
  - secretbox:
      keys:
      - name: key1
        secret: """
_AFTER_KEY = "  - identity: {}\n"

# The key comes from the host's own random numbers and never leaves it: it is not in any argument and not sent over the
# connection. An existing file stays, even if something else wrote it.
_MAKE = """
if [ -e "$1" ]; then exit 0; fi
directory=$(dirname -- "$1")
mkdir -p -m 0700 -- "$directory"
new="$directory/.configuration.provisioner"
rm -f -- "$new"
(umask 077; { printf %s "$2"; head -c 32 /dev/urandom | base64; printf %s "$3"; } >"$new")
mv -fT -- "$new" "$1"
"""


@dataclass(frozen=True, slots=True)
class EncryptionKey:
    """A configuration with a key that the host itself generates (0600), once; it is never changed."""

    path: str

    @property
    def key(self) -> str:
        """`file PATH`."""
        return f"file {self.path}"

    def probe(self) -> Command:
        """Its mode and owner; its content is not read."""
        return shell('if [ -e "$1" ]; then stat -c "%a %U:%G" -- "$1"; fi', self.path)

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Create it, or correct its mode and owner."""
        now = seen.stdout.strip()
        if not now:
            make = shell(_MAKE, self.path, _BEFORE_KEY, _AFTER_KEY)
            return Change(f"create {self.path} (0600) with a new key", (make,), diff="(content not shown)\n")
        if now != "600 root:root":
            fix = shell('chown root:root -- "$1"; chmod 0600 -- "$1"', self.path)
            diff = f"-{now}\n+600 root:root\n"
            return Change(f"set {self.path} to 600 root:root", (fix,), diff=diff)
        return None


# Not by its name alone: a pod may run another API server, of a cluster inside this one.
_FIND = r"""
running() {
  for comm in /proc/[0-9]*/comm; do
    process=${comm%/comm} name=
    { read -r name <"$comm"; } 2>/dev/null || continue
    if [ "$name" = kube-apiserver ] \
      && tr '\0' '\n' <"$process/cmdline" | grep -qxF -e "$1"; then echo "${process#/proc/}"; return; fi
  done
}
"""
# The kernel counts a process's start time in ticks since boot.
_PROBE = (
    _FIND
    + r"""
process=$(running "$1")
if [ -z "$process" ]; then exit 0; fi
booted=$(awk '$1 == "btime" { print $2 }' /proc/stat)
started=$(sed 's/.*) //' "/proc/$process/stat" | awk -v tick="$(getconf CLK_TCK)" -v boot="$booted" '
  { print boot + int($20 / tick) }')
echo running
if [ -e "$2" ] && [ "$(stat -c %Y -- "$2")" -gt "$started" ]; then echo older; fi
"""
)
_RESTART = until(
    '[ -n "$(running "$1")" ] && [ "$(running "$1")" != "$old" ] && said=$(ask 2>&1)',
    "the API server is back",
    "$3",
    f"""
    {_FIND}
    ask() {{ kubectl --kubeconfig "$kubeconfig" --request-timeout=2s get --raw /readyz; }}
    kubeconfig=$2
    old=$(running "$1")
    if [ -n "$old" ]; then kill "$old"; fi
    """,
)
_BACK_S = 180


@dataclass(frozen=True, slots=True)
class ApiServerCurrent:
    """The API server has started after the last change of the file of this flag: it reads it only when it starts."""

    flag: str
    path: str

    @property
    def key(self) -> str:
        """`kube-apiserver`."""
        return "kube-apiserver"

    def probe(self) -> Command:
        """Whether it is running, and is older than the file."""
        return shell(_PROBE, f"--{self.flag}={self.path}", self.path)

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Stop it, so that the kubelet starts it again; then wait for it."""
        told = seen.stdout.split()
        if not told or ("older" not in told and f"file {self.path}" not in changed):
            return None
        argument = f"--{self.flag}={self.path}"
        restart = shell(_RESTART, argument, ADMIN_CONF, str(_BACK_S), timeout_s=2 * _BACK_S)
        return Change("restart kube-apiserver", (restart,), diff=f"+{self.path} is newer\n")
