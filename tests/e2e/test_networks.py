"""Network plug-ins on a real cluster: every manifest of the catalog taken by a real API server, one plug-in in the
place of another, and what cannot be is said quickly.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from provisioner.catalog.networks import RELEASES, NetworkRelease
from provisioner.core.objects import Object, Objects, name_of
from provisioner.plays.network import patched
from provisioner.resources.kubectl import Manifest
from provisioner.world import lock
from tests.builders import ok
from tests.conftest import Tally
from tests.e2e.asking import asked
from tests.e2e.machines import fresh
from tests.e2e.running import Running
from tests.e2e.world import Said, World
from tests.golden.test_networks import WAYS, wanting
from tests.networks.manifests import file_of, objects_of
from tests.patience import LONGEST_S

pytestmark = pytest.mark.e2e

LAB = "e2e-plug-ins"
CNI = "/etc/cni/net.d"
# Kinds that this API server (1.20) does not have as Calico 3.31, made for 1.32 and later, writes them.
TOO_NEW = ("CustomResourceDefinition", "PodDisruptionBudget")
# A network plug-in of the tests' own, as small as can be: each node hands out a network that its own address says, and
# has a route to those of the others. Its image is the bundle's probe, which has a shell and `ip`.
START = """
part() { echo "10.244.$((100 + ${1##*.})).0/24"; }
file=/host/10-tiny.conflist
cat >$file.new <<END
{"cniVersion": "0.4.0", "name": "tiny", "plugins": [{"type": "bridge", "bridge": "tiny0", "isDefaultGateway": true,
 "hairpinMode": true, "ipam": {"type": "host-local", "ranges": [[{"subnet": "$(part $NODE)"}]]}}]}
END
# Docker drops what is forwarded, unless it is told; the machine's own iptables does that.
for way in -s -d; do
  chroot /node iptables -w 30 -C FORWARD $way 10.244.0.0/16 -j ACCEPT 2>/dev/null ||
    chroot /node iptables -w 30 -I FORWARD $way 10.244.0.0/16 -j ACCEPT
done
for other in $OTHERS; do
  if [ $other != $NODE ]; then ip route replace $(part $other) via $other; fi
done
mv $file.new $file
while :; do sleep 3600; done
"""


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A cluster with the `bridge` network."""
    with fresh(LAB, workers=1) as world:
        up = world.json("apply")
        assert up.code == 0, up
        yield world


def problems(said: Said) -> dict[str, str]:
    """The findings, by rule."""
    (error,) = (event for event in said.events if event.get("event") == "error")
    return {problem["rule"]: f"{problem['where']}: {problem['message']}" for problem in error["problems"]}


def piped(world: World, manifest: str, words: str) -> str:
    """kubectl on the control plane with a manifest as its input."""
    end = "END_OF_THE_MANIFEST"
    return world.shell("cp1", f"kubectl --kubeconfig /etc/kubernetes/admin.conf {words} <<'{end}'\n{manifest}\n{end}\n")


def stored(world: World, item: Object) -> Object:
    """An object as the API server gives it back."""
    metadata = item["metadata"]
    place = ("-n", metadata["namespace"]) if metadata.get("namespace") else ()
    found: Object = json.loads(world.kubectl(*place, "get", item["kind"], metadata["name"], "-o", "json"))
    return found


@pytest.mark.parametrize("row", RELEASES, ids=lambda row: row.file)
def test_a_patched_manifest_is_taken_by_a_real_api_server(world: World, row: NetworkRelease) -> None:
    objects = patched(wanting(row, {**WAYS[row.plug_in, row.variant], "mtu": 1400}), objects_of(row))
    items = tuple(item for item in objects.items if row.plug_in != "calico" or item["kind"] not in TOO_NEW)
    manifest = Manifest(row.file, Objects(objects.origin, items).as_json(), objects.namespaces)
    try:
        piped(world, manifest.text, "apply --server-side --force-conflicts --field-manager=provisioner -f -")
        again = piped(
            world, manifest.text, "diff --server-side --force-conflicts --field-manager=provisioner -f - || :"
        )
        assert manifest.diff(ok(again), set()) is None
        read_back(world, row, items)
    finally:
        piped(world, manifest.text, "delete --wait=false --ignore-not-found -f -")


