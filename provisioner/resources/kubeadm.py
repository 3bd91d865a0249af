"""What kubeadm does on a host: init and join. Both may be killed at any moment and started again.

A marker file says that one of them has begun; it is removed when it has finished. So an incomplete node is recognised,
and is reset before the next attempt; a node that merely does not answer is never reset.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from provisioner.core.command import Command, Result, shell
from provisioner.core.resource import Change, text_diff
from provisioner.inventory.values import Secret
from provisioner.resources.waiting import until

INIT_MARKER = "/etc/kubernetes/provisioner/init-begun"
JOIN_MARKER = "/etc/kubernetes/provisioner/join-begun"
ADMIN_CONF = "/etc/kubernetes/admin.conf"
# The proxy through which the host reaches the internet, if any: kubeadm passes it on to the control plane's pods.
PROXY_ENVIRONMENT = "/etc/default/provisioner-proxy"
# On the reference machine init takes 14 s and join 6 to 25 s; slow disks and networks take minutes.
_KUBEADM_TIMEOUT_S = 900
_RESET_TIMEOUT_S = 300

_BEGIN = """
mkdir -p /etc/kubernetes/provisioner
if [ -e "$1" ]; then
  # kubeadm knows etcd's data by etcd's manifest, and removes that first: after a reset that was cut off, the data
  # would stand in the way of every further try. The marker remembers that they are ours to remove.
  if [ -e /etc/kubernetes/manifests/etcd.yaml ]; then echo etcd >"$1"; fi
  CLEARING
  kubeadm reset --force --cri-socket "$2"
  if [ -s "$1" ] && [ -d /var/lib/etcd ]; then find /var/lib/etcd -mindepth 1 -delete; fi
fi
: >"$1"
"""
# The configuration contains a token and is passed on standard input, so that it is never in a file.
_RUN = """
marker=$1 verb=$2 skip=$3; shift 3
set -- "$verb" --config /dev/stdin "$@"
if [ -n "$skip" ]; then set -- "$@" --skip-phases "$skip"; fi
if [ -e PROXY ]; then set -a; . PROXY; set +a; fi
kubeadm "$@"
""".replace("PROXY", PROXY_ENVIRONMENT)
# The controller manager gives a new node its pod CIDR a moment after it has joined.
_WAIT_NODE = until(
    """said=$(kubectl --request-timeout=5s get node "$2" -o 'jsonpath={.spec.podCIDR}' 2>&1) && [ -n "$said" ]""",
    "the node $2 is in the cluster with its pod CIDR",
    "$3",
    "export KUBECONFIG=$1",
)
_NODE_DEADLINE_S = 120
# kubeadm refuses to join while a node of the same name is Ready, as after a reset or reinstallation of a host: the
# cluster takes a while (node-monitor-grace-period, 40 s) to notice. The join token may read nodes (kubeadm:get-nodes).
# Any other failure of this request is left to kubeadm, which reports it better.
_WAIT_GONE = until(
    '[ "$(ask "$1" 2>/dev/null)" != True ]',
    "the cluster has noticed that the old $1 is gone",
    "$2",
    """
    config=$(cat)
    ready='jsonpath={.status.conditions[?(@.type=="Ready")].status}'
    ask() { printf '%s\\n' "$config" | kubectl --kubeconfig=/dev/stdin --request-timeout=5s get node "$1" -o "$ready"; }
    """,
)
_GONE_DEADLINE_S = 300
# Why a host is reset before the next attempt, as the end of a summary.
AFTER_TRY = ", after a reset: the last attempt did not finish"
UNKNOWN_THERE = ", after a reset: the cluster has no such node"


def _begin(marker: str, cri_socket: str, clearing: str) -> Command:
    """Write the marker; `clearing` (shell) removes containers that `kubeadm reset` would leave running."""
    return shell(_BEGIN.replace("CLEARING", clearing or ":"), marker, cri_socket, timeout_s=_RESET_TIMEOUT_S)


def without(phases: tuple[str, ...]) -> str:
    """The phases that are skipped, as the end of a summary."""
    return f", without {', '.join(phases)}" if phases else ""


def _validate(configuration: Secret, desired: bool) -> tuple[Command, ...]:
    """kubeadm's own validation of its configuration, if it has one: before anything is started or reset."""
    if not desired:
        return ()
    return (Command(("kubeadm", "config", "validate", "--config", "/dev/stdin"), stdin=configuration),)


def _wait_node(kubeconfig: str, name: str) -> Command:
    return shell(_WAIT_NODE, kubeconfig, name, str(_NODE_DEADLINE_S), timeout_s=2 * _NODE_DEADLINE_S)


