"""Wait until DaemonSets have a Ready pod on every node, and stop early if that can no longer happen."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from provisioner.core.command import Command, Result, shell
from provisioner.core.names import some
from provisioner.core.resource import Change
from provisioner.resources.kubectl import ENV, READY
from provisioner.resources.waiting import until

# Ready: the controller has seen the last change, as many pods as nodes are updated, and each node has a Ready pod.
# $1 namespace, $2 name, $3 selector, then the nodes; prints the names of the nodes that are not ready.
_LATE = """
late() {
  namespace=$1 name=$2 selector=$3; shift 3
  set=$(kubectl --request-timeout=5s -n "$namespace" get daemonset "$name" -o "$counted" 2>/dev/null || :)
  pods=" $(kubectl --request-timeout=5s -n "$namespace" get pods -l "$selector" -o "$ready" 2>/dev/null || :)"
  old=yes
  case $set in ?*=?*=?*)
    rest=${set#*=}
    if [ "${set%%=*}" = "${rest%%=*}" ] && [ "${rest#*=}" -ge $# ]; then old=; fi ;;
  esac
  for node in "$@"; do
    case $pods in *" $node=True "*) if [ -n "$old" ]; then printf ' %s' "$node"; fi ;; *) printf ' %s' "$node" ;; esac
  done
}
"""
_ASKED = (
    ENV
    + """
    counted='jsonpath={.metadata.generation}={.status.observedGeneration}={.status.updatedNumberScheduled}'
    # What a kubelet says of its pods is kept apart by `urlquery`, as in the look.
    ready='go-template={{range .items}}{{with .spec.nodeName}}{{urlquery .}}{{end}}=READY {{end}}'
    """.replace("READY", READY)
    + _LATE
)
# The reason and message of each waiting container: first the init containers, then the others.
_WAITING = "".join([
    "{{range .items}}{{$node := .spec.nodeName}}{{range .status.initContainerStatuses}}ONE{{end}}",
    "{{range .status.containerStatuses}}ONE{{end}}{{end}}",
]).replace(
    "ONE",
    "{{$times := .restartCount}}{{with .state.waiting}}{{.reason}} {{$times}} {{$node}}: {{.reason}} {{.message}}"
    '{{"\\n"}}{{end}}',
)  # fmt: skip
# Pulling an image may fail once, and a kubelet that has just started refuses its first containers
# (CreateContainerConfigError: "services have not yet been read at least once") and tries again after 10 to 15 s; a
# container that fails for longer than this will not start. A program may exit while others are not running yet; after
# this many restarts it will not stay up.
_PATIENCE_S = 45
_RESTARTS = 5
_HOPELESS = f"""
since=0
waiting='{_WAITING}'
hopeless() {{
  told=$(kubectl --request-timeout=5s -n "$1" get pods -l "$2" -o go-template="$waiting" 2>/dev/null || :)
  never=$(printf '%s\\n' "$told" | awk '
    $1 == "ErrImageNeverPull" || $1 == "InvalidImageName" || ($1 == "CrashLoopBackOff" && $2 >= {_RESTARTS})')
  failing=$(printf '%s\\n' "$told" | awk '
    $1 == "ErrImagePull" || $1 == "ImagePullBackOff" || $1 == "CreateContainerConfigError"')
  if [ -z "$failing" ]; then since=0; elif [ $since = 0 ]; then since=$(date +%s); fi
  if [ -n "$failing" ] && [ $(($(date +%s) - since)) -ge {_PATIENCE_S} ]; then never="$never
$failing"; fi
  if [ -n "$never" ]; then
    echo "it will not become ready:" >&2
    printf '%s\\n' "$never" | sed '/^$/d; s/^[^ ]* [^ ]* /  on /' | sort -u >&2
    exit 1
  fi
}}
"""
_WAIT = until(
    'late=$(late "$@"); [ -z "$late" ] || { hopeless "$1" "$3"; false; }',
    "the network plug-in $2 is ready on:$late",
    "$deadline_s",
    _ASKED + _HOPELESS + "deadline_s=$1; shift",
)


@dataclass(frozen=True, slots=True)
class DaemonSetReady:
    """The pods of a DaemonSet are Ready on these nodes, and have its latest template."""

    namespace: str
    name: str
    selector: str
    nodes: tuple[str, ...]
    follows: str = ""
    deadline_s: int = 300

    @property
    def key(self) -> str:
        """`DaemonSet NAMESPACE/NAME`."""
        return f"DaemonSet {self.namespace}/{self.name}"

    def probe(self) -> Command:
        """The nodes on which it is not ready."""
        return shell(_ASKED + 'late "$@"', self.namespace, self.name, self.selector, *self.nodes)

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Wait, with a deadline, but stop early if it cannot succeed. After a change all pods are new."""
        said = seen.stdout.split()
        late = [node for node in self.nodes if self.follows in changed or node in said]
        if not late:
            return None
        arguments = (str(self.deadline_s), self.namespace, self.name, self.selector, *self.nodes)
        wait = shell(_WAIT, *arguments, timeout_s=self.deadline_s + 30)
        lines = "".join(f"-{node}: {self.name} not ready\n+{node}: {self.name} ready\n" for node in late)
        return Change(f"wait until {self.name} is ready on {some(late)}", (wait,), diff=lines, own=True)