def read_back(world: World, row: NetworkRelease, items: tuple[Object, ...]) -> None:
    """The values that were desired are those that the API server has."""
    (daemon_set,) = (item for item in items if item["kind"] == "DaemonSet")
    has = stored(world, daemon_set)
    assert has["metadata"]["labels"]["provisioner/network"] == row.plug_in
    spec = has["spec"]["template"]["spec"]
    images = {container["image"] for container in (*spec.get("initContainers", ()), *spec["containers"])}
    assert images <= set(row.images)
    told = json.dumps([stored(world, item) for item in items if item["kind"] == "ConfigMap"]) + json.dumps(has)
    assert "1400" in told
    if row.plug_in == "kube-router":
        assert "--service-cluster-ip-range=10.96.0.0/12" in told
    else:
        assert "10.32.0.0/16" in told
    where = {"calico": "kubernetes-internal-ip", "flannel": "--iface=$(NODE_ADDRESS)"}
    assert where.get(row.plug_in, "") in told
    namespace = "kube-flannel" if row.file.startswith("flannel-0.28") else "kube-system"
    assert name_of(has).startswith(f"DaemonSet {namespace}/")


def orphans(world: World) -> list[tuple[str, str]]:
    """Pods of DaemonSets that the tests have deleted, by namespace and name; a drain rightly refuses them."""
    pods = json.loads(world.kubectl("get", "pods", "--all-namespaces", "-o", "json"))["items"]
    owners = ((pod["metadata"], pod["metadata"].get("ownerReferences", [{}])[0]) for pod in pods)
    named = ((pod, owner.get("name")) for pod, owner in owners if owner.get("kind") == "DaemonSet")
    return [(pod["namespace"], pod["name"]) for pod, name in named if name != "kube-proxy"]


def remove_orphans(world: World) -> None:
    """By name: the garbage collector waits for kinds of the deleted manifests that it has learned of just now."""
    deadline_s = time.monotonic() + LONGEST_S
    while left := orphans(world):
        assert time.monotonic() < deadline_s, left
        for namespace, pod in left:
            world.kubectl("-n", namespace, "delete", "pod", pod, "--ignore-not-found", "--grace-period=1")


def test_an_image_that_cannot_be_had_is_said_at_once(world: World) -> None:
    row = next(row for row in RELEASES if row.plug_in == "flannel")
    with world.changed_inventory(network={"type": "flannel", "manifest": str(file_of(row))}) as path:
        said = world.json("apply", "-i", str(path))
    assert said.code == 3, said
    assert "image ghcr.io/flannel-io/flannel" in problems(said)["image-missing"]
    assert "is not in the bundle" in problems(said)["image-missing"]
    assert "10-bridge.conflist is left from bridge" in problems(said)["other-network"]


def test_leftovers_of_another_plug_in_are_refused(world: World) -> None:
    world.shell("w1", f"echo '{{}}' >{CNI}/10-calico.conflist")
    try:
        said = world.json("apply")
        assert said.code == 3, said
        assert "w1: /etc/cni/net.d/10-calico.conflist is left from calico" in problems(said)["other-network"]
    finally:
        world.shell("w1", f"rm {CNI}/10-calico.conflist")


