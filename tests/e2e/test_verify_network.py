"""`verify network` on a real cluster: every node reaches every other; each planted fault is found, and no other."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.faults import damaged
from tests.e2e.network_verified import address, namespaces, node, nodes, pod_cidr, verify_network
from tests.e2e.world import PROGRAM, World
from tests.patience import LONGEST_S

pytestmark = pytest.mark.e2e

# What runs in the background of a shell ignores Ctrl-C, and so would its children.
INTERRUPTIBLE = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
REPAIR = "systemctl restart provisioner-pod-network"


def test_every_node_reaches_every_other(lab: World, tmp_path: Path) -> None:
    page, junit = tmp_path / "report.html", tmp_path / "report.xml"
    found = verify_network(lab, "--html", str(page), "--junit", str(junit))
    assert found.said.code == 0, found.said
    assert all(reach.ok for reach in found.reaches)
    paths = {reach.path: 0 for reach in found.reaches}
    for reach in found.reaches:
        paths[reach.path] += 1
    # A pod by a Service of its own node is the hairpin; each asks a Service of all nodes besides.
    count = len(nodes(lab))
    assert paths == {
        "pod-to-pod": count**2, "pod-to-service": count**2, "hairpin": count, "api-server": count,
        "machine-to-pod": count**2, "machine-to-service": count**2 + count, "node-port": count**2,
        "largest-packet": count * (count - 1),
    }  # fmt: skip
    assert {reach.text for reach in found.reaches if reach.path == "largest-packet"} == {"1500"}
    assert found.said.report["part"] == "network"
    assert "pod-to-pod" in page.read_text()
    assert "<script" not in page.read_text()
    root = ET.parse(junit).getroot()  # noqa: S314 - our own file
    cases = list(root.iter("testcase"))
    assert any("pod_reaches_pods" in case.attrib["name"] for case in cases)
    written = {entry.attrib["name"]: entry.attrib["value"] for entry in root.iter("property")}
    assert written["pod-to-pod cp1 w2"] == "ok"
    assert len(written) == len(found.reaches)
    assert namespaces(lab) == ""


def test_forward_set_to_drop(lab: World) -> None:
    rules = "".join(
        f"iptables -w -D FORWARD {way} -m comment --comment provisioner-pod-network -j ACCEPT\n"
        for way in ("-s 10.244.0.0/16 ! -d 10.96.0.0/12", "-d 10.244.0.0/16")
    )
    policy = lab.shell("w2", "iptables -w -S FORWARD | sed -n 's/-P //p'")
    with damaged(lab, "w2", f"iptables -w -P FORWARD DROP\n{rules}", f"iptables -w -P {policy}\n{REPAIR}"):
        found = verify_network(lab)
    assert found.causes == {("w2", "forward_policy")}, found.said
    assert {pair for name in nodes(lab) if name != "w2" for pair in ((name, "w2"), ("w2", name))} <= found.pairs(
        "pod-to-pod"
    )
    assert not {hole for hole in found.holes if "w2" not in hole}
    hints = {p["hint"] for p in found.said.report["problems"] if p["rule"] == "pod_reaches_pods"}
    assert all("likely cause: w2: the policy of the firewall's FORWARD chain is DROP" in hint for hint in hints)


def test_a_route_removed(lab: World) -> None:
    with damaged(lab, "w1", f"ip route delete {pod_cidr(lab, 'w2')}", REPAIR):
        found = verify_network(lab)
    assert found.causes == {("w1", "missing_route"), ("w1", "routes")}, found.said
    assert found.pairs("pod-to-pod") == {("w1", "w2"), ("w2", "w1")}
    assert {frozenset(hole[1:]) for hole in found.holes} == {frozenset({"w1", "w2"})}


def test_mtu_lowered_on_one_side(lab: World) -> None:
    with damaged(lab, "w1", "ip link set eth0 mtu 1400", "ip link set eth0 mtu 1500"):
        found = verify_network(lab)
    assert found.causes == {("w1", "mtu")}, found.said
    others = [name for name in nodes(lab) if name != "w1"]
    assert found.pairs("largest-packet") == {pair for name in others for pair in (("w1", name), (name, "w1"))}
    # The API server's large packets do not come through either, so kube-proxy may not know of the Services there.
    assert not {hole for hole in found.holes if "w1" not in hole}
    assert not found.pairs("pod-to-pod") | found.pairs("machine-to-pod")
    said = {reach.text for reach in found.reaches if reach.path == "largest-packet" and not reach.ok}
    assert said == {"packets as large as the pod's MTU (1500 bytes) do not arrive, packets of 1400 bytes do"}


def test_kube_proxy_killed(lab: World) -> None:
    """Its rules stay when it dies: what is new is not known, such as the probes' Services."""
    spec = {"nodeSelectorTerms": [{"matchExpressions": [
        {"key": "kubernetes.io/hostname", "operator": "NotIn", "values": ["w1"]}]}]}  # fmt: skip
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": spec}}

    def patch(affinity: object, strategy: str) -> None:
        change = {"spec": {"updateStrategy": {"type": strategy}, "template": {"spec": {"affinity": affinity}}}}
        lab.kubectl("-n", "kube-system", "patch", "daemonset", "kube-proxy", "-p", json.dumps(change))

    def wait(desired: int) -> None:
        there = "jsonpath={.status.currentNumberScheduled} {.status.numberReady}"
        deadline = time.monotonic() + LONGEST_S
        while lab.kubectl("-n", "kube-system", "get", "daemonset", "kube-proxy", "-o", there) != f"{desired} {desired}":
            assert time.monotonic() < deadline
            time.sleep(0.5)

    names = nodes(lab)
    try:
        patch(affinity, "OnDelete")
        wait(len(names) - 1)
        lab.shell("w1", "timeout 200 sh -c 'while grep -qx kube-proxy /proc/[0-9]*/comm; do sleep 0.2; done'")
        found = verify_network(lab)
    finally:
        patch(None, "RollingUpdate")
        wait(len(names))
    assert found.causes == {("w1", "kube_proxy")}, found.said
    assert found.pairs("node-port") >= {(name, "w1") for name in names}
    assert not {hole for hole in found.holes if "w1" not in hole}
    assert ("hairpin", "w1", "w1") in found.holes
    assert not found.pairs("pod-to-pod") | found.pairs("machine-to-pod")


