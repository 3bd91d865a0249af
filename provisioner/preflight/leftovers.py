"""What an earlier cluster has left on a host. It is found before anything is changed, and never removed unasked:
provisioner cannot know whether it is still needed. What a run of provisioner has begun is marked, and is not a finding.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from ipaddress import IPv4Network

from provisioner.core.untrusted import shown, visible
from provisioner.errors import Problem
from provisioner.inventory.model import Host, Role
from provisioner.networks.leftovers import old_links
from provisioner.world.addresses import Address
from provisioner.world.derived import certificates, trusted
from provisioner.world.facts import HostState
from provisioner.world.view import View

_AGAIN = "Then run the same command again."
_RESET = "If nothing there is needed: `kubeadm reset` on {}, then run the same command again."
_FINGERPRINT_DIGITS = 16
_SERVER_LENGTH = 100


def _other_cluster(view: View) -> Iterator[Problem]:
    """A node of another cluster, even when no running cluster answers that it could be compared with."""
    leader = view.leader.name
    which = "another cluster" if view.observed.states[leader].initialised else f"a cluster that {leader} does not run"
    found: dict[str, list[str]] = defaultdict(list)
    for host in view.hosts:
        state = view.observed.states[host.name]
        if state.joined and host.role is Role.WORKER and not _is_ours(view, host):
            what = "control plane" if state.has_admin_conf or state.has_manifests else "node"
            found[f"is a {what} of {which} ({_whose(state)})"].append(host.name)
    for message, names in found.items():
        yield Problem("other-cluster", ", ".join(names), message, _way_out(view, names))


def _is_ours(view: View, host: Host) -> bool:
    """Compares CAs, as the API server's address may change. Without a CA, the list of the cluster's nodes decides."""
    leader, theirs = view.observed.states[view.leader.name], trusted(view.observed.states[host.name])
    ours = certificates(view.observed.live.ca_certificate if view.observed.live else leader.ca_certificate)
    if theirs:
        return bool(theirs & ours) or (leader.initialised and not ours)
    return view.observed.live is not None and host.name in view.observed.live.nodes


def _whose(state: HostState) -> str:
    """The cluster of a kubelet.conf: its API server, and the fingerprint of its CA as openssl prints it."""
    marks = sorted(sha256(der).hexdigest()[:_FINGERPRINT_DIGITS] for der in trusted(state))
    server = visible(state.kubelet_server)[:_SERVER_LENGTH] or "unknown"
    return f"API server {server}, CA {', '.join(marks) or 'unknown'}"


_LOST = " If {} has lost it: restore it there from a backup first."


def _way_out(view: View, names: Sequence[str]) -> str:
    first, every, leader = names[0], ", ".join(names), view.leader.name
    lost = "" if view.observed.states[leader].initialised else _LOST.format(leader)
    return (
        f"Does it still run? On {first}: `kubectl --kubeconfig /etc/kubernetes/kubelet.conf get node {first}`. "
        f"If it is needed: remove {every} from the inventory.{lost} "
        f"{_RESET.format(every)} The reset deletes pods and their local data."
    )


def _other_control_plane(view: View) -> Iterator[Problem]:
    """A host that should become a control plane is a node already, or has the admin.conf of another cluster."""
    for host in _to_init(view):
        state = view.observed.states[host.name]
        if state.has_kubelet_conf and state.has_manifests:
            message = f"is a control plane without /etc/kubernetes/admin.conf ({_whose(state)})"
            hint = f"If its cluster is needed: `kubeadm init phase kubeconfig admin` on {host.name} writes it again."
            yield Problem("other-cluster", host.name, message, f"{hint} {_RESET.format(host.name)}")
        elif state.has_kubelet_conf:
            message = f"is already a worker of a cluster ({_whose(state)}), but the inventory makes it a control plane"
            yield Problem("other-cluster", host.name, message, f"Correct the inventory. {_RESET.format(host.name)}")
    for host in view.cluster.control_planes:
        state = view.observed.states.get(host.name, HostState())
        if state.initialised and not state.has_kubelet_conf and not state.has_manifests:
            message = "has /etc/kubernetes/admin.conf but nothing else of a control plane: its cluster is unknown"
            hint = f"On {host.name}: `mkdir -p ~/.kube && mv /etc/kubernetes/admin.conf ~/.kube/other.conf`. {_AGAIN}"
            yield Problem("other-cluster", host.name, message, hint)


def _etcd(view: View) -> Iterator[Problem]:
    """kubeadm init refuses to start while etcd has data, in every further run."""
    for host in _to_init(view, begun=True):
        names = view.observed.states[host.name].stray_etcd
        if names:
            message = f"/var/lib/etcd is not empty ({', '.join(map(shown, names))}): kubeadm init refuses to start"
            data = "It is the data of an earlier cluster: every object and Secret. " if "member" in names else ""
            keep = (
                f"On {host.name}: `mv /var/lib/etcd /var/lib/etcd.old` keeps it; if that is a mount point, move its "
                "contents."
            )
            yield Problem("etcd-data", host.name, message, f"{data}{keep} {_AGAIN}")


def _half_made(view: View) -> Iterator[Problem]:
    for host in view.hosts:
        state = view.observed.states[host.name]
        if state.has_kubelet_conf or state.init_begun or state.join_begun or state.initialised:
            continue
        if state.has_manifests:
            message = (
                "has parts of an unfinished control plane (/etc/kubernetes/manifests) that provisioner did not begin"
            )
            yield Problem("half-made", host.name, message, _RESET.format(host.name))
        elif state.has_bootstrap_conf or (state.ca_certificate and host.role is Role.WORKER):
            file = "bootstrap-kubelet.conf" if state.has_bootstrap_conf else "pki/ca.crt"
            message = f"has /etc/kubernetes/{file} of an unfinished kubeadm join that provisioner did not begin"
            yield Problem("half-made", host.name, message, _RESET.format(host.name))


def _other_role(view: View) -> Iterator[Problem]:
    """What provisioner has begun is continued, unless the inventory now gives the host another role."""
    for host in view.hosts:
        is_worker, state = host.role is Role.WORKER, view.observed.states[host.name]
        if state.init_begun if is_worker else state.join_begun:
            verb, role = ("init", "a worker") if is_worker else ("join", "a control plane")
            message = f"provisioner's kubeadm {verb} did not finish there, and the inventory now makes it {role}"
            mark = f"/etc/kubernetes/provisioner/{verb}-begun"
            hint = f"On {host.name}: `kubeadm reset && rm {mark}`. {_AGAIN}"
            yield Problem("other-role", host.name, message, hint)


def _links(view: View) -> Iterator[Problem]:
    """A bridge keeps the address that it has, and every pod fails there when the node's pod CIDR is another one.

    When provisioner itself resets a node, that removes the bridge.
    """
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for host in view.hosts:
        for link in old_links(view, host) if _starts_clean(view, host) else ():
            if not _fits(view, host, link):
                found[link.interface][host.name] = str(link.ip)
    for name, addresses in found.items():
        there, every = ", ".join(dict.fromkeys(addresses.values())), ", ".join(addresses)
        message = f"has the interface {name} of an earlier network ({there}): the new network would not work with it"
        hint = (
            f"If nothing uses it (`ip link show master {name}` lists what does): `ip link delete {name}` on "
            f"{every}, and `rm -rf /var/lib/cni` if only Kubernetes has used that. {_AGAIN}"
        )
        yield Problem("old-network", every, message, hint)


def _starts_clean(view: View, host: Host) -> bool:
    """Whether it becomes a node without a reset by provisioner first."""
    state = view.observed.states[host.name]
    begun = state.init_begun or state.join_begun
    return not (begun or state.initialised or (state.joined and _is_ours(view, host)))


def _fits(view: View, host: Host, link: Address) -> bool:
    """Whether its address is in the pod CIDR that the node still has in the cluster."""
    node = view.observed.live.nodes.get(host.name) if view.observed.live else None
    return node is not None and bool(node.pod_cidr) and link.ip.ip in IPv4Network(node.pod_cidr)


def _to_init(view: View, *, begun: bool = False) -> tuple[Host, ...]:
    """The control planes where `kubeadm init` still has to run; with `begun`, also where provisioner has begun it."""
    control_planes = (host for host in view.hosts if host.role is Role.CONTROL_PLANE)
    states = ((host, view.observed.states[host.name]) for host in control_planes)
    return tuple(host for host, state in states if not state.initialised and (begun or not state.init_begun))


RULES: tuple[Callable[[View], Iterator[Problem]], ...] = (
    _other_cluster,
    _other_control_plane,
    _etcd,
    _half_made,
    _other_role,
    _links,
)
