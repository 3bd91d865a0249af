"""kubeadm: init, join and reset, with every state that a killed one leaves behind (as of 1.20)."""

from __future__ import annotations

import base64
from collections.abc import Generator

from provisioner.core.command import Command
from provisioner.inventory.values import Secret
from provisioner.resources.kubeadm import ADMIN_CONF
from tests.fake import images, kubeadm_files, services
from tests.fake.background import BOOTSTRAP_CONF, ETCD_DATA, KUBELET_CONF, MANIFESTS, pass_moment
from tests.fake.cluster import TOKEN_LIFE_S, FakeToken
from tests.fake.moments import Answer, Handler, Moments, failed
from tests.fake.services import CONTAINERD, DOCKER, KUBELET, KUBELET_CONFIG, KUBELET_FLAGS
from tests.fake.state import Machine

PKI = "/etc/kubernetes/pki"
CONTROLLERS = ("/etc/kubernetes/controller-manager.conf", "/etc/kubernetes/scheduler.conf")
PROGRAMS = ("kubeadm", "kubelet", "kubectl")
PATIENCE = 60
SOCKETS = {DOCKER: "/var/run/dockershim.sock", CONTAINERD: "unix:///var/run/containerd/containerd.sock"}


def _probe(machine: Machine, command: Command, marker: str, done: str) -> str:
    return "begun\n" if marker in machine.files else "done\n" if done in machine.files else ""


def _begin(machine: Machine, command: Command, marker: str, socket: str) -> Moments:
    return (yield from _beginning(machine, marker, clearing=False))


def _begin_clearing(machine: Machine, command: Command, marker: str, socket: str) -> Moments:
    assert socket == SOCKETS[CONTAINERD]
    return (yield from _beginning(machine, marker, clearing=True))


def _beginning(machine: Machine, marker: str, *, clearing: bool) -> Moments:
    if marker in machine.files:
        if machine.there(f"{MANIFESTS}/etcd.yaml"):
            machine.put(marker, "etcd\n")
            yield
        if clearing:
            services.stop(machine, KUBELET)
            yield
            machine.containers.clear()
            yield from services.restart(machine, CONTAINERD)
            yield
        answer = yield from reset(machine)
        if answer:
            return answer
        if machine.read(marker):
            machine.drop(ETCD_DATA)
            yield
    machine.put(marker)
    return ""


def _mark(machine: Machine, command: Command, marker: str) -> str:
    machine.put(marker)
    return ""


def reset(machine: Machine) -> Moments:
    """`kubeadm reset --force`. Where etcd keeps its data it reads from etcd's manifest."""
    if not machine.has("kubeadm"):
        return failed(127, "kubeadm: not found")
    etcd = [ETCD_DATA] if machine.there(f"{MANIFESTS}/etcd.yaml") else []
    services.stop(machine, KUBELET)
    yield
    # It asks Docker itself, and crictl for every other runtime.
    if machine.runs(services.DOCKER):
        machine.containers.clear()
    if machine.there(MANIFESTS):
        machine.cluster.api = "down"
    yield
    for path in (MANIFESTS, PKI, ADMIN_CONF, KUBELET_CONF, BOOTSTRAP_CONF, *CONTROLLERS):
        machine.drop(path)
        yield
    for path in (*etcd, "/var/lib/kubelet"):
        machine.drop(path)
        yield
    return ""


def _run(machine: Machine, command: Command, marker: str, verb: str, skip: str, *flags: str) -> Answer | Moments:
    assert isinstance(command.stdin, Secret), "kubeadm's configuration holds a token"
    text = command.stdin.reveal()
    if not machine.has(*PROGRAMS):
        return failed(127, "kubeadm: not found")
    if "preflight" not in skip.split(",") and SOCKETS[CONTAINERD] in text and not machine.has("cri-tools"):
        return failed(1, "[ERROR FileExisting-crictl]: crictl not found in system path")
    wrong = _preflight(machine, verb)
    if wrong:
        return failed(1, "\n".join(["error execution phase preflight:", *(f"\t[ERROR {line}" for line in wrong)]))
    if machine.containers:
        return failed(1, "timed out waiting for the condition: containers of an earlier try hold names and ports")
    return (
        _init(machine, text, proxy="addon/kube-proxy" not in skip.split(","))
        if verb == "init"
        else _join(machine, text)
    )


def _preflight(machine: Machine, verb: str) -> list[str]:
    files = [f"{PKI}/ca.crt", KUBELET_CONF, BOOTSTRAP_CONF] if verb == "join" else []
    # A machine that reaches repositories reaches registries too.
    wanted = images.BY_ARCHIVE.values() if verb == "init" and not machine.repositories else ()
    return [
        *(f"FileAvailable]: {path} already exists" for path in files if machine.there(path)),
        *([f"DirAvailable]: {MANIFESTS} is not empty"] if machine.there(MANIFESTS) else []),
        *([f"DirAvailable]: {ETCD_DATA} is not empty"] if verb == "init" and machine.there(ETCD_DATA) else []),
        *(["Port-10250]: Port 10250 is in use"] if machine.runs(KUBELET) else []),
        *(["Swap]: running with swap on is not supported"] if machine.swap else []),
        *(["FileContent]: bridge-nf-call-iptables is not 1"] if not _bridged(machine) else []),
        *(f"ImagePull]: failed to pull image {name}" for name in wanted if name not in machine.images),
    ]


def _bridged(machine: Machine) -> bool:
    return machine.settings.get("net.bridge.bridge-nf-call-iptables") == "1"


