"""Why a path does not work: named rules over the answers and the network configuration of the hosts. Pure.

A rule reports only what is certain on one host, and only what is in the way of a path that does not work.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from provisioner.core.report import Reach
from provisioner.errors import Problem
from provisioner.verification import firewall, name_causes
from provisioner.verification.paths import BY_DNS, BY_PROXY, DNS, SERVICE, NetworkPath
from provisioner.verification.situation import NODE, Situation
from provisioner.verification.wiring import Wiring

_PROXIES_OF_PLUG_INS = frozenset({"kube-router", "cilium-agent"})
# Outer Ethernet, IP, UDP and VXLAN headers: RFC 7348.
VXLAN_BYTES = 50
_CNI = (".conf", ".conflist", ".json")


def causes(situation: Situation) -> tuple[Problem, ...]:
    """Every cause that explains something, each once."""
    return tuple(dict.fromkeys(problem for rule in RULES for problem in rule(situation)))


def of(reach: Reach, found: tuple[Problem, ...]) -> list[Problem]:
    """The causes that explain why this path does not work. A Service, also that of DNS, leads to any of its pods."""
    return [
        cause
        for cause in found
        if (reach.target in (SERVICE, DNS) or cause.where in (reach.source, reach.target)) and _about(cause.rule, reach)
    ]


def _about(rule: str, reach: Reach) -> bool:
    only: Mapping[str, frozenset[NetworkPath]] = {
        "mtu": frozenset({NetworkPath.PATH_MTU}),
        "kube_proxy": BY_PROXY,
        "api_server_unreachable": frozenset({NetworkPath.API_SERVER}),
        **{rule.__name__: BY_DNS for rule in name_causes.RULES},
    }
    return rule not in only or reach.path in only[rule]


def forward_policy(situation: Situation) -> Iterator[Problem]:
    """The firewall drops everything that it should forward for the pods."""
    for name in situation.ends():
        if firewall.forwards_nothing(situation.wirings[name].tables, situation.pods):
            text = f"the policy of the firewall's FORWARD chain is DROP, and no rule accepts {situation.pods}"
            yield Problem("forward_policy", name, text, "`provisioner apply` adds the rules that the plug-in needs")


def firewall_drops(situation: Situation) -> Iterator[Problem]:
    """A rule of the firewall names the pods and drops their packets."""
    for name in situation.ends():
        for rule in firewall.drops_pods(situation.wirings[name].tables, situation.pods):
            hint = "find out what created this rule (`iptables-save`), and remove it there"
            yield Problem("firewall_drops", name, f"the firewall drops packets of the pods: {rule}", hint)


def forwarding_off(situation: Situation) -> Iterator[Problem]:
    """The kernel does not forward packets."""
    for name in situation.ends():
        if not situation.wirings[name].forwards:
            hint = "`provisioner apply` sets it, and comments out a line in /etc/sysctl.d that undoes it at boot"
            yield Problem("forwarding_off", name, "the kernel forwards no packets: net.ipv4.ip_forward is not 1", hint)


def missing_route(situation: Situation) -> Iterator[Problem]:
    """Packets for another node's pods go to the default gateway, or nowhere."""
    for name, other in situation.between():
        way = situation.wirings[name].ways.get(other)
        if way is None or way.is_default:
            nowhere = f"; packets to them go to {way.via}" if way and way.via else ""
            text = f"there is no route to the pods of {other}{nowhere}"
            yield Problem("missing_route", name, text, "`provisioner apply` or the network plug-in's agent sets it")


def rp_filter(situation: Situation) -> Iterator[Problem]:
    """Packets are dropped that arrive on one device and whose way back is another (strict reverse path filter)."""
    for name, other in situation.between():
        there, here = situation.wirings[name].ways.get(other), situation.wirings[other]
        back = here.ways.get(name)
        arrives = here.addresses.get(there.via) if there else None
        if arrives and back and back.device != arrives and here.rp_filter(arrives) == 1:
            text = (
                f"rp_filter is 1: packets of the pods on {name} arrive on {arrives}, but the way back is {back.device}"
            )
            hint = f"use the same device both ways, or set net.ipv4.conf.{arrives}.rp_filter to 2 (and not `all` to 1)"
            yield Problem("rp_filter", other, text, hint)


def vxlan_port(situation: Situation) -> Iterator[Problem]:
    """A firewall, or something on the way, drops the packets of the overlay."""
    for name in dict.fromkeys(name for pair in situation.between() for name in pair):
        wiring = situation.wirings[name]
        for link in wiring.vxlans:
            dropped = firewall.drops_udp(wiring.tables, link.vxlan_port)
            hint = f"allow UDP {link.vxlan_port} between the nodes, also in firewalls and security groups on the way"
            for rule in dropped:
                text = f"the firewall drops UDP {link.vxlan_port}, which {link.name} needs: {rule}"
                yield Problem("vxlan_port", name, text, hint)
            if not dropped and link.sent and not link.received:
                text = f"{link.name} has sent {link.sent} packets and received none: is UDP {link.vxlan_port} filtered?"
                yield Problem("vxlan_port", name, text, hint)