def test_cni_configuration_removed(lab: World) -> None:
    with damaged(lab, "w2", "mv /etc/cni/net.d /etc/cni/away", "mv /etc/cni/away /etc/cni/net.d"):
        found = verify_network(lab)
    deadline = time.monotonic() + LONGEST_S
    while node(lab, "w2", '.status.conditions[?(@.type=="Ready")].status') != "True":
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert ("w2", "cni_configuration") in found.causes, found.said
    assert found.causes <= {("w2", "cni_configuration"), ("w2", "plug_in_configuration"), ("w2", "node_is_ready")}
    assert found.holes == set()
    assert {reach.source for reach in found.reaches} == set(nodes(lab)) - {"w2"}


@contextmanager
def overlay(lab: World, *directions: tuple[str, str], port: int = 4789) -> Iterator[None]:
    """A VXLAN of our own between w1 and w2, by which the pods' packets of these directions go."""
    try:
        for name, number in (("w1", 1), ("w2", 2)):
            lab.shell(
                name,
                # Bound to no device, it may carry as much as eth0, in fragments.
                f"ip link add ov0 address 02:00:00:00:77:0{number} type vxlan id 77 dstport {port} "
                f"local {address(lab, name)} nolearning\n"
                f"ip link set ov0 mtu 1500 up\nip address add 10.99.77.{number}/24 dev ov0\n"
                "sysctl -qw net.ipv4.conf.ov0.rp_filter=0",
            )
        for name, number, other in (("w1", 2, "w2"), ("w2", 1, "w1")):
            mac = f"02:00:00:00:77:0{number}"
            lab.shell(
                name,
                f"bridge fdb append {mac} dev ov0 dst {address(lab, other)}\n"
                f"ip neighbour replace 10.99.77.{number} lladdr {mac} dev ov0 nud permanent",
            )
        for name, other in directions:
            lab.shell(name, f"ip route replace {pod_cidr(lab, other)} via 10.99.77.{['w1', 'w2'].index(other) + 1}")
        yield
    finally:
        for name in ("w1", "w2"):
            lab.shell(name, f"ip link delete ov0 2>/dev/null || :\n{REPAIR}")


BOTH = (("w1", "w2"), ("w2", "w1"))
# Not the routes that the inventory wants, in these tests.
OTHER_ROUTES = {("w1", "routes"), ("w2", "routes")}


@pytest.mark.parametrize("port", [4789, 8472])
def test_a_vxlan_port_filtered(lab: World, port: int) -> None:
    """The port of the standard, and that of Linux, which Flannel and Cilium use."""
    rule = f"INPUT -p udp -m udp --dport {port} -j DROP"
    with overlay(lab, *BOTH, port=port), damaged(lab, "w2", f"iptables -w -I {rule}", f"iptables -w -D {rule}"):
        found = verify_network(lab)
    assert found.causes - OTHER_ROUTES == {("w2", "vxlan_port")}, found.said
    (said,) = [p["message"] for p in found.said.report["problems"] if p["rule"] == "vxlan_port"]
    assert said == f"the firewall drops UDP {port}, which ov0 needs: -A {rule}"
    assert found.pairs("pod-to-pod") == set(BOTH)


def test_a_hardware_address_changed(lab: World) -> None:
    with overlay(lab, *BOTH):
        well = verify_network(lab)
        assert well.holes == set(), well.said
        with damaged(
            lab, "w1", "ip link set ov0 address 02:00:00:00:77:ff", "ip link set ov0 address 02:00:00:00:77:01"
        ):
            changed = verify_network(lab)
    assert changed.causes - OTHER_ROUTES == {("w1", "vxlan_address")}, changed.said
    assert changed.pairs("pod-to-pod") == set(BOTH)


def test_rp_filter_with_an_asymmetric_route(lab: World) -> None:
    with overlay(lab, ("w1", "w2")):
        lab.shell("w2", "sysctl -qw net.ipv4.conf.ov0.rp_filter=1")
        found = verify_network(lab)
    assert found.causes - OTHER_ROUTES == {("w2", "rp_filter")}, found.said
    assert found.pairs("pod-to-pod") == set(BOTH)
    assert {frozenset(hole[1:]) for hole in found.holes} == {frozenset({"w1", "w2"})}


@contextmanager
def begun(lab: World) -> Iterator[subprocess.Popen[str]]:
    """A verification of the network that has its probes at work."""
    argv = [sys.executable, "-c", INTERRUPTIBLE + PROGRAM, "verify", "network", "-i", str(lab.inventory)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            if "probe" in line:
                break
        yield process


def family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in children for one in family(int(child)))]


def test_what_a_killed_verification_leaves_is_removed_by_the_next(lab: World) -> None:
    with begun(lab) as process:
        for pid in family(process.pid):
            os.kill(pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    left = namespaces(lab)
    assert left
    found = verify_network(lab)
    assert found.said.code == 0, found.said
    deadline = time.monotonic() + LONGEST_S
    while namespaces(lab):
        assert time.monotonic() < deadline
        time.sleep(0.5)


def test_ctrl_c_removes_the_probes(lab: World) -> None:
    with begun(lab) as process:
        process.send_signal(signal.SIGINT)
        assert process.stdout
        process.stdout.read()
    assert process.returncode == 130
    assert namespaces(lab) == ""


def test_two_at_once_wait_for_each_other(lab: World) -> None:
    with begun(lab) as process:
        second = verify_network(lab)
        assert process.stdout
        first = process.stdout.read()
    assert process.returncode == 0, first
    assert second.said.code == 0, second.said
    waited = [event["what"] for event in second.said.events if event.get("event") == "waiting"]
    assert any(what.startswith("another verification of this cluster by ") for what in waited), second.said
