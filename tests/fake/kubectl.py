"""What the administrator does to the cluster with kubectl, on a control plane."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from ipaddress import IPv4Interface

from provisioner.core.command import Command
from provisioner.core.objects import Object, name_of
from provisioner.inventory.values import Secret
from provisioner.resources.kubeadm import ADMIN_CONF
from tests.fake.background import lacks_image, network_file, network_of, pass_moment
from tests.fake.cluster import FakeNode, FakeToken
from tests.fake.moments import Answer, Handler, Moments, failed
from tests.fake.state import Machine

REFUSED = "The connection to the server was refused - did you specify the right host or port?"
PATIENCE = 60
CLOSED = "node.kubernetes.io/unschedulable:NoSchedule"


def opens(machine: Machine) -> bool:
    """Whether this machine's admin.conf opens the cluster as it is now."""
    return f"# life {machine.cluster.life}\n" in machine.read(ADMIN_CONF) and machine.cluster.api == "up"


def kubectl(machine: Machine, words: Sequence[str], stdin: str | Secret) -> Answer | Moments:
    """`kubectl --kubeconfig=/etc/kubernetes/admin.conf WORDS`."""
    if not opens(machine):
        return failed(1, REFUSED)
    machine.clock.tick()
    nodes = machine.cluster.nodes
    match list(words):
        case ["apply", "-f", "-"] if isinstance(stdin, Secret):
            _make_token(machine, stdin.reveal())
        case ["apply", "--server-side", *_, "-f", "-"] if isinstance(stdin, str):
            return _apply(machine, stdin)
        case ["-n", namespace, "delete", *what]:
            return _delete(machine, namespace, what)
        case ["label", "--overwrite", "node", name, *pairs] | ["label", "node", name, *pairs]:
            _label(nodes[name], pairs)
        case ["--request-timeout=30s", "get", "pods", "--all-namespaces", "-o", _]:
            return "".join(f"{line}\n" for line in machine.cluster.idle_pods)
        case ["-n", namespace, "patch", "daemonset", name, "--type=merge", patch]:
            _patch(machine, f"DaemonSet {namespace}/{name}", patch.removeprefix("--patch="))
        case ["cordon" | "uncordon" | "drain" as verb, name, *_]:
            _close(nodes[name], verb)
        case ["taint", "--overwrite", "node", name, *taints]:
            gone = {taint.removesuffix("-") for taint in taints if taint.endswith("-")}
            nodes[name].taints = {*(nodes[name].taints - gone), *(taint for taint in taints if taint[-1] != "-")}
        case _:
            raise AssertionError(f"the cluster was not taught: kubectl {' '.join(words)}")
    return ""


def _label(node: FakeNode, pairs: Sequence[str]) -> None:
    node.labels |= dict(pair.split("=") for pair in pairs if "=" in pair)
    for key in (pair.removesuffix("-") for pair in pairs if pair.endswith("-")):
        node.labels.pop(key, None)


def _patch(machine: Machine, name: str, patch: str) -> None:
    item = json.loads(machine.cluster.objects[name])
    _merge(item, json.loads(patch))
    machine.cluster.objects[name] = json.dumps(item, sort_keys=True)


def _merge(item: Object, patch: Object) -> None:
    """A JSON merge patch (RFC 7386)."""
    for key, value in patch.items():
        if isinstance(value, dict):
            _merge(item.setdefault(key, {}), value)
        elif value is None:
            item.pop(key, None)
        else:
            item[key] = value


def _close(node: FakeNode, verb: str) -> None:
    assert verb != "drain" or CLOSED in node.taints, "pods would come again"
    node.taints = node.taints - {CLOSED} if verb == "uncordon" else node.taints | {CLOSED}


def _apply(machine: Machine, text: str) -> Moments:
    for item in json.loads(text)["items"]:
        machine.cluster.objects[name_of(item)] = json.dumps(item, sort_keys=True)
        machine.clock.tick()
        yield
    return ""


def _difference(machine: Machine, command: Command, *namespaces: str) -> Answer:
    if not machine.there(ADMIN_CONF) or not machine.has("kubectl"):
        return "(no cluster yet)\n"
    if not opens(machine):
        return failed(1, REFUSED)
    missing = [name for name in namespaces if f"Namespace {name}" not in machine.cluster.objects]
    if missing:
        return f"(there is no namespace {missing[0]} yet)\n"
    desired = {name_of(item): json.dumps(item, sort_keys=True) for item in json.loads(str(command.stdin))["items"]}
    return "".join(f"+{name}\n" for name, text in desired.items() if machine.cluster.objects.get(name) != text)


def _late(machine: Machine, command: Command, namespace: str, name: str, selector: str, *nodes: str) -> str:
    return "".join(f" {node}" for node in nodes if not _runs(machine, f"DaemonSet {namespace}/{name}", node))


def _runs(machine: Machine, daemon_set: str, node: str) -> bool:
    text = machine.cluster.objects.get(daemon_set)
    return bool(text and opens(machine) and machine.fleet[node].there(network_file(json.loads(text))))


def _wait_daemon_set(machine: Machine, command: Command, deadline: str, *told: str) -> Moments:
    item = json.loads(machine.cluster.objects[f"DaemonSet {told[0]}/{told[1]}"])
    for _ in range(PATIENCE):
        if not _late(machine, command, *told):
            return ""
        pass_moment(machine)
        yield
        for node in told[3:]:
            if image := lacks_image(machine.fleet[node], item):
                return failed(1, f"it will not become ready:\n  on {node}: ErrImagePull {image}")
    return failed(1, f"gave up after {deadline} s")


