"""What must be true of the machines before anything is touched: rules over facts, each with a way out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator

import yaml

from provisioner.core.facts import HostFacts
from provisioner.core.play import View
from provisioner.derived import api_endpoint, needs_joining, node_address, same_ca
from provisioner.errors import Problem, Severity
from provisioner.inventory.model import Host, Role

# kubeadm's own minimum for a control plane; see kubernetes.io, "Installing kubeadm".
LEAST_MEMORY_MIB = {Role.CONTROL_PLANE: 1700, Role.WORKER: 700}
LEAST_CPUS = {Role.CONTROL_PLANE: 2, Role.WORKER: 1}
# Packages and images of the bundle unpack to about 1.5 GiB; the rest is for the first pods.
LEAST_DISK_MIB = 3072
# Tokens and certificates are refused when clocks differ much more than this.
MOST_CLOCK_SKEW_S = 60
CONTROL_PLANE_PORTS = (6443, 2379, 2380, 10257, 10259)
KUBELET_PORT = 10250
_KUBERNETES = ("kube", "etcd", "")

Rule = Callable[[View], Iterator[Problem]]


def rules(view: View) -> tuple[Problem, ...]:
    """All findings at once."""
    return tuple(problem for rule in _RULES for problem in rule(view))


def _each(view: View) -> Iterator[tuple[Host, HostFacts]]:
    return ((host, view.facts[host.name]) for host in view.hosts)


def _system(view: View) -> Iterator[Problem]:
    wished = view.bundle.manifest.distribution
    for host, facts in _each(view):
        found = f"{facts.distribution} {facts.codename or facts.release}"
        if (facts.distribution, facts.codename) != (wished.id, wished.codename):
            yield Problem(
                "distribution",
                host.name,
                f"runs {found}, and the bundle is for {wished.id} {wished.codename}",
                "Use machines of that distribution, or a bundle made for theirs.",
            )
        elif facts.architecture != wished.architecture:
            hint = "Use a bundle built for that architecture."
            yield Problem("architecture", host.name, f"is {facts.architecture}, the bundle {wished.architecture}", hint)
        if facts.init != "systemd":
            yield Problem(
                "init",
                host.name,
                f"is run by {facts.init or 'an unknown init'}, not by systemd",
                "Services need systemd.",
            )


def _root(view: View) -> Iterator[Problem]:
    for host, facts in _each(view):
        if not facts.is_root:
            message = f"we are {facts.user} there, not root"
            hint = "Set ansible_become: true (with passwordless sudo), or log in as root."
            yield Problem("root", host.name, message, hint)


def _size(view: View) -> Iterator[Problem]:
    for host, facts in _each(view):
        if facts.memory_mib < LEAST_MEMORY_MIB[host.role]:
            message = (
                f"has {facts.memory_mib} MiB of memory, and a {host.role.value} needs {LEAST_MEMORY_MIB[host.role]}"
            )
            yield Problem("memory", host.name, message, "Give the machine more memory.")
        if facts.cpus < LEAST_CPUS[host.role]:
            message = f"has {facts.cpus} processor(s), and a {host.role.value} needs {LEAST_CPUS[host.role]}"
            yield Problem("processors", host.name, message, "Give the machine more processors.")
        if facts.disk_free_mib < LEAST_DISK_MIB and not view.states[host.name].joined:
            message = f"has {facts.disk_free_mib} MiB free below /var, and a new node needs {LEAST_DISK_MIB}"
            yield Problem(
                "disk", host.name, message, "Make room, for example with `apt-get clean`, or give it a larger disk."
            )


def _clocks(view: View) -> Iterator[Problem]:
    for host, facts in _each(view):
        skew_s = facts.clock_s - view.now_s
        if abs(skew_s) > MOST_CLOCK_SKEW_S:
            message = f"its clock is {abs(skew_s):.0f} s {'ahead of' if skew_s > 0 else 'behind'} this machine's"
            yield Problem(
                "clock",
                host.name,
                message,
                "Certificates would not be valid: set the clock (chrony, systemd-timesyncd).",
            )


def _unique(view: View) -> Iterator[Problem]:
    owners: dict[tuple[str, str], list[str]] = defaultdict(list)
    for host, facts in _each(view):
        owners["machine-id", facts.machine_id].append(host.name)
        owners["hostname", facts.hostname].append(host.name)
    for (what, value), names in owners.items():
        if value and len(names) > 1:
            hint = (
                "A cloned machine needs its own: "
                "`systemd-machine-id-setup` after emptying /etc/machine-id, `hostnamectl`."
            )
            yield Problem(f"duplicate-{what}", ", ".join(names), f"have the same {what} {value}", hint)


def _addresses(view: View) -> Iterator[Problem]:
    for host, _ in _each(view):
        if node_address(view, host) is None:
            wish = f"has no interface with its node_ip {host.node_ip}" if host.node_ip else "has no address of its own"
            yield Problem(
                "node-address", host.name, wish, "Set node_ip at the host to an address the other machines reach."
            )


def _ports(view: View) -> Iterator[Problem]:
    for host, _ in _each(view):
        state = view.states[host.name]
        if state.joined or state.init_begun or state.join_begun:
            continue
        wanted = (KUBELET_PORT, *(CONTROL_PLANE_PORTS if host.role is Role.CONTROL_PLANE else ()))
        for port, owner in dict.fromkeys(state.listening):
            if port in wanted:
                message = f"port {port} is taken by {owner or 'another program'}"
                yield Problem(
                    "port-taken",
                    host.name,
                    message,
                    "Kubernetes needs it: stop that program or move it to another port.",
                )


def _foreign(view: View) -> Iterator[Problem]:
    for host, _ in _each(view):
        state = view.states[host.name]
        if state.has_manifests and not state.has_kubelet_conf and not state.init_begun:
            message = (
                "has parts of a control plane (/etc/kubernetes/manifests) that was not made to its end, and not by us"
            )
            yield Problem(
                "half-made", host.name, message, "If nothing there is needed: `kubeadm reset` on that machine."
            )
        known = view.live.ca_certificate if view.live else ""
        if known and state.joined and state.kubelet_ca and not same_ca(known, state.kubelet_ca):
            message = "is a node of another cluster"
            yield Problem(
                "other-cluster", host.name, message, "Take it out of the inventory, or `kubeadm reset` it there first."
            )


def _one_control_plane(view: View) -> Iterator[Problem]:
    planes = view.cluster.control_planes
    if len(planes) > 1:
        message = f"the inventory has {len(planes)} control planes; this version brings up one"
        names = ", ".join(host.name for host in planes[1:])
        yield Problem("control-planes", names, message, "Make the others workers, or take them out for now.")


def _live(view: View) -> Iterator[Problem]:
    """A running cluster is not re-made: what cannot change in place is said, not 'fixed'."""
    if view.live is None:
        return
    wished = view.cluster.settings
    if view.live.version != str(wished.kubernetes_version):
        message = f"runs Kubernetes {view.live.version}, and the inventory wants {wished.kubernetes_version}"
        yield Problem(
            "upgrade",
            view.leader.name,
            message,
            "Changing the version of a running cluster is an upgrade, which this version does not do.",
        )
    now = yaml.safe_load(view.live.configuration) or {}
    pairs = {
        "pod_cidr": (now.get("networking", {}).get("podSubnet"), str(wished.pod_cidr)),
        "service_cidr": (now.get("networking", {}).get("serviceSubnet"), str(wished.service_cidr)),
        "dns_domain": (now.get("networking", {}).get("dnsDomain"), wished.dns_domain),
        "control_plane_endpoint": (now.get("controlPlaneEndpoint"), str(api_endpoint(view))),
        "api_server_extra_args": (_own(now.get("apiServer", {})), wished.api_server_extra_args),
        "controller_manager_extra_args": (_own(now.get("controllerManager", {})), wished.controller_manager_extra_args),
        "scheduler_extra_args": (_own(now.get("scheduler", {})), wished.scheduler_extra_args),
    }
    for name, (is_now, wish) in pairs.items():
        if is_now != wish:
            message = f"the running cluster has {name} {is_now}, and the inventory wants {wish}"
            hint = "This was decided when the cluster was made and stays; make the inventory say the same."
            yield Problem("cluster-setting", view.leader.name, message, hint, Severity.WARNING)


def _own(component: dict[str, object]) -> object:
    extra = component.get("extraArgs") or {}
    # kubeadm writes its default into the API server's arguments.
    return (
        {key: value for key, value in extra.items() if key != "authorization-mode"}
        if isinstance(extra, dict)
        else extra
    )


def _known_api(view: View) -> Iterator[Problem]:
    """Joining needs the API server; a cluster that is there but silent is waited for by the run itself."""
    workers = [host for host in view.hosts if host.role is Role.WORKER and needs_joining(view, host)]
    leader = view.states[view.leader.name]
    if workers and leader.init_begun:
        yield Problem(
            "init-unfinished",
            view.leader.name,
            "an earlier kubeadm init did not come to its end; it is made again",
            severity=Severity.WARNING,
        )


_RULES: tuple[Rule, ...] = (
    _root,
    _system,
    _size,
    _clocks,
    _unique,
    _addresses,
    _ports,
    _foreign,
    _one_control_plane,
    _live,
    _known_api,
)
