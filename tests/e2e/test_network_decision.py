"""Machines as VirtualBox makes them: the same NAT address on all first, and a network of 1400-byte packets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Any

import pytest
import yaml

from provisioner.core.report import ignore
from provisioner.labs import container
from provisioner.labs.spec import LabSpec
from provisioner.world.network import RECORD
from tests.e2e.machines import room_for
from tests.e2e.world import Said, World, provisioner
from tests.patience import LONGEST_S

pytestmark = pytest.mark.e2e

LAB = "e2e-network"
# From the range that Calico takes for pods unless it is configured otherwise.
SPEC = LabSpec(LAB, workers=1, subnet=IPv4Network("192.168.233.0/24"), nat=True, mtu=1400, ssh_port=23022)
# A name that no name server knows.
NAME = "api.network.example"
ADDRESSES = {"cp1": "192.168.233.11", "w1": "192.168.233.129"}


@pytest.fixture(scope="module")
def made() -> Iterator[World]:
    """Two machines that are reached through ports of this one, so that nothing says what their addresses are."""
    with room_for(LAB):
        path = container.up(SPEC, ignore).inventory
        document = yaml.safe_load(path.read_text())
        for group in document["all"]["children"].values():
            for host in group["hosts"].values():
                del host["node_ip"]
        document["all"]["vars"]["cluster"]["control_plane_endpoint"] = f"{NAME}:6443"
        path.write_text(yaml.safe_dump(document))
        yield World(LAB, path, ["cp1", "w1"])


@pytest.fixture(scope="module")
def lab(made: World) -> World:
    """The cluster on them."""
    up = made.json("apply")
    assert up.code == 0, up
    made.notes = {"up": up}
    return made


def _refused(said: Said, *words: str) -> None:
    (error,) = [event for event in said.events if event.get("event") == "error"]
    text = json.dumps(error)
    assert said.code == 3, said
    assert all(word in text for word in words), said


def _shown(world: World, *arguments: str) -> list[dict[str, Any]]:
    said = provisioner("network", "show", "-i", str(world.inventory), "--json", *arguments)
    assert said.code == 0, said
    return said.events


def test_calicos_usual_network_is_refused_with_another_and_nothing_was_changed(made: World) -> None:
    with made.changed_inventory(pod_cidr="192.168.0.0/16") as path:
        _refused(made.json("apply", "-i", str(path)), "192.168.233.0/24", "eth1", "pod_cidr: 10.244.0.0/16")
    assert made.shell("w1", f"ls {RECORD} /etc/modules-load.d/provisioner.conf 2>&1 || :").count("No such file") == 2


def test_an_interface_that_no_machine_has_is_refused(made: World) -> None:
    document = made.document()
    document["all"]["vars"]["node_interface"] = "eth7"
    with made.other_inventory(document) as path:
        _refused(made.json("apply", "-i", str(path)), "no host has an interface eth7", "eth0, eth1")


def test_the_second_interface_is_chosen_and_everything_says_so(lab: World) -> None:
    addresses = lab.kubectl(
        "get", "nodes", "-o", 'jsonpath={.items[*].status.addresses[?(@.type=="InternalIP")].address}'
    )
    assert addresses.split() == list(ADDRESSES.values())
    certificate = lab.shell("cp1", "openssl x509 -noout -ext subjectAltName -in /etc/kubernetes/pki/apiserver.crt")
    assert f"IP Address:{ADDRESSES['cp1']}" in certificate
    assert "10.0.2.15" not in certificate
    assert f"--advertise-address={ADDRESSES['cp1']}" in lab.shell(
        "cp1", "cat /etc/kubernetes/manifests/kube-apiserver.yaml"
    )
    for machine, address in ADDRESSES.items():
        assert "default via 10.0.2.2 dev eth0" in lab.shell(machine, "ip route"), "the way out leads elsewhere"
        record = json.loads(lab.shell(machine, f"cat {RECORD}"))
        assert (record["interface"], record["address"], record["mtu"]) == ("eth1", f"{address}/24", 1400)
        other = next(name for name in ADDRESSES if name != machine)
        assert f"not eth0 10.0.2.15: {other} has it too" in record["reasons"]


def test_pods_get_the_packets_that_pass_and_the_cluster_verifies(lab: World) -> None:
    lab.kubectl("run", "pod", "--image=provisioner/probe:1", "--restart=Never", "--", "sleep", "600")
    lab.kubectl("wait", "pod/pod", "--for=condition=Ready", f"--timeout={LONGEST_S}s")
    assert lab.kubectl("exec", "pod", "--", "cat", "/sys/class/net/eth0/mtu") == "1400\n"
    assert lab.shell("w1", "cat /sys/class/net/cni0/mtu") == "1400\n"
    lab.kubectl("delete", "pod", "pod", "--grace-period=1")
    verify = lab.json("verify")
    assert verify.code == 0, verify


def test_a_service_without_endpoints_refuses_pods(lab: World) -> None:
    """Rather than that their packets leave the cluster by the machine's way out."""
    lab.kubectl("create", "service", "clusterip", "nobody", "--tcp=80")
    lab.kubectl("run", "asker", "--image=provisioner/probe:1", "--restart=Never", "--", "sleep", "600")
    try:
        lab.kubectl("wait", "pod/asker", "--for=condition=Ready", f"--timeout={LONGEST_S}s")
        address = lab.kubectl("get", "service", "nobody", "-o", "jsonpath={.spec.clusterIP}")
        said = lab.kubectl("exec", "asker", "--", "sh", "-c", f"timeout 8 wget -q -O- http://{address} 2>&1 || :")
        assert "refused" in said
    finally:
        lab.kubectl("delete", "service/nobody", "pod/asker", "--grace-period=1")