def vxlan_address(situation: Situation) -> Iterator[Problem]:
    """A VXLAN device has another MAC address than the other nodes know, for example because udev has changed it."""
    names = {address: name for name, address in situation.addresses.items()}
    for name in situation.ends():
        wiring = situation.wirings[name]
        vnis = {link.name: link.vni for link in wiring.vxlans}
        for entry in wiring.fdb:
            peer = situation.wirings.get(names.get(entry.to, ""))
            devices = [link for link in peer.vxlans if link.vni == vnis.get(entry.device)] if peer else []
            if devices and entry.mac != "00:00:00:00:00:00" and entry.mac not in {link.mac for link in devices}:
                yield _other_address(names[entry.to], devices[0].name, devices[0].mac, entry.mac)


def _other_address(name: str, device: str, mac: str, known: str) -> Problem:
    text = f"the MAC address of {device} is {mac}, but the other nodes know it as {known}: udev may have changed it"
    hint = (
        f"write a .link file in /etc/systemd/network with MACAddressPolicy=none for {device}, "
        "then restart the plug-in's pod"
    )
    return Problem("vxlan_address", name, text, hint)


def mtu(situation: Situation) -> Iterator[Problem]:
    """The MTU of a device is smaller than the packets that the pods send."""
    for hole in situation.holes:
        if hole.path == NetworkPath.PATH_MTU:
            yield from _narrow(situation, hole)


def _narrow(situation: Situation, hole: Reach) -> Iterator[Problem]:
    wanted_bytes, passed_bytes = [*(int(number) for number in re.findall(r"(\d+) bytes", hole.text)), 0, 0][:2]
    found = [
        *_narrow_devices(situation, hole.source, hole.target, wanted_bytes),
        *_narrow_devices(situation, hole.target, hole.source, wanted_bytes),
    ]
    yield from found
    if not found:
        text = f"something on the way to {hole.target} passes packets of {passed_bytes} bytes and drops larger ones"
        yield Problem("mtu", hole.source, text, "set the pods' MTU (`network.mtu`) to the size that passes")


def _narrow_devices(situation: Situation, name: str, other: str, wanted_bytes: int) -> Iterator[Problem]:
    wiring = situation.wirings.get(name, Wiring())
    for device, needed_bytes in _devices(wiring, other, wanted_bytes):
        link = wiring.links.get(device)
        if link and link.mtu_bytes < needed_bytes:
            text = f"the MTU of {device} is {link.mtu_bytes}, but the pods' packets need {needed_bytes}"
            hint = "set the same MTU on all hosts, and the pods' MTU (`network.mtu`) not above it, 50 below with VXLAN"
            yield Problem("mtu", name, text, hint)


def _devices(wiring: Wiring, other: str, wanted_bytes: int) -> Iterator[tuple[str, int]]:
    """The devices that packets to another node's pods use, with the MTU that each needs."""
    way, below = wiring.ways.get(other), wiring.ways.get(f"{NODE}{other}")
    if way:
        yield way.device, wanted_bytes
    if way and below and way.device in {link.name for link in wiring.vxlans}:
        yield below.device, wanted_bytes + VXLAN_BYTES


def kube_proxy(situation: Situation) -> Iterator[Problem]:
    """Nothing writes the rules of the Services."""
    for name in situation.ends(*BY_PROXY):
        wiring = situation.wirings[name]
        if wiring.proxies & _PROXIES_OF_PLUG_INS and "kube-proxy" not in wiring.proxies:
            continue
        hint = f"kubectl -n kube-system get pods -o wide -l k8s-app=kube-proxy --field-selector spec.nodeName={name}"
        if "kube-proxy" not in wiring.proxies:
            yield Problem("kube_proxy", name, "kube-proxy does not run, so new Services do not work here", hint)
        elif " 200" not in wiring.proxy_health:
            said = wiring.proxy_health or "nothing"
            yield Problem("kube_proxy", name, f"kube-proxy runs but is not healthy: its healthz answers {said}", hint)


def cni_configuration(situation: Situation) -> Iterator[Problem]:
    """The kubelet does not know how to give a pod a network."""
    for name in sorted(situation.unwell & situation.wirings.keys()):
        if not any(file.endswith(_CNI) for file in situation.wirings[name].cni_files):
            text = "/etc/cni/net.d has no network configuration, so no pod can start here"
            yield Problem(
                "cni_configuration", name, text, "`provisioner apply` writes it, or the plug-in's own pod does"
            )


def api_server_unreachable(situation: Situation) -> Iterator[Problem]:
    """The host itself cannot connect to the API server."""
    for name in dict.fromkeys([*situation.ends(NetworkPath.API_SERVER), *sorted(situation.unwell)]):
        server, _, answer = (
            situation.wirings[name].api_server.partition(" ") if name in situation.wirings else ("",) * 3
        )
        if answer == "failed":
            text = f"the host cannot connect to the API server at {server}"
            hint = "check firewalls between them, a load balancer, and the control plane itself (`provisioner status`)"
            yield Problem("api_server_unreachable", name, text, hint)


RULES: tuple[Callable[[Situation], Iterator[Problem]], ...] = (
    cni_configuration, api_server_unreachable, forward_policy, firewall_drops, forwarding_off, missing_route,
    rp_filter, vxlan_port, vxlan_address, kube_proxy, mtu, *name_causes.RULES,
)  # fmt: skip
