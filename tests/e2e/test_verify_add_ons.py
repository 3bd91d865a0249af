"""`verify network` on a cluster with DNS and a plug-in that promises to honour NetworkPolicies: both are real, and the
tests' own, because the lab has neither CoreDNS nor a plug-in with policies.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from provisioner.labs.network import full_name
from tests.e2e import add_ons
from tests.e2e.faults import damaged
from tests.e2e.network_verified import Verified, nodes, verify_network
from tests.e2e.world import World

pytestmark = pytest.mark.e2e

KUBERNETES = "kubernetes.default.svc.cluster.local"
DNS_PATHS = {"dns-inside", "dns-outside"}
POLICY_PATHS = {"policy-allow", "policy-deny"}


@pytest.fixture(scope="module")
def named(lab: World) -> Iterator[World]:
    """The lab with a DNS server on w2, that knows a Service's name and one of the world's."""
    objects = add_ons.dns("10.96.0.10")
    known = f"{KUBERNETES}=10.96.0.1 {outside(lab)}=192.0.2.1"
    lab.shell("w2", f"mkdir -p {add_ons.PLACE}; printf '%s\\n' {known} >{add_ons.NAMES}")
    try:
        add_ons.apply(lab, objects)
        yield lab
    finally:
        add_ons.delete(lab, objects)
        lab.shell("w2", f"rm -r {add_ons.PLACE}")


def outside(lab: World) -> str:
    """A name that all machines can look up, by the engine's own DNS; with a dot: others are sought in the cluster."""
    network = full_name(lab.name)
    return f"{network}-cp1.{network}"


def verified(lab: World) -> Verified:
    return verify_network(lab, "--outside-name", outside(lab))


@contextmanager
def promising(lab: World) -> Iterator[World]:
    """The lab with an inventory whose plug-in comes from a manifest and promises to honour policies."""
    manifest = lab.inventory.with_name("agent.yaml")
    manifest.write_text(add_ons.as_json(add_ons.policy_agent()))
    network = {"type": "manifest", "manifest": manifest.name, "network_policies": True}
    with lab.changed_inventory(network=network) as path:
        yield dataclasses.replace(lab, inventory=path)
    manifest.unlink()


def heard(found: Verified, paths: set[str]) -> list[tuple[str, str, bool]]:
    return [(reach.path, reach.source, reach.ok) for reach in found.reaches if reach.path in paths]


def test_names_are_looked_up_and_policies_kept(named: World) -> None:
    agent = add_ons.policy_agent()
    try:
        add_ons.apply(named, agent)
        with promising(named) as lab:
            found = verified(lab)
    finally:
        add_ons.delete(named, agent)
        add_ons.unfiltered(named)
    assert found.said.code == 0, found.said
    names = nodes(named)
    assert sorted(heard(found, DNS_PATHS)) == sorted((path, name, True) for path in DNS_PATHS for name in names)
    every_pair = [(path, name, True) for path in POLICY_PATHS for name in names for _ in names[1:]]
    assert sorted(heard(found, POLICY_PATHS)) == sorted(every_pair)


def test_a_policy_that_is_not_kept(lab: World) -> None:
    """The bridge plug-in keeps none."""
    with promising(lab) as promised:
        found = verify_network(promised)
    names = nodes(lab)
    assert found.causes == {("cluster", "plug_in_runs"), *((name, "policies_deny") for name in names)}, found.said
    assert {hole[0] for hole in found.holes} == {"policy-deny"}
    said = {reach.text for reach in found.reaches if reach.path == "policy-deny"}
    assert said == {"a policy denies it, but there is an answer"}


def patched(lab: World, selector: str) -> None:
    patch = f'{{"spec":{{"selector":{selector}}}}}'
    lab.kubectl("-n", "kube-system", "patch", "service", "kube-dns", "-p", patch)


def test_no_server_behind_the_service(named: World) -> None:
    patched(named, '{"gone":"yes"}')
    try:
        found = verified(named)
    finally:
        patched(named, '{"gone":null}')
    everywhere = {(name, rule) for name in nodes(named) for rule in ("dns", "names_of_the_world")}
    assert found.causes == {("cluster", "dns_servers"), *everywhere}, found.said
    assert {hole[0] for hole in found.holes} == DNS_PATHS


def test_a_wrong_answer(named: World) -> None:
    right, wrong = f"{KUBERNETES}=10.96.0.1$", f"{KUBERNETES}=10.96.0.17"
    change = f"sed -i 's/{{}}/{{}}/' {add_ons.NAMES}"
    with damaged(named, "w2", change.format(right, wrong), change.format(wrong, right.rstrip("$"))):
        found = verified(named)
    assert found.causes == {("cluster", "dns_answer"), *((name, "dns") for name in nodes(named))}, found.said
    assert {reach.text for reach in found.reaches if not reach.ok} == {f"{KUBERNETES} is 10.96.0.17 and not 10.96.0.1"}


def test_udp_53_filtered(named: World) -> None:
    rule = "FORWARD -p udp -m udp --dport 53 -j DROP"
    with damaged(named, "w1", f"iptables -w -I {rule}", f"iptables -w -D {rule}"):
        found = verified(named)
    assert found.causes == {("w1", "dns_filtered"), ("w1", "dns"), ("w1", "names_of_the_world")}, found.said
    hints = {problem["hint"] for problem in found.said.report["problems"] if problem["rule"] == "dns"}
    assert all("likely cause: w1: the firewall drops UDP 53" in hint for hint in hints)
    assert {hole[1] for hole in found.holes} == {"w1"}
