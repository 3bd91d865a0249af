"""Why a name cannot be looked up: named rules over the DNS answers and how the hosts are wired. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from provisioner.core.report import Reach
from provisioner.errors import Problem
from provisioner.verification import firewall
from provisioner.verification.paths import BY_DNS, CLUSTER, NetworkPath
from provisioner.verification.situation import Situation

_PORT = 53
# On the way of a pod's query to the pod that answers; rules for the way back are not understood here.
_CHAINS = ("PREROUTING", "FORWARD", "INPUT", "OUTPUT", "POSTROUTING")
# What nslookup prints when a server answers that a name does not exist, and what our script prints for a wrong address.
_WRONG = ("server can't find", " and not ")


def _holes(situation: Situation) -> list[Reach]:
    return [hole for hole in situation.holes if hole.path in BY_DNS]


def dns_servers(situation: Situation) -> Iterator[Problem]:
    """No server is behind the address that the pods ask."""
    if not situation.dns or not _holes(situation):
        return
    if not situation.dns.address:
        hint = "`kubeadm init phase addon coredns` creates it"
        yield Problem("dns_servers", CLUSTER, "kube-system has no Service kube-dns, whose address the pods ask", hint)
    elif not situation.dns.nodes:
        text = f"the Service kube-dns ({situation.dns.address}) has no endpoints: none of its pods is ready"
        hint = "kubectl -n kube-system get pods -o wide -l k8s-app=kube-dns; `describe` shows what they wait for"
        yield Problem("dns_servers", CLUSTER, text, hint)


def dns_answer(situation: Situation) -> Iterator[Problem]:
    """The cluster's DNS gives a wrong answer. Where it has no server, something on the way has answered instead."""
    if not situation.dns or not situation.dns.nodes:
        return
    answers = (hole.text for hole in _holes(situation) if hole.path == NetworkPath.DNS_INSIDE)
    for text in dict.fromkeys(text for text in answers if any(words in text for words in _WRONG)):
        hint = (
            "check its configuration: the domain must be the inventory's `dns_domain`, and nothing may rewrite such"
            " names (kubectl -n kube-system get configmap coredns -o yaml)"
        )
        yield Problem("dns_answer", CLUSTER, f"the cluster's DNS gives a wrong answer: {text}", hint)


def dns_filtered(situation: Situation) -> Iterator[Problem]:
    """A firewall drops the DNS queries, where they are sent or where they are answered."""
    servers = situation.dns.nodes if situation.dns else ()
    ends = dict.fromkeys([*(hole.source for hole in _holes(situation)), *servers])
    for name in (name for name in ends if _holes(situation) and name in situation.wirings):
        for rule in firewall.refuses_udp(situation.wirings[name].tables, _PORT, _CHAINS):
            text = f"the firewall drops UDP {_PORT}, which pods use to look up names: {rule}"
            hint = "find out what created this rule (`iptables-save`), and remove it there"
            yield Problem("dns_filtered", name, text, hint)


RULES: tuple[Callable[[Situation], Iterator[Problem]], ...] = (dns_servers, dns_answer, dns_filtered)
