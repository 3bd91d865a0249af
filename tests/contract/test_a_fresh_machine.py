"""Where nothing is there yet, looking fails nowhere and leaves no trace. This comes first: later it is not fresh."""

from __future__ import annotations

from provisioner.core.resource import Resource
from provisioner.plays.playbooks import BRING_UP
from provisioner.resources.kubeadm import Init, Join
from tests.contract.subject import HOST, Subject


def test_it_is_on_no_way_into_a_cluster(subject: Subject) -> None:
    view = subject.look()
    assert view.observed.facts[HOST].hostname == HOST
    assert view.observed.facts[HOST].init == "systemd"
    assert view.observed.facts[HOST].is_root
    assert view.observed.live is None
    state = view.observed.states[HOST]
    assert not state.joined
    assert not state.initialised
    assert 22 in {port for port, _ in state.listening}


def test_every_wish_of_a_bring_up_can_be_looked_at(subject: Subject) -> None:
    before = subject.hands.trace()
    wishes = _wishes(subject)
    assert len(wishes) > 15
    assert {wish.key for wish in wishes if isinstance(wish, (Init, Join))} == {"kubeadm init"}
    wanted = [wish.key for wish in wishes if subject.change(wish)]
    assert {"kubeadm init", "packages kubernetes", "service docker.service"} <= set(wanted)
    assert subject.hands.trace() == before


def _wishes(subject: Subject) -> list[Resource]:
    view = subject.look()
    return [wish for play in BRING_UP for host in play.hosts(view) for wish in play.desired(view, host)]