@dataclass(frozen=True, slots=True)
class Init:
    """The first control plane. `configuration` is the whole kubeadm file, with the run's token in it.

    `validates`: this kubeadm can validate it first. `flags` are for what it has no field for. `clearing` is what a
    reset needs in addition to kubeadm's own, `after_reset` removes what that leaves.
    """

    node: str
    configuration: Secret
    cri_socket: str
    shown: str = ""
    skip_phases: tuple[str, ...] = ()
    ignored_checks: tuple[str, ...] = ()
    validates: bool = False
    flags: tuple[str, ...] = ()
    clearing: str = ""
    after_reset: tuple[Command, ...] = ()

    @property
    def key(self) -> str:
        """`kubeadm init`."""
        return "kubeadm init"

    def probe(self) -> Command:
        """Not begun, begun, or done."""
        return shell('if [ -e "$1" ]; then echo begun; elif [ -e "$2" ]; then echo done; fi', INIT_MARKER, ADMIN_CONF)

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Create the cluster; an incomplete one is reset first."""
        if seen.stdout.strip() == "done":
            return None
        is_begun = bool(seen.stdout.strip())
        again = f" again{AFTER_TRY}" if is_begun else ""
        flags = ["--skip-token-print", *self.flags]
        if self.ignored_checks:
            flags.append(f"--ignore-preflight-errors={','.join(self.ignored_checks)}")
        commands = (
            *_validate(self.configuration, self.validates),
            _begin(INIT_MARKER, self.cri_socket, self.clearing),
            *(self.after_reset if is_begun else ()),
            shell(
                _RUN,
                INIT_MARKER,
                "init",
                ",".join(self.skip_phases),
                *flags,
                stdin=self.configuration,
                timeout_s=_KUBEADM_TIMEOUT_S,
            ),
            _wait_node(ADMIN_CONF, self.node),
            Command(("rm", "-f", INIT_MARKER)),
        )
        return Change(
            f"kubeadm init{again}{without(self.skip_phases)}",
            commands,
            diff=text_diff("", self.shown, "kubeadm configuration"),
            resets=is_begun,
        )


@dataclass(frozen=True, slots=True)
class Join:
    """Another node. `present` is whether the cluster has a node object of that name; if so, `access` is a kubeconfig
    with the join token. `validates`: this kubeadm can validate its configuration first. `clearing` is what a reset
    needs in addition to kubeadm's own, `after_reset` removes what that leaves.
    """

    node: str
    configuration: Secret
    cri_socket: str
    present: bool
    ignored_checks: tuple[str, ...] = ()
    shown: str = ""
    access: Secret = field(default_factory=lambda: Secret("", "kubeconfig"))
    validates: bool = False
    flags: tuple[str, ...] = ()
    skip_phases: tuple[str, ...] = ()
    clearing: str = ""
    after_reset: tuple[Command, ...] = ()

    @property
    def key(self) -> str:
        """`kubeadm join`."""
        return "kubeadm join"

    def probe(self) -> Command:
        """Not begun, begun, or done."""
        return shell(
            'if [ -e "$1" ]; then echo begun; elif [ -e "$2" ]; then echo done; fi',
            JOIN_MARKER,
            "/etc/kubernetes/kubelet.conf",
        )

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Join; what an earlier attempt or an earlier cluster left is reset first."""
        state = seen.stdout.strip()
        if state == "done" and self.present:
            return None
        why = {
            "": f", once the cluster has noticed that the old {self.node} is gone" if self.present else "",
            "begun": AFTER_TRY,
            "done": UNKNOWN_THERE,
        }
        ignored = [f"--ignore-preflight-errors={','.join(self.ignored_checks)}"] if self.ignored_checks else []
        # A node without a Node object counts as begun, so that the same reset is used for it.
        lost = (shell('mkdir -p "$(dirname "$1")"; : >"$1"', JOIN_MARKER),) if state == "done" else ()
        commands = (
            *_validate(self.configuration, self.validates),
            *lost,
            _begin(JOIN_MARKER, self.cri_socket, self.clearing),
            *(self.after_reset if state else ()),
            *self._wait_gone(),
            shell(
                _RUN,
                JOIN_MARKER,
                "join",
                ",".join(self.skip_phases),
                *ignored,
                *self.flags,
                stdin=self.configuration,
                timeout_s=_KUBEADM_TIMEOUT_S,
            ),
            _wait_node("/etc/kubernetes/kubelet.conf", self.node),
            Command(("rm", "-f", JOIN_MARKER)),
        )
        diff = text_diff("", self.shown, "kubeadm configuration")
        summary = f"kubeadm join{why.get(state, '')}{without(self.skip_phases)}"
        return Change(summary, commands, diff=diff, resets=bool(state))

    def _wait_gone(self) -> tuple[Command, ...]:
        if not self.present:
            return ()
        deadline = str(_GONE_DEADLINE_S)
        return (shell(_WAIT_GONE, self.node, deadline, stdin=self.access, timeout_s=2 * _GONE_DEADLINE_S),)
