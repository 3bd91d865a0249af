"""systemd services: enabled, started, and restarted when what they read is newer than they are."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from provisioner.core.command import Command
from provisioner.resources.files import File
from provisioner.resources.services import Service
from tests.contract.subject import Subject

UNIT = "contract.service"
UNIT_FILE = File(
    f"/etc/systemd/system/{UNIT}",
    "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n",
)
CONFIGURATION = File("/etc/contract/service.conf", "one\n")
DESIRED = Service(UNIT, configuration=(CONFIGURATION.path,))


@pytest.fixture
def running(subject: Subject) -> Subject:
    """A machine with the service as it is desired."""
    for want in (UNIT_FILE, CONFIGURATION, DESIRED):
        subject.bring_about(want)
        subject.hands.later()
    assert subject.change(DESIRED) is None
    return subject


def test_a_unit_that_is_not_there_is_a_state_and_cannot_be_enabled(subject: Subject) -> None:
    change = subject.change(Service("no-such.service"))
    assert change
    assert change.summary == "enable and start no-such.service"
    results = subject.run(*change.commands)
    assert [result.ok for result in results] == [True, False]


def test_a_fresh_unit_is_enabled_and_started(subject: Subject) -> None:
    subject.hands.stop(UNIT) if subject.hands.head(UNIT_FILE.path) else None
    subject.hands.remove(UNIT_FILE.path)
    subject.must(Command(("systemctl", "daemon-reload")))
    subject.settle(UNIT_FILE)
    summary = subject.settle(DESIRED)
    assert summary in (f"enable and start {UNIT}", f"start {UNIT}")


def test_newer_configuration_wants_a_new_process(running: Subject) -> None:
    before = running.hands.started(UNIT)
    running.hands.later()
    running.hands.put(CONFIGURATION.path, "two\n")
    assert running.settle(DESIRED) == f"restart {UNIT} ({CONFIGURATION.path} is newer)"
    assert running.hands.started(UNIT) != before


BREAKING: dict[str, tuple[Callable[[Subject], None], str]] = {
    "stopped": (lambda subject: subject.hands.stop(UNIT), f"start {UNIT}"),
    "killed": (lambda subject: subject.hands.kill(UNIT), f"start {UNIT}"),
    "disabled": (lambda subject: subject.hands.disable(UNIT), f"enable {UNIT}"),
    "its unit file changed": (
        lambda subject: subject.hands.put(UNIT_FILE.path, f"# changed\n{UNIT_FILE.content}"),
        f"restart {UNIT} (its unit file has changed)",
    ),
}


@pytest.mark.parametrize("how", BREAKING)
def test_what_was_broken_by_hand_is_fixed(running: Subject, how: str) -> None:
    damage, summary = BREAKING[how]
    damage(running)
    assert running.settle(DESIRED) == summary
