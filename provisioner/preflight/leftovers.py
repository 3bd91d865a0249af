"""What an earlier cluster has left on a machine. It is found before anything is changed, and never taken away unasked:
nobody here knows whether it is still needed. What a try of ours has begun carries our mark, and is no finding.
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
    """A node of another cluster, also where no cluster answers that it could be compared with."""
    leader = view.leader.name
    which = "another cluster" if view.observed.states[leader].initialised else f"a cluster that {leader} does not carry"
    found: dict[str, list[str]] = defaultdict(list)
    for host in view.hosts:
        state = view.observed.states[host.name]
        if state.joined and host.role is Role.WORKER and not _is_ours(view, host):
            what = "control plane" if state.has_admin_conf or state.has_manifests else "node"
            found[f"is a {what} of {which} ({_whose(state)})"].append(host.name)
    for message, names in found.items():
        yield Problem("other-cluster", ", ".join(names), message, _way_out(view, names))


def _is_ours(view: View, host: Host) -> bool:
    """By its CA: where a kubelet finds the API server may change. Of one that does not tell, the cluster knows."""
    leader, theirs = view.observed.states[view.leader.name], trusted(view.observed.states[host.name])
    ours = certificates(view.observed.live.ca_certificate if view.observed.live else leader.ca_certificate)
    if theirs:
        return bool(theirs & ours) or (leader.initialised and not ours)
    return view.observed.live is not None and host.name in view.observed.live.nodes


def _whose(state: HostState) -> str:
    """Which cluster a kubelet.conf is of: its API server, and the fingerprint of its CA as openssl tells it."""
    marks = sorted(sha256(der).hexdigest()[:_FINGERPRINT_DIGITS] for der in trusted(state))
    server = visible(state.kubelet_server)[:_SERVER_LENGTH] or "not told"
    return f"API server {server}, CA {', '.join(marks) or 'not told'}"


_LOST = " Has {} lost it: bring it back there from a backup first."


def _way_out(view: View, names: Sequence[str]) -> str:
    first, every, leader = names[0], ", ".join(names), view.leader.name
    lost = "" if view.observed.states[leader].initialised else _LOST.format(leader)
    return (
        f"Is that cluster alive? On {first}: `kubectl --kubeconfig /etc/kubernetes/kubelet.conf get node {first}`. "
        f"If it is needed: take {every} out of the inventory.{lost} "
        f"{_RESET.format(every)} Pods and their local data are lost with it."
    )


def _other_plane(view: View) -> Iterator[Problem]:
    """A machine that is to become a control plane is a node already, or has an administrator's file of elsewhere."""
    for host in _to_init(view):
        state = view.observed.states[host.name]
        if state.has_kubelet_conf and state.has_manifests:
            message = f"is a control plane without /etc/kubernetes/admin.conf ({_whose(state)})"
            hint = f"If its cluster is to go on: `kubeadm init phase kubeconfig admin` on {host.name} writes it again."
            yield Problem("other-cluster", host.name, message, f"{hint} {_RESET.format(host.name)}")
        elif state.has_kubelet_conf:
            message = f"is a worker of a cluster already ({_whose(state)}), and the inventory makes it a control plane"
            yield Problem("other-cluster", host.name, message, f"Correct the inventory. {_RESET.format(host.name)}")
    for host in view.cluster.control_planes:
        state = view.observed.states.get(host.name, HostState())
        if state.initialised and not state.has_kubelet_conf and not state.has_manifests:
            message = "has /etc/kubernetes/admin.conf and nothing else of a control plane: of which cluster is it?"
            hint = f"On {host.name}: `mkdir -p ~/.kube && mv /etc/kubernetes/admin.conf ~/.kube/other.conf`. {_AGAIN}"
            yield Problem("other-cluster", host.name, message, hint)


