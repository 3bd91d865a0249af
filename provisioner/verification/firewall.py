"""What a firewall does with the pods' packets, read from what `iptables-save` prints. Pure.

Only what is certain counts: a rule with conditions that are not understood here neither accepts nor drops.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network

# Devices that only pods' packets use: of the bridge plug-in, Calico, Flannel, kube-router, Weave and Cilium.
_PODS_DEVICES = ("cni", "cali", "flannel", "kube-bridge", "weave", "lxc", "cilium")
# Chains in which Calico, Cilium, Weave and kube-router decide by marks and sets, which are not understood here.
_PLUG_INS_CHAINS = ("cali-", "CILIUM_", "WEAVE", "KUBE-ROUTER-")
_REFUSING = frozenset({"DROP", "REJECT"})
# A rule with any other option has conditions that are not understood here.
_UNDERSTOOD = frozenset({"-m", "--comment", "-j", "-s", "-d", "-i", "-o", "-p", "--dport", "--dports", "--reject-with"})


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a chain: `options` are its conditions and target, `negated` those after a `!`."""

    chain: str
    options: Mapping[str, str]
    negated: frozenset[str] = frozenset()
    text: str = ""

    @property
    def target(self) -> str:
        """ACCEPT, DROP, another chain, ..."""
        return self.options.get("-j") or self.options.get("-g", "")

    @property
    def plain(self) -> bool:
        """All its conditions are understood here."""
        return not self.negated and set(self.options) <= _UNDERSTOOD


@dataclass(frozen=True, slots=True)
class Table:
    """A table of one kind of iptables."""

    name: str
    policies: Mapping[str, str]
    rules: tuple[Rule, ...]


def tables(lines: Iterable[str]) -> tuple[Table, ...]:
    """The tables in what one or both kinds of `iptables-save` print."""
    blocks: list[list[str]] = []
    for line in lines:
        if line.startswith("*"):
            blocks.append([line])
        elif blocks and line.startswith((":", "-A ")):
            blocks[-1].append(line)
    return tuple(_table(block) for block in blocks)


def _table(lines: list[str]) -> Table:
    chains = (line[1:].split() for line in lines if line.startswith(":"))
    policies = {words[0]: words[1] for words in chains if len(words) > 1 and words[1] != "-"}
    return Table(lines[0][1:].strip(), policies, tuple(rule(line) for line in lines if line.startswith("-A ")))


def rule(line: str) -> Rule:
    """`-A FORWARD -s 10.244.0.0/16 -j ACCEPT` as a value."""
    words = shlex.split(line)
    options: dict[str, str] = {}
    negated: set[str] = set()
    for place, word in enumerate(words[2:], start=2):
        if word.startswith("-"):
            following = words[place + 1] if place + 1 < len(words) else ""
            options[word] = "" if following.startswith("-") or following == "!" else following
            if words[place - 1] == "!":
                negated.add(word)
    return Rule(words[1], options, frozenset(negated), line)


def _reached(table: Table, start: str) -> Iterator[Rule]:
    """The rules of a chain and of all chains that it leads to."""
    left, known = [start], {start}
    while left:
        chain = left.pop(0)
        for found in table.rules:
            if found.chain == chain:
                yield found
                if found.target not in known:
                    known.add(found.target)
                    left.append(found.target)


def forwards_nothing(found: Iterable[Table], pods: IPv4Network) -> bool:
    """FORWARD drops what no rule accepts, and no rule accepts the pods' packets."""
    closed = (table for table in found if table.name == "filter" and table.policies.get("FORWARD") in _REFUSING)
    return any(not any(_may_accept(rule, pods) for rule in _reached(table, "FORWARD")) for table in closed)


def _may_accept(rule: Rule, pods: IPv4Network) -> bool:
    return rule.target.startswith(_PLUG_INS_CHAINS) or _accepts(rule, pods)


def _accepts(rule: Rule, pods: IPv4Network) -> bool:
    if rule.target != "ACCEPT" or not rule.plain:
        return False
    network = rule.options.get("-s") or rule.options.get("-d")
    device = rule.options.get("-i") or rule.options.get("-o")
    if network:
        return pods.subnet_of(IPv4Network(network, strict=False))
    return device.startswith(_PODS_DEVICES) if device else "-p" not in rule.options


def drops_pods(found: Iterable[Table], pods: IPv4Network) -> list[str]:
    """Rules that drop or reject packets from or to the pods, as they are written."""
    starts = ("FORWARD", "PREROUTING", "INPUT")
    rules = (rule for table in found for start in starts for rule in _reached(table, start))
    return list(dict.fromkeys(rule.text for rule in rules if rule.target in _REFUSING and _names(rule, pods)))


def _names(rule: Rule, pods: IPv4Network) -> bool:
    networks = (rule.options[option] for option in ("-s", "-d") if option in rule.options.keys() - rule.negated)
    return any(IPv4Network(network, strict=False).overlaps(pods) for network in networks if network != "0.0.0.0/0")


def drops_udp(found: Iterable[Table], port: int) -> list[str]:
    """What blocks UDP packets to that port: rules as they are written, or the policy."""
    found = tuple(found)
    explicit = refuses_udp(found, port, ("INPUT", "PREROUTING", "OUTPUT"))
    closed = (table for table in found if table.name == "filter" and table.policies.get("INPUT") in _REFUSING)
    silent = any(not any(_lets_in(rule, port) for rule in _reached(table, "INPUT")) for table in closed)
    return list(dict.fromkeys([*explicit, *(["the policy of INPUT is DROP"] if silent else [])]))


def refuses_udp(found: Iterable[Table], port: int, starts: Iterable[str]) -> list[str]:
    """Rules that drop or reject UDP packets to that port, on the way that begins with these chains."""
    rules = (rule for table in found for start in starts for rule in _reached(table, start))
    return list(dict.fromkeys(rule.text for rule in rules if rule.target in _REFUSING and _is_udp(rule, port)))


def _is_udp(rule: Rule, port: int) -> bool:
    desired = rule.options.get("--dport") or rule.options.get("--dports", "")
    return rule.options.get("-p") == "udp" and any(_within(part, port) for part in desired.split(","))


def _within(part: str, port: int) -> bool:
    first, _, last = part.partition(":")
    return first.isdigit() and int(first) <= port <= int(last or first)


def _lets_in(rule: Rule, port: int) -> bool:
    if rule.target != "ACCEPT" or not rule.plain or rule.options.get("-i") == "lo":
        return False
    ports = rule.options.keys() & {"--dport", "--dports"}
    return _is_udp(rule, port) if ports else rule.options.get("-p", "udp") == "udp"