def _init(machine: Machine, text: str, *, proxy: bool) -> Moments:
    cluster = machine.cluster
    if not machine.there(f"{PKI}/ca.crt"):
        cluster.life += 1
        machine.put(f"{PKI}/ca.crt", cluster.ca)
        yield
        machine.put(f"{PKI}/ca.key", "a key", "600")
        yield
    for path in (ADMIN_CONF, KUBELET_CONF, *CONTROLLERS):
        machine.put(path, kubeconfig(machine), "600")
        yield
    yield from _start_kubelet(machine, text)
    for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd"):
        machine.put(f"{MANIFESTS}/{name}.yaml", name, "600")
        yield
    for _ in range(PATIENCE):
        pass_moment(machine)
        yield
        if cluster.api == "up" and machine.name in cluster.nodes:
            break
    cluster.configuration = kubeadm_files.configuration(text)
    yield
    node = cluster.nodes[machine.name]
    node.labels |= {"node-role.kubernetes.io/master": ""}
    # An empty list means none; without a list, a control plane keeps others away.
    node.taints |= kubeadm_files.taints(text) if "  taints:" in text else {"node-role.kubernetes.io/master:NoSchedule"}
    yield
    identity, secret = kubeadm_files.token(text)
    description, expires_s = kubeadm_files.found(r'description: "(.*)"', text), machine.clock.now_s + TOKEN_LIFE_S
    cluster.tokens[identity] = FakeToken(secret, description, expires_s)
    cluster.used.append(identity)
    yield
    cluster.kube_proxy = proxy
    # The add-ons take a moment, in which the token is signed.
    pass_moment(machine)
    return ""


def kubeconfig(machine: Machine) -> str:
    """A kubeconfig of the cluster as it lives now; one of an earlier life opens nothing."""
    cluster = machine.cluster
    authority = base64.b64encode(cluster.ca.encode()).decode()
    server = "https://10.0.0.11:6443"
    return f"# life {cluster.life}\n    certificate-authority-data: {authority}\n    server: {server}\n"


def _runtime_flag(text: str) -> str:
    socket = kubeadm_files.found(r'criSocket: "?([^"\s]+)"?', text)
    return "" if socket == SOCKETS[DOCKER] else f"--container-runtime=remote --container-runtime-endpoint={socket}"


def _start_kubelet(machine: Machine, text: str) -> Moments:
    machine.put(KUBELET_FLAGS, f"KUBELET_KUBEADM_ARGS={_runtime_flag(text)}\n")
    yield
    machine.put(KUBELET_CONFIG, "cgroupDriver: systemd\n")
    yield
    services.unit(machine, KUBELET)
    yield from services.restart(machine, KUBELET)
    yield
    return ""


def _join(machine: Machine, text: str) -> Moments:
    cluster = machine.cluster
    token = kubeadm_files.found(r'token: "(.*)"', text)
    yield from _wait_token(machine, token)
    if not cluster.admits(token, machine.clock.now_s):
        return failed(1, "error execution phase preflight: couldn't validate the identity of the API Server")
    assert kubeadm_files.found(r'caCertHashes: \["(.*)"\]', text) == kubeadm_files.pin(), "joining without the CA's pin"
    cluster.used.append(token.partition(".")[0])
    known = cluster.nodes.get(machine.name)
    if known and known.ready:
        return failed(1, f'a Node with name "{machine.name}" and status "Ready" already exists in the cluster')
    machine.put(BOOTSTRAP_CONF, kubeconfig(machine), "600")
    yield
    machine.put(f"{PKI}/ca.crt", cluster.ca)
    yield
    yield from _start_kubelet(machine, text)
    for _ in range(PATIENCE):
        pass_moment(machine)
        yield
        if machine.there(KUBELET_CONF):
            break
    else:
        return failed(1, "error execution phase kubelet-start: timed out waiting for the condition")
    if known is None:
        # A node is born with its taints; an existing object keeps its own.
        cluster.nodes[machine.name].taints |= kubeadm_files.taints(text)
    machine.drop(BOOTSTRAP_CONF)
    return ""


def _wait_token(machine: Machine, token: str) -> Generator[None, None, None]:
    for _ in range(PATIENCE):
        if machine.cluster.admits(token, machine.clock.now_s):
            return
        pass_moment(machine)
        yield


def _wait_node(machine: Machine, command: Command, conf: str, node: str, deadline: str) -> Moments:
    for _ in range(int(deadline)):
        known = machine.cluster.nodes.get(node)
        if machine.there(conf) and machine.cluster.api == "up" and known and known.pod_cidr:
            return ""
        pass_moment(machine)
        yield
    return failed(1, f"gave up after {deadline} s of waiting until the node {node} is in the cluster")


def _wait_gone(machine: Machine, command: Command, node: str, deadline: str) -> Moments:
    assert isinstance(command.stdin, Secret), "a kubeconfig holds a token"
    assert not machine.runs(KUBELET), "a kubelet that goes on keeps its node Ready"
    for _ in range(int(deadline)):
        if machine.cluster.api != "up" or not machine.cluster.nodes[node].ready:
            return ""
        pass_moment(machine)
        yield
    return failed(1, f"gave up after {deadline} s of waiting until the cluster has noticed that the old {node} is gone")


SCRIPTS: dict[str, Handler] = {
    "kubeadm": _probe,
    "begin": _begin,
    "begin_clearing": _begin_clearing,
    "mark": _mark,
    "run": _run,
    "wait_gone": _wait_gone,
    "wait_node": _wait_node,
}
