"""What `inventory show` prints is itself an inventory of the same cluster."""

from __future__ import annotations

import json
import tempfile
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as some

from provisioner.inventory.loader import load
from provisioner.inventory.show import as_ansible
from tests.unit.inventory.conftest import Write

WORD = some.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)
MIRROR = WORD.map(lambda word: f"https://{word}.example")
VALUE = some.text("abc.XYZ 019:{}'\"#-~é\n", max_size=8)
GROUP = some.sampled_from(["rack1", "rack2", "etcd", "Zone-A"])
ARGUMENTS = some.dictionaries(WORD, VALUE.filter(lambda text: "{{" not in text), max_size=2)


def optional(**fields: some.SearchStrategy[Any]) -> some.SearchStrategy[dict[str, Any]]:
    return some.fixed_dictionaries({}, optional=fields)


HOST = optional(
    ansible_user=some.just("root"),
    ansible_become=some.booleans(),
    node_labels=some.dictionaries(WORD, WORD, max_size=2),
    node_taints=some.lists(some.builds("{}={}:NoExecute".format, WORD, WORD), max_size=2),
    kubelet_extra_args=some.dictionaries(WORD, some.text("abc019:#-=,é", max_size=8), max_size=2),
)
SETTINGS = optional(
    name=WORD,
    nested=some.booleans(),
    extra_sans=some.lists(WORD, max_size=2),
    api_server_extra_args=ARGUMENTS,
    control_plane_endpoint=some.builds("{}:{}".format, WORD, some.integers(1, 65535)),
    runtime=optional(log_max_size=some.sampled_from(["10m", "1g"]), registry_mirrors=some.lists(MIRROR)),
    network=optional(mtu=some.integers(576, 9000)),
    ssh=optional(parallel=some.integers(1, 500), jump_host=WORD, known_hosts=WORD),
)


@some.composite
def inventories(draw: some.DrawFn) -> dict[str, Any]:
    """A valid inventory: control planes with an endpoint, workers in groups, every host at an address of its own."""
    count = draw(some.integers(1, 6))
    cluster = {"control_plane_endpoint": "api", **draw(SETTINGS), "kubernetes_version": "1.20.2"}
    groups: dict[str, Any] = {}
    for number in range(count):
        address = str(IPv4Address("192.0.2.1") + number)
        host = {f"h{number}": {"ansible_host": address, "ansible_port": 22 + number, **draw(HOST)}}
        role = "control_plane" if number == 0 else draw(some.sampled_from(["control_plane", "kube_node", "workers"]))
        groups.setdefault(role, {"hosts": {}})["hosts"].update(host)
        for group in draw(some.sets(GROUP)):
            groups.setdefault(group, {"hosts": {}})["hosts"][f"h{number}"] = None
    return {"all": {"vars": {"cluster": cluster}, "children": groups}}


@settings(max_examples=40, deadline=None)
@given(inventories())
def test_shown_and_loaded_again_it_is_the_same_cluster(inventory: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "inventory.yaml"
        path.write_text(yaml.safe_dump(inventory, sort_keys=False, allow_unicode=True))
        cluster = load(path)
        path.write_text(yaml.safe_dump(json.loads(json.dumps(as_ansible(cluster))), sort_keys=False))
        assert load(path) == cluster


def test_defaults_and_merged_variables_are_filled_in(write: Write) -> None:
    path = write(
        "all:\n  vars:\n    ansible_user: root\n    cluster: {kubernetes_version: v1.20.2}\n"
        "  children:\n    control_plane: {hosts: {cp1: {ansible_host: 192.0.2.1}}}\n"
    )
    shown = as_ansible(load(path))["all"]
    assert shown["vars"]["cluster"]["kubernetes_version"] == "1.20.2"
    assert shown["vars"]["cluster"]["pod_cidr"] == "10.244.0.0/16"
    assert shown["hosts"]["cp1"]["ansible_user"] == "root"
    assert shown["hosts"]["cp1"]["ansible_become"] is False
    # What the inventory does not say, SSH chooses: there may be a Port in ~/.ssh/config.
    assert "ansible_port" not in shown["hosts"]["cp1"]
    assert shown["children"] == {"control_plane": {"hosts": {"cp1": {}}}}