def _network_pods(machine: Machine, command: Command, node: str, *daemon_sets: str) -> str:
    names = (name.rpartition("/")[2] for name in daemon_sets)
    return "".join(f"pod/{name}-x\n" for name in names if opens(machine) and name in machine.fleet[node].containers)


def _wait_network_pods(machine: Machine, command: Command, deadline: str, *told: str) -> Moments:
    for _ in range(PATIENCE):
        if not _network_pods(machine, command, *told):
            return ""
        pass_moment(machine)
        yield
    return failed(1, f"gave up after {deadline} s")


def _labelled(machine: Machine, label: str) -> list[str]:
    key, _, value = label.partition("=")
    every = {name: json.loads(text) for name, text in machine.cluster.objects.items()}
    return [name for name, item in every.items() if item["metadata"].get("labels", {}).get(key) == value]


def _found_objects(machine: Machine, command: Command, label: str, *kinds: str) -> str:
    return "".join(f"{name}\n" for name in _labelled(machine, label)) if opens(machine) else ""


def _delete_objects(machine: Machine, command: Command, label: str, *kinds: str) -> Moments:
    for name in _labelled(machine, label):
        machine.cluster.objects.pop(name)
        machine.clock.tick()
        yield
    return ""


def _make_token(machine: Machine, text: str) -> None:
    told = dict(re.findall(r'(token-id|token-secret|description|expiration): "(.*)"', text))
    expires_s = datetime.strptime(told["expiration"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
    machine.cluster.tokens[told["token-id"]] = FakeToken(told["token-secret"], told["description"], expires_s)


def _delete(machine: Machine, namespace: str, what: Sequence[str]) -> Answer | Moments:
    match what:
        case ["--ignore-not-found", *names]:
            return _delete_tokens(machine, names)
        case ["pod", "--ignore-not-found", _, *names]:
            gone = {f"{namespace} {name}" for name in names}
            for node, pods in machine.cluster.pods.items():
                machine.cluster.pods[node] = [_again(machine.fleet[node], pod, gone) for pod in pods]
            return ""
        case _:
            raise AssertionError(what)


def _again(machine: Machine, pod: str, gone: set[str]) -> str:
    """A pod, or the one that takes a deleted one's place: without an address as long as the bridge has an old one."""
    name, _, _ = pod.rpartition(" ")
    if name not in gone:
        return pod
    network, bridge = network_of(machine), machine.links.get("cni0")
    fits = network and (bridge is None or IPv4Interface(bridge).ip in network)
    return f"{name}-again {network[9] if network and fits else ''}"


def _delete_tokens(machine: Machine, names: Sequence[str]) -> Moments:
    for name in names:
        machine.cluster.tokens.pop(name.removeprefix("secret/bootstrap-token-"), None)
        yield
    return ""


def _wait_ready(machine: Machine, command: Command, deadline: str, *names: str) -> Moments:
    for _ in range(PATIENCE):
        late = [name for name in names if not opens(machine) or not machine.cluster.nodes[name].ready]
        if not late:
            return ""
        pass_moment(machine)
        yield
    return failed(1, f"gave up after {deadline} s of waiting until the nodes are Ready: {' '.join(late)}")


def _signature(machine: Machine, command: Command, conf: str, identity: str) -> str:
    token = machine.cluster.tokens.get(identity)
    return "a.signature" if opens(machine) and token and token.signed else ""


def _wait_signature(machine: Machine, command: Command, conf: str, identity: str) -> Moments:
    for _ in range(PATIENCE):
        if _signature(machine, command, conf, identity):
            return ""
        pass_moment(machine)
        yield
    return failed(1, "gave up after 60 s of waiting until the join token is signed")


def _tokens(machine: Machine, command: Command, *identities: str) -> Answer:
    if not identities or not machine.there(ADMIN_CONF):
        return ""
    if not opens(machine):
        return failed(1, REFUSED)
    found = [identity for identity in identities if identity in machine.cluster.tokens]
    return "".join(f"secret/bootstrap-token-{identity}\n" for identity in found)


def _ready(machine: Machine, command: Command) -> str:
    return "ok" if opens(machine) else ""


def _wait_ready_api(machine: Machine, command: Command, deadline: str) -> Moments:
    for _ in range(int(deadline)):
        if opens(machine):
            return ""
        pass_moment(machine)
        yield
    return failed(1, REFUSED)


SCRIPTS: dict[str, Handler] = {
    "token": _signature,
    "wait_token": _wait_signature,
    "tokens": _tokens,
    "api": _ready,
    "wait_api": _wait_ready_api,
    "wait_ready": _wait_ready,
    "manifest": _difference,
    "found_objects": _found_objects,
    "delete_objects": _delete_objects,
    "renew_pods": lambda machine, command, node: "",
    "daemon_set": _late,
    "wait_daemon_set": _wait_daemon_set,
    "network_pods": _network_pods,
    "pods_of_node": lambda machine, command, node: "".join(f"{pod}\n" for pod in machine.cluster.pods.get(node, [])),
    "wait_network_pods": _wait_network_pods,
}
