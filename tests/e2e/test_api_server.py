"""A real API server with an audit policy, encrypted Secrets and a patch, on a control plane of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import yaml

from tests.e2e.machines import make, room_for
from tests.e2e.watching import ArgumentsWatcher
from tests.e2e.world import World

pytestmark = pytest.mark.e2e

LAB = "e2e-api"
POLICY = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "Metadata"}]}
PATCH = {"metadata": {"annotations": {"provisioner.test/patched": "yes"}}}
KEY_FILE = "/etc/kubernetes/encryption/configuration.yaml"
AUDIT_LOG = "/var/log/kubernetes/audit/audit.log"
ETCDCTL = """
etcd=$(docker ps --quiet --filter label=io.kubernetes.container.name=etcd)
pki=/etc/kubernetes/pki/etcd
docker exec "$etcd" etcdctl --cacert $pki/ca.crt --cert $pki/server.crt --key $pki/server.key get --print-value-only \
"""


@pytest.fixture(scope="module")
def alone() -> Iterator[World]:
    """One control plane, brought up with all of it; `notes` has the arguments of all processes meanwhile."""
    with room_for(LAB):
        yield _brought_up()


def _brought_up() -> World:
    world = make(LAB, workers=0)
    document = world.document()
    desired = {"audit_policy": "policy.yaml", "encryption": "secretbox", "patches": "patches"}
    document["all"]["vars"]["cluster"] |= desired
    write_policy(world, POLICY)
    patches = world.inventory.with_name("patches")
    patches.mkdir(exist_ok=True)
    (patches / "kube-scheduler+merge.yaml").write_text(yaml.safe_dump(PATCH))
    world.inventory.write_text(yaml.safe_dump(document))
    with ArgumentsWatcher() as watcher:
        up = world.json("apply", "-v")
    assert up.code == 0, up
    world.notes |= {"up": up, "arguments": watcher.seen}
    return world


def write_policy(world: World, policy: object) -> None:
    world.inventory.with_name("policy.yaml").write_text(yaml.safe_dump(policy))


def test_secrets_lie_encrypted_in_etcd_and_can_be_read(alone: World) -> None:
    alone.kubectl("create", "secret", "generic", "probe", "--from-literal=word=hunter2")
    assert alone.shell("cp1", f"{ETCDCTL} /registry/secrets/default/probe | head -c 22") == "k8s:enc:secretbox:v1:k"
    assert alone.kubectl("get", "secret", "probe", "-o", "jsonpath={.data.word}") == "aHVudGVyMg=="


def test_the_key_is_nowhere_else(alone: World) -> None:
    assert alone.shell("cp1", f"stat -c '%a %U' {KEY_FILE}") == "600 root\n"
    key = alone.shell("cp1", f"sed -n 's/.*secret: //p' {KEY_FILE}").strip()
    assert len(key) == 44
    up = alone.notes["up"]
    logs = "".join(path.read_text() for path in alone.inventory.parents[2].glob("logs/*"))
    assert key not in f"{up.stdout}{up.stderr}{logs}"
    assert not [arguments for arguments in alone.notes["arguments"] if key in arguments]


def test_what_happens_is_written_down_for_root_alone(alone: World) -> None:
    alone.kubectl("create", "namespace", "noted")
    lines = alone.shell("cp1", f'grep \'"name":"noted"\' {AUDIT_LOG}').splitlines()
    assert {json.loads(line)["verb"] for line in lines} >= {"create"}
    assert alone.shell("cp1", f"stat -c %a $(dirname {AUDIT_LOG})") == "700\n"


def test_the_patch_is_part_of_the_pod(alone: World) -> None:
    pods = json.loads(alone.kubectl("-n", "kube-system", "get", "pods", "-l", "component=kube-scheduler", "-o", "json"))
    assert pods["items"][0]["metadata"]["annotations"]["provisioner.test/patched"] == "yes"


def test_nothing_is_left_to_do(alone: World) -> None:
    plan = alone.json("plan", "--exit-code")
    assert (plan.code, plan.planned) == (0, []), plan


def test_another_policy_is_followed_and_the_key_stays(alone: World) -> None:
    before = alone.shell("cp1", f"sha256sum {KEY_FILE}")
    write_policy(alone, {**POLICY, "rules": [{"level": "None"}]})
    again = alone.json("apply")
    assert [title for _, title in again.changed] == [
        "change /etc/kubernetes/audit/policy.yaml",
        "restart kube-apiserver",
    ], again
    size = alone.shell("cp1", f"stat -c %s {AUDIT_LOG}")
    alone.kubectl("create", "namespace", "unnoted")
    assert alone.shell("cp1", f"stat -c %s {AUDIT_LOG}") == size
    assert alone.shell("cp1", f"sha256sum {KEY_FILE}") == before


def test_without_its_key_the_cluster_is_left_alone(alone: World) -> None:
    alone.shell("cp1", f"mv {KEY_FILE} /root/key")
    try:
        refused = alone.json("apply")
        assert refused.code == 3, refused
        (error,) = (event for event in refused.events if event.get("event") == "error")
        assert [problem["rule"] for problem in error["problems"]] == ["key-gone"]
    finally:
        alone.shell("cp1", f"mv /root/key {KEY_FILE}")