def _etcd(view: View) -> Iterator[Problem]:
    """kubeadm init refuses to begin on data that is there, in every further run."""
    for host in _to_init(view, begun=True):
        names = view.observed.states[host.name].stray_etcd
        if names:
            message = f"/var/lib/etcd is not empty ({', '.join(map(shown, names))}): kubeadm init refuses to begin"
            data = "It is the data of an earlier cluster: every object and Secret. " if "member" in names else ""
            keep = (
                f"On {host.name}: `mv /var/lib/etcd /var/lib/etcd.old` keeps it; of a mount point, move what is in it."
            )
            yield Problem("etcd-data", host.name, message, f"{data}{keep} {_AGAIN}")


def _half_made(view: View) -> Iterator[Problem]:
    for host in view.hosts:
        state = view.observed.states[host.name]
        if state.has_kubelet_conf or state.init_begun or state.join_begun or state.initialised:
            continue
        if state.has_manifests:
            message = (
                "has parts of a control plane (/etc/kubernetes/manifests) that was not made to its end, and not by us"
            )
            yield Problem("half-made", host.name, message, _RESET.format(host.name))
        elif state.has_bootstrap_conf or (state.ca_certificate and host.role is Role.WORKER):
            file = "bootstrap-kubelet.conf" if state.has_bootstrap_conf else "pki/ca.crt"
            message = f"has /etc/kubernetes/{file} of a kubeadm join that was not made to its end, and not by us"
            yield Problem("half-made", host.name, message, _RESET.format(host.name))


def _other_role(view: View) -> Iterator[Problem]:
    """What we have begun is continued, unless the inventory wants something else there now."""
    for host in view.hosts:
        is_worker, state = host.role is Role.WORKER, view.observed.states[host.name]
        if state.init_begun if is_worker else state.join_begun:
            verb, role = ("init", "a worker") if is_worker else ("join", "a control plane")
            message = f"our kubeadm {verb} was not made to its end there, and the inventory makes it {role} now"
            mark = f"/etc/kubernetes/provisioner/{verb}-begun"
            hint = f"On {host.name}: `kubeadm reset && rm {mark}`. {_AGAIN}"
            yield Problem("other-role", host.name, message, hint)


def _links(view: View) -> Iterator[Problem]:
    """A bridge that has an address keeps it, and every pod fails there when the node's part of the network is another.

    A node that we reset ourselves loses it with that.
    """
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for host in view.hosts:
        for link in old_links(view, host) if _starts_clean(view, host) else ():
            if not _fits(view, host, link):
                found[link.interface][host.name] = str(link.ip)
    for name, addresses in found.items():
        there, every = ", ".join(dict.fromkeys(addresses.values())), ", ".join(addresses)
        message = f"the interface {name} of an earlier network is there ({there}): the new one would not work with it"
        hint = (
            f"If nothing there uses it (`ip link show master {name}` names what does): `ip link delete {name}` on "
            f"{every}, and `rm -rf /var/lib/cni` where only Kubernetes has used that. {_AGAIN}"
        )
        yield Problem("old-network", every, message, hint)


def _starts_clean(view: View, host: Host) -> bool:
    """Whether it becomes a node without a reset of ours before."""
    state = view.observed.states[host.name]
    begun = state.init_begun or state.join_begun
    return not (begun or state.initialised or (state.joined and _is_ours(view, host)))


def _fits(view: View, host: Host, link: Address) -> bool:
    """Whether it is of the part of the pods' network that the node has kept in the cluster."""
    node = view.observed.live.nodes.get(host.name) if view.observed.live else None
    return node is not None and bool(node.pod_cidr) and link.ip.ip in IPv4Network(node.pod_cidr)


def _to_init(view: View, *, begun: bool = False) -> tuple[Host, ...]:
    """The control planes that `kubeadm init` is still to run on; with `begun`, also after a try of ours."""
    planes = (host for host in view.hosts if host.role is Role.CONTROL_PLANE)
    states = ((host, view.observed.states[host.name]) for host in planes)
    return tuple(host for host, state in states if not state.initialised and (begun or not state.init_begun))


RULES: tuple[Callable[[View], Iterator[Problem]], ...] = (
    _other_cluster,
    _other_plane,
    _etcd,
    _half_made,
    _other_role,
    _links,
)