def test_the_name_of_the_api_server_leads_to_it_on_every_machine(lab: World) -> None:
    for machine in lab.machines:
        assert lab.shell(machine, f"getent ahostsv4 {NAME}").split()[0] == ADDRESSES["cp1"]
        assert f"server: https://{NAME}:6443" in lab.shell(machine, "cat /etc/kubernetes/kubelet.conf")


def test_a_second_run_measures_nothing(lab: World) -> None:
    again = lab.json("apply")
    assert (again.code, again.report["changed"]) == (0, 0), again
    assert {told["round_trips"] for told in again.report["hosts"].values()} == {2}


def test_what_was_decided_is_shown_with_its_reasons(lab: World) -> None:
    rows = {event["host"]: event for event in _shown(lab) if "reasons" in event}
    assert {name: (row["interface"], row["mtu"], row["state"]) for name, row in rows.items()} == dict.fromkeys(
        ADDRESSES, ("eth1", 1400, "in use")
    )
    measured = [event for event in _shown(lab, "--measure") if "from" in event]
    assert sorted((way["from"], way["to"], way["mtu"]) for way in measured) == [
        ("cp1", ADDRESSES["w1"], 1400),
        ("w1", ADDRESSES["cp1"], 1400),
    ]


def test_a_way_that_is_narrower_than_the_interfaces_is_measured(lab: World) -> None:
    """Packets above 1300 bytes are dropped silently, as a tunnel or a firewall in between does it."""
    rule = "OUTPUT -p icmp -m length --length 1301:65535 -j DROP"
    lab.shell("w1", f"iptables -I {rule}")
    try:
        measured = [event for event in _shown(lab, "--measure") if "from" in event]
    finally:
        lab.shell("w1", f"iptables -D {rule}")
    assert {way["mtu"] for way in measured} == {1300}


def test_without_ping_the_machines_probe_a_port_and_say_that_packets_were_not_measured(lab: World) -> None:
    for machine in lab.machines:
        lab.shell(machine, "mv /bin/ping /bin/ping.away")
    try:
        measured = [event for event in _shown(lab, "--measure") if "from" in event]
    finally:
        for machine in lab.machines:
            lab.shell(machine, "mv /bin/ping.away /bin/ping")
    assert [(way["reached"], way["mtu"]) for way in measured] == [(True, None)] * 2


def test_what_contradicts_the_decision_is_explained_and_nothing_flips(lab: World) -> None:
    """As after a DHCP lease that gave the node another address."""
    record = lab.shell("w1", f"cat {RECORD}")
    lab.shell("w1", f"sed -i s/{ADDRESSES['w1']}/192.168.233.77/ {RECORD}")
    try:
        _refused(lab.json("apply"), "was made with 192.168.233.77 on eth1", "eth1 has 192.168.233.129 now")
    finally:
        lab.shell("w1", f"cat >{RECORD} <<'END'\n{record}END")
    assert lab.json("plan", "--exit-code").code == 0
