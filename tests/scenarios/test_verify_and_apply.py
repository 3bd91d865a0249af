"""What `verify` can find, `apply` fixes, or the finding's hint says what to do by hand: each check has its pair."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import provisioner.verification.suite as suite
from tests.builders import cluster, host
from tests.fake.world import World
from tests.scenarios.drift import DRIFTS

# By check: what happens to a machine (`drift.py`) that this check would find. `apply` plans something, and it is gone.
FIXED = {
    "kernel: modules": ("the modules are unloaded", "the modules' file is gone"),
    "kernel: settings": ("a setting is another",),
    "kernel: settings_at_boot": (
        "a file is gone",
        "a later file undoes a setting",
        "a package's file undoes a setting",
    ),
    "kernel: swap": ("swap is on",),
    "files: secrets_are_closed": ("a kubeconfig can be read by all", "a key belongs to a user"),
    "files: nobody_else_may_write": ("a certificate can be changed by all",),
    "packages: kubernetes_version": ("a package has another version", "kubectl is gone"),
    "packages: container_engine": ("the engine is gone",),
    "packages: network_plug_ins": ("the plug-ins' package is gone",),
    "packages: holds": ("a package is not held",),
    "services: container_engine_runs": ("Docker is stopped", "Docker is disabled"),
    "services: cgroup_driver": ("Docker's file was edited",),
    "services: kubelet_runs": ("the kubelet is stopped", "the kubelet is disabled"),
    "services: kubelet_healthy": ("the kubelet is stopped",),
    "services: kubelet_listens": ("the kubelet is stopped",),
    "kubernetes: labels_and_taints": ("a label was changed", "a taint was set"),
    "kubernetes: no_tokens_left": ("a token was left",),
    "kubernetes: nodes_are_the_inventory": ("the node was deleted",),
    "network: plug_in_configuration": ("a network file is gone",),
    "network: bridge": ("the bridge has an old address",),
    "network: routes": ("a route is gone",),
    "network: routes_last": ("the routes are disabled", "a unit was edited"),
}
# By check: words of its hint, for what no step fixes.
BY_HAND = {
    "machine: answers": "answer.hint",
    "machine: is_root": "set `ansible_become: true`",
    "machine: clock": "synchronise it with chrony or systemd-timesyncd",
    "files: node_files": "`kubeadm reset` there, and `provisioner apply` joins it again",
    "files: certificates": "`kubeadm certs renew all`",
    "control_plane: manifests": "restore it from a backup",
    "control_plane: keys": "restore it from a backup",
    "control_plane: ports": "shows the component's container",
    "control_plane: api_server": "shows the component's container",
    "kubernetes: api_answers": "is the kubelet running there?",
    "kubernetes: nodes_are_the_inventory": "`kubectl delete node`",
    "kubernetes: node_is_ready": "`kubectl describe node",
    "kubernetes: node_uses_the_engine": "`kubeadm reset` there",
    "kubernetes: network_as_decided": "give the host that address and MTU again",
    "system_pods: system_pods": "describe pod NAME",
    "services: kubelet_healthy": "journalctl -u kubelet",
    "services: kubelet_listens": "journalctl -u kubelet",
    "network: plug_in_configuration": "move away a file of another network",
    "network: plug_in_runs": "`kubectl describe` shows what they wait for",
    "network: probe": "journalctl -u kubelet",
    "network: probes_come_and_go": "survey.trouble",
    "network: nothing_in_the_way": "survey.causes",
    "network: nothing_in_the_cluster": "survey.causes",
    "network: pod_reaches_pods": "check routes and the firewall",
    "network: pod_reaches_service": "kubectl -n kube-system logs",
    "network: pod_reaches_itself": "hairpin mode",
    "network: pod_reaches_api_server": "kubectl -n kube-system logs",
    "network: machine_reaches_pods": "check routes and the firewall",
    "network: machine_reaches_service": "kubectl -n kube-system logs",
    "network: machine_reaches_node_ports": "kubectl -n kube-system logs",
    "network: largest_packet": "check routes and the firewall",
    "network: dns": "kubectl -n kube-system get pods",
    "network: names_of_the_world": "kubectl -n kube-system get pods",
    "network: policies_allow": "the log of the plug-in's pod",
    "network: policies_deny": "the log of the plug-in's pod",
}


def checks() -> Iterator[tuple[str, str]]:
    """Each check, and its text with that of the constants that it names."""
    for path in sorted(Path(str(suite.__file__)).parent.glob("test_*.py")):
        tree = ast.parse(path.read_text())
        constants = {
            ast.unparse(target): ast.unparse(line.value)
            for line in tree.body
            if isinstance(line, ast.Assign)
            for target in line.targets
        }
        for line in tree.body:
            if isinstance(line, ast.FunctionDef) and line.name.startswith("test_"):
                named = {node.id for node in ast.walk(line) if isinstance(node, ast.Name)}
                texts = (text for name, text in constants.items() if name in named)
                key = f"{path.stem.removeprefix('test_')}: {line.name.removeprefix('test_')}"
                yield key, "\n".join([ast.unparse(line), *texts])


CHECKS = dict(checks())


def planned(world: World) -> list[str]:
    return [step.change.summary for step in world.plan().plan.steps]


def test_every_check_has_its_pair() -> None:
    assert set(CHECKS) == set(FIXED) | set(BY_HAND)


@pytest.mark.parametrize("check", BY_HAND)
def test_a_hint_says_what_no_step_does(check: str) -> None:
    assert BY_HAND[check] in CHECKS[check]


@pytest.mark.parametrize("drift", sorted({drift for drifts in FIXED.values() for drift in drifts}))
def test_apply_fixes_what_the_check_finds(drift: str) -> None:
    world = World(
        cluster(host("cp1", "10.0.0.11"), host("w1", "10.0.0.12", node_labels={"disk": "ssd"}, node_taints=()))
    )
    world.apply()
    assert planned(world) == []
    for machine in world.machines.values():
        DRIFTS[drift](world, machine)
    found = planned(world)
    assert found != []
    assert world.apply().errors == {}
    assert planned(world) == []


def test_a_line_that_undoes_a_setting_is_commented_out_and_the_others_stay() -> None:
    world = World(cluster(host("cp1", "10.0.0.11")))
    world.apply()
    machine = world.machines["cp1"]
    DRIFTS["a later file undoes a setting"](world, machine)
    (step,) = world.plan().plan.steps
    assert "/etc/sysctl.d/99-zz.conf" in step.change.summary
    assert "-/etc/sysctl.d/99-zz.conf: net.ipv4.ip_forward = 0\n" in step.change.diff
    world.apply()
    assert machine.read("/etc/sysctl.d/99-zz.conf") == (
        "# a router is none of ours\n# net.ipv4.ip_forward = 0  # commented out by provisioner\nkernel.panic = 5\n"
    )
