"""Where nothing is there yet, looking fails nowhere and leaves no trace. This comes first: later it is not fresh."""

from __future__ import annotations

from provisioner.core.resource import Resource
from provisioner.procedures.bring_up import BRING_UP
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


def test_every_want_of_a_bring_up_can_be_looked_at(subject: Subject) -> None:
    before = subject.hands.trace()
    wants = _wants(subject)
    assert len(wants) > 15
    assert {want.key for want in wants if isinstance(want, (Init, Join))} == {"kubeadm init"}
    wanted = [want.key for want in wants if subject.change(want)]
    assert {"kubeadm init", "packages kubernetes", "service docker.service"} <= set(wanted)
    assert subject.hands.trace() == before


def _wants(subject: Subject) -> list[Resource]:
    view = subject.look()
    return [want for play in BRING_UP.plays for host in play.subjects(view) for want in play.desired(view, host)]
