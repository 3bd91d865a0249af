"""From a machine to a cluster of one: every resource of a bring-up, and every half-done state, in this order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from provisioner.core.command import Command
from provisioner.core.resource import Resource
from provisioner.inventory.values import Secret
from provisioner.manifests.patching import LABEL, finished
from provisioner.plays.workers import RUN_TOKEN_LIFE, token_manifest
from provisioner.procedures.bring_up import BRING_UP
from provisioner.resources.checkpoint import PLACE, Checkpoint, CheckpointGone
from provisioner.resources.daemon_sets import DaemonSetReady
from provisioner.resources.kubeadm import INIT_MARKER, Init
from provisioner.resources.kubectl import ApiReady, JoinToken, Manifest, RunTokensGone
from provisioner.resources.leftovers import ObjectsGone
from provisioner.resources.nodes import NodeMarks
from provisioner.resources.services import Service
from provisioner.world.workloads import (
    BUDGETS,
    DAEMON_SETS,
    LEASES,
    SYSTEM_PODS,
    budgets,
    leases,
    selected_networks,
    system_pods,
)
from tests.builders import network_objects
from tests.contract.subject import HOST, Subject

BEFORE = ("machine", "container runtime", "kubernetes packages")
ALL = tuple(play.title for play in BRING_UP.plays)
ETCD_DATA = "/var/lib/etcd/member"
MANIFESTS = "/etc/kubernetes/manifests"
TOKEN = Secret("contra.0123456789abcdef", "join token")


def wants(subject: Subject, *titles: str) -> list[Resource]:
    """What these plays ask for, as far as it is known now."""
    view = subject.look()
    plays = [play for play in BRING_UP.plays if play.title in titles]
    return [want for play in plays for host in play.subjects(view) for want in play.desired(view, host)]


def bring_about(subject: Subject, *titles: str) -> None:
    """Play by play, as the engine does it."""
    for title in titles:
        subject.bring_about(*wants(subject, title))


@pytest.fixture(scope="module")
def prepared(subject: Subject) -> Subject:
    """A machine that has all that kubeadm needs."""
    bring_about(subject, *BEFORE)
    return subject


def test_a_machine_that_is_prepared_wants_nothing_more(prepared: Subject) -> None:
    assert [want.key for want in wants(prepared, *BEFORE) if prepared.change(want)] == []
    assert not prepared.view.observed.states[HOST].joined


def test_an_init_that_was_killed_is_a_state_and_is_made_again(prepared: Subject) -> None:
    begin, run, *_ = _init(prepared)
    prepared.must(begin)
    prepared.hands.kill_when(run, ETCD_DATA)
    view = prepared.look()
    assert view.observed.states[HOST].init_begun
    assert not view.observed.states[HOST].initialised
    assert view.observed.live is None
    # The next run has begun to reset it, and was killed as well: etcd's manifest is gone, its data are there.
    prepared.hands.put(INIT_MARKER, "etcd\n")
    prepared.hands.remove(MANIFESTS)
    assert "again, after a reset" in _summary(prepared)
    prepared.must(*_init(prepared))
    assert [want.key for want in wants(prepared, "control plane") if prepared.change(want)] == [
        f"copy {prepared.view.observed.facts[HOST].user_home}/.kube/config"
    ]
    bring_about(prepared, "control plane")


def _want(subject: Subject) -> Init:
    return next(want for want in wants(subject, "control plane") if isinstance(want, Init))


def _init(subject: Subject) -> tuple[Command, ...]:
    change = subject.change(_want(subject))
    assert change
    return change.commands


def _summary(subject: Subject) -> str:
    change = subject.change(_want(subject))
    assert change
    return change.summary


def test_a_cluster_is_seen_as_it_is(prepared: Subject) -> None:
    view = prepared.look()
    assert view.observed.states[HOST].initialised
    assert view.observed.states[HOST].joined
    assert {port for port, _ in view.observed.states[HOST].listening} > {6443, 10250}
    assert view.observed.live
    assert view.observed.live.version == str(view.cluster.settings.kubernetes_version)
    assert view.observed.live.run_tokens == (view.materials.join_token.reveal().partition(".")[0],)
    node = view.observed.live.nodes[HOST]
    assert not node.ready
    assert str(node.pod_cidr).startswith("10.244.")
    assert "node-role.kubernetes.io/master:NoSchedule" in node.taints


def test_a_token_is_made_signed_and_removed(prepared: Subject) -> None:
    expires = prepared.now() + RUN_TOKEN_LIFE
    manifest = token_manifest(TOKEN, expires=expires, description="provisioner run: join")
    summary = prepared.settle(JoinToken(TOKEN, manifest, ("w1",)))
    assert summary == "make a join token for w1"
    live = prepared.look().observed.live
    assert live
    assert set(live.run_tokens) > {"contra"}
    assert prepared.settle(RunTokensGone(live.run_tokens)) == "remove the join token"
    gone = prepared.look().observed.live
    assert gone
    assert gone.run_tokens == ()


def test_a_checkpoint_is_whole_or_is_not_there_and_the_first_one_stays(prepared: Subject) -> None:
    first = Checkpoint("contract", "run1", HOST, ("kubeadm", "kubelet"))
    prepared.hands.put(f"{PLACE}/.contract/kubernetes.tar", "what a killed run has left")
    assert prepared.change(first), "what was cut off is none"
    assert prepared.settle(first) == f"keep a checkpoint: {PLACE}/contract"
    assert prepared.hands.names(f"{PLACE}/contract") == {"etcd.db", "kubernetes.tar", "packages", "run"}
    assert prepared.hands.head(f"{PLACE}/contract/etcd.db") == "600 root:root"
    assert prepared.hands.read(f"{PLACE}/contract/packages").startswith("kubeadm 1.20.2")
    assert prepared.change(Checkpoint("contract", "run2", HOST)) is None
    assert prepared.hands.read(f"{PLACE}/contract/run") == "run1\n"
    assert prepared.settle(CheckpointGone("contract")) == "remove the checkpoint contract"
    assert not prepared.hands.names(PLACE)


def test_what_runs_is_read_as_it_is(prepared: Subject) -> None:
    """Budgets, what DaemonSets select, leases of nodes, pods that stay on their node."""
    view = prepared.look(BUDGETS, DAEMON_SETS, LEASES, SYSTEM_PODS)
    assert budgets(view) == ()
    assert selected_networks(view) == {}
    assert abs(leases(view)[HOST] - view.observed.facts[HOST].clock_s) < 60
    assert system_pods(view)[HOST, f"kube-apiserver-{HOST}"]


def test_labels_and_taints_are_set_and_seen(prepared: Subject) -> None:
    for labels, taints in (((("disk", "ssd"),), ("a=b:NoSchedule",)), ((("disk", "hdd"),), ())):
        live = prepared.look().observed.live
        assert live
        want = NodeMarks(HOST, labels, taints, live.nodes[HOST])
        change = prepared.change(want)
        assert change
        prepared.must(*change.commands)
        live = prepared.look().observed.live
        assert live
        assert prepared.change(replace(want, now=live.nodes[HOST])) is None


def test_a_manifest_is_applied_seen_missed_and_deleted(prepared: Subject) -> None:
    """Its image is nowhere, so its pods never become ready."""
    desired = finished(network_objects("mirror.example/nothing:1"), prepared.look())
    assert prepared.settle(Manifest("net", desired.as_json(), desired.namespaces)) == "apply net"
    live = prepared.look().observed.live
    assert live
    network = prepared.view.cluster.settings.network.type
    assert live.daemon_sets == {"kube-system/kube-proxy": "", "kube-system/test-net": network}
    ready = prepared.change(DaemonSetReady("kube-system", "test-net", "app=test-net", (HOST,)))
    assert ready
    assert ready.summary == f"wait until test-net is ready on {HOST}"
    gone = ObjectsGone(f"{LABEL}={network}")
    assert prepared.settle(gone) == f"delete the objects labelled {LABEL}={network}"
    live = prepared.look().observed.live
    assert live
    assert list(live.daemon_sets) == ["kube-system/kube-proxy"]


def test_with_its_network_the_node_gets_ready_and_nothing_is_left(prepared: Subject) -> None:
    bring_about(prepared, *ALL)
    bring_about(prepared, "nodes")
    live = prepared.look().observed.live
    assert live
    assert live.nodes[HOST].ready
    assert [want.key for want in wants(prepared, *ALL) if prepared.change(want)] == []


def test_an_api_server_that_is_silent_is_waited_for(prepared: Subject) -> None:
    prepared.hands.stop_api()
    view = prepared.look()
    assert view.observed.states[HOST].initialised
    assert view.observed.live is None
    assert prepared.change(ApiReady())
    assert prepared.settle(Service("kubelet.service")) == "start kubelet.service"
    prepared.bring_about(ApiReady())
    assert prepared.look().observed.live


def test_after_a_reboot_everything_comes_back_by_itself(prepared: Subject) -> None:
    prepared.hands.reboot()
    assert prepared.hands.names("/run/provisioner") == set()
    assert prepared.look().observed.states[HOST].initialised
    prepared.bring_about(ApiReady())
    bring_about(prepared, "nodes")
    assert [want.key for want in wants(prepared, *ALL) if prepared.change(want)] == []
