"""What an executor is given can be sent to another process: threads today, a cluster of workers for large fleets."""

from __future__ import annotations

import pickle
import time
from functools import partial

from provisioner.core.command import Command, shell
from provisioner.core.plan import Step
from provisioner.core.report import ignore
from provisioner.core.resource import Change
from provisioner.engine.applying import _run_at
from provisioner.engine.gathering import _Look, _look_on, _probe_on
from provisioner.errors import StepError
from provisioner.inventory.model import Host, Role
from provisioner.inventory.ssh import Ssh
from provisioner.inventory.values import Secret
from provisioner.transports.ssh import SshTransport
from provisioner.world.facts import look


def sent(value: object) -> object:
    return pickle.loads(pickle.dumps(value))  # noqa: S301 - our own bytes


def test_work_can_be_sent() -> None:
    step = Step("w1", "file /etc/x", Change("write", (shell("cat", stdin=Secret("s")),)))
    for work in (
        partial(_look_on, _Look(frozenset({"cp1", "w1"}), frozenset({"cp1"}), (), None, time.time, began_s=0.0)),
        partial(_probe_on, {"w1": (look(leader=True), Command(("true",)))}),
        partial(_run_at, {"cp1": {"w1": [step]}}, ignore),
    ):
        again = sent(work)
        assert isinstance(again, partial)
        assert again.args == work.args


def test_a_transport_is_sent_as_the_want_to_connect() -> None:
    transport = SshTransport(Host(name="w1", role=Role.WORKER, address="192.0.2.1"), Ssh())
    again = sent(transport)
    assert isinstance(again, SshTransport)
    assert again.host == transport.host


def test_an_error_comes_back_with_its_hint() -> None:
    again = sent(StepError("what", hint="do this", details="lines"))
    assert isinstance(again, StepError)
    assert (again.message, again.hint, again.details) == ("what", "do this", "lines")