def test_one_plug_in_takes_another_s_place(world: World, tally: Tally) -> None:
    """Node after node, killed once; a Deployment with a budget is asked meanwhile, from both nodes."""
    remove_orphans(world)
    # Two nodes that pods may run on: what is drained from one finds room on the other.
    world.kubectl("taint", "nodes", "cp1", "node-role.kubernetes.io/master-")
    want(world)
    refused = world.json("apply")
    assert refused.code == 3, refused
    shown = world.json("network replace", "--plan")
    assert ("w1", "drain") in shown.planned, shown
    unasked = world.json("network replace")
    assert unasked.code == 2, unasked
    with asked(world, ("cp1", "w1")) as seen:
        with Running("network replace", world.inventory, "--yes") as run:
            run.step("w1", "remove what bridge has left")
            run.kill()
        assert "network replace" in world.shell("cp1", f"cat {lock.PATH}")
        done = world.json("network replace", "--yes")
        assert done.code == 0, done
        world.kubectl("rollout", "status", "deployment/asked", f"--timeout={LONGEST_S}s")
    assert min(count for _, count, _ in seen.counts) >= 1, "fewer Ready pods than the budget says"
    drains = [host for host, title in done.changed if title == "drain"]
    assert drains == ["cp1"], "w1 was drained by the run that was killed"
    for client in ("cp1", "w1"):
        for beside, where in ((True, "on the pod's node"), (False, "on another node")):
            tally(
                f"ms without an answer for a client {where} ({client})",
                round(1000 * seen.longest_gap_s(client, beside=beside)),
            )
    for machine in world.machines:
        assert world.shell(machine, f"ls {CNI}").split() == ["10-tiny.conflist"]
        left = "ip -4 route show proto 112; iptables-save | grep -c provisioner-pod-network || :; ls /sys/class/net"
        told = world.shell(machine, left).split()
        assert told[0] == "0", told
        assert "cni0" not in told
    items = json.loads(world.kubectl("get", "nodes", "-o", "json"))["items"]
    assert not [node["metadata"]["name"] for node in items if node["spec"].get("unschedulable")]
    assert not [node for node in items if "provisioner/network" in node["metadata"]["labels"]]


def test_then_nothing_is_left_to_do_and_pods_reach_each_other(world: World) -> None:
    plan = world.json("plan", "--exit-code")
    assert (plan.code, plan.planned) == (0, []), plan
    again = world.json("network replace", "--yes")
    assert (again.code, again.report["changed"]) == (0, 0), again
    verify = world.json("verify")
    assert verify.code == 0, verify


def test_an_image_that_no_registry_gives_ends_the_wait_long_before_its_deadline(world: World) -> None:
    want(world, image="mirror.example/nothing:1", images="registry")
    said = world.json("apply")
    assert said.code == 5, said
    assert "it will not become ready" in str(said)
    want(world)
    fixed = world.json("apply")
    assert fixed.code == 0, fixed


def want(world: World, image: str = "provisioner/probe:1", **cluster: Any) -> None:
    """The tests' own plug-in in the inventory, with its manifest beside it."""
    addresses = world.kubectl("get", "nodes", "-o", "jsonpath={.items[*].status.addresses[0].address}")
    world.inventory.with_name("tiny.yaml").write_text(json.dumps(tiny(image, addresses)))
    document = world.document()
    settings = document["all"]["vars"]["cluster"]
    settings.pop("images", None)
    settings |= {"network": {"type": "manifest", "manifest": "tiny.yaml"}, **cluster}
    world.inventory.write_text(json.dumps(document))


def tiny(image: str, addresses: str) -> Object:
    """Its manifest."""
    own = {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}}
    container = {
        "name": "tiny",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-ec", START],
        "env": [own, {"name": "OTHERS", "value": addresses}],
        "securityContext": {"privileged": True},
        "readinessProbe": {"exec": {"command": ["ls", "/host/10-tiny.conflist"]}, "periodSeconds": 1},
        "volumeMounts": [{"name": "host", "mountPath": "/host"}, {"name": "node", "mountPath": "/node"}],
    }
    pod = {
        "hostNetwork": True,
        "terminationGracePeriodSeconds": 0,
        "tolerations": [{"operator": "Exists"}],
        "containers": [container],
        "volumes": [{"name": "host", "hostPath": {"path": CNI}}, {"name": "node", "hostPath": {"path": "/"}}],
    }
    labels = {"app": "tiny"}
    template = {"metadata": {"labels": labels}, "spec": pod}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"namespace": "kube-system", "name": "tiny"},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }
