"""What iptables-save printed on real machines, and what it means for the pods' packets."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from provisioner.verification.firewall import Table, drops_pods, drops_udp, forwards_nothing, tables

PODS = IPv4Network("10.244.0.0/16")


def filter_table(*rules: str, forward: str = "DROP", input_: str = "ACCEPT") -> tuple[Table, ...]:
    chains = [f":INPUT {input_} [0:0]", f":FORWARD {forward} [0:0]", ":OUTPUT ACCEPT [0:0]", ":FLANNEL-FWD - [0:0]"]
    return tables(["# Generated", "*filter", *chains, *rules, "COMMIT"])


DOCKER = (
    "-A FORWARD -j DOCKER-USER",
    "-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    "-A FORWARD -i docker0 ! -o docker0 -j ACCEPT",
    "-A FORWARD -i docker0 -o docker0 -j ACCEPT",
    "-A DOCKER-USER -j RETURN",
)


@pytest.mark.parametrize(
    ("rules", "nothing"),
    [
        ((), True),
        (DOCKER, True),
        (("-A FORWARD -m comment --comment \"kubernetes forwarding rules\" -j KUBE-FORWARD",), True),
        (("-A FORWARD -p tcp -j ACCEPT",), True),
        (("-A FORWARD -s 10.245.0.0/16 -j ACCEPT",), True),
        (("-A FORWARD ! -s 10.244.0.0/16 -j ACCEPT",), True),
        (("-A FORWARD -s 10.244.0.0/16 -m conntrack --ctstate RELATED -j ACCEPT",), True),
        ((*DOCKER, "-A FORWARD -s 10.244.0.0/16 -m comment --comment provisioner-pod-network -j ACCEPT"), False),
        (("-A FORWARD -d 10.0.0.0/8 -j ACCEPT",), False),
        (("-A FORWARD -j ACCEPT",), False),
        (("-A FORWARD -i cali+ -j ACCEPT",), False),
        (("-A FORWARD -j FLANNEL-FWD", "-A FLANNEL-FWD -s 10.244.0.0/16 -j ACCEPT"), False),
        (("-A FLANNEL-FWD -s 10.244.0.0/16 -j ACCEPT",), True),
        (('-A FORWARD -m comment --comment "cali:wUHhoiAYhphO9Mso" -j cali-FORWARD',), False),
        (("-A FORWARD -j KUBE-ROUTER-FORWARD",), False),
        (("-A FORWARD -g FLANNEL-FWD", "-A FLANNEL-FWD -g FLANNEL-FWD"), True),
    ],
)  # fmt: skip
def test_a_policy_of_drop_and_what_is_accepted(rules: tuple[str, ...], nothing: bool) -> None:
    assert forwards_nothing(filter_table(*rules), PODS) is nothing
    assert not forwards_nothing(filter_table(*rules, forward="ACCEPT"), PODS)


def test_one_kind_of_iptables_does_not_accept_for_the_other() -> None:
    accepts = filter_table("-A FORWARD -j ACCEPT", forward="ACCEPT")
    assert forwards_nothing((*accepts, *filter_table()), PODS)


@pytest.mark.parametrize(
    ("rule", "drops"),
    [
        ("-A FORWARD -s 10.244.0.0/16 -d 10.244.2.0/24 -i eth0 -p tcp -m tcp --dport 8080 -j DROP", True),
        ("-A FORWARD -d 10.244.2.7/32 -j REJECT --reject-with icmp-port-unreachable", True),
        ("-A FORWARD -d 10.245.2.7/32 -j DROP", False),
        ("-A FORWARD ! -s 10.244.0.0/16 -j DROP", False),
        ("-A FORWARD -s 0.0.0.0/0 -m conntrack --ctstate INVALID -j DROP", False),
        ("-A OUTPUT -d 10.244.2.7/32 -j DROP", False),
        ("-A FORWARD -s 10.244.0.0/16 -j ACCEPT", False),
    ],
)
def test_rules_that_drop_the_pods_packets_are_quoted(rule: str, drops: bool) -> None:
    assert drops_pods(filter_table(rule), PODS) == ([rule] if drops else [])


POLICY = "the policy of INPUT is DROP"


@pytest.mark.parametrize(
    ("rules", "policy", "dropped"),
    [
        (["-A INPUT -p udp -m udp --dport 4789 -j DROP"], "ACCEPT", ["-A INPUT -p udp -m udp --dport 4789 -j DROP"]),
        (["-A INPUT -p udp -m multiport --dports 53,4700:4800 -j REJECT"], "ACCEPT",
         ["-A INPUT -p udp -m multiport --dports 53,4700:4800 -j REJECT"]),
        (["-A INPUT -p udp -m udp --dport 8472 -j DROP"], "ACCEPT", []),
        (["-A INPUT -p tcp -m tcp --dport 4789 -j DROP"], "ACCEPT", []),
        ([], "DROP", [POLICY]),
        (["-A INPUT -i lo -j ACCEPT", "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT"], "DROP", [POLICY]),
        (["-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"], "DROP", [POLICY]),
        (["-A INPUT -p udp -m udp --dport 4789 -j ACCEPT"], "DROP", []),
        (["-A INPUT -s 192.0.2.0/24 -j ACCEPT"], "DROP", []),
    ],
)  # fmt: skip
def test_what_keeps_a_port_shut(rules: list[str], policy: str, dropped: list[str]) -> None:
    assert drops_udp(filter_table(*rules, forward="ACCEPT", input_=policy), 4789) == dropped


def test_other_tables_can_drop_too() -> None:
    rule = "-A PREROUTING -p udp -m udp --dport 4789 -j DROP"
    assert drops_udp(tables(["*raw", ":PREROUTING ACCEPT [0:0]", rule, "COMMIT"]), 4789) == [rule]
