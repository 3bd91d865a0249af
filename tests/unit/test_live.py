"""What a running step prints is for a user who looks at a terminal, and for no one else."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from provisioner.core.report import Outcome, Said, StepBegan, StepEnded, ignore
from provisioner.output.console import Human, Machine
from provisioner.output.log import Log

EVENTS = (
    StepBegan("cp1", "kubeadm init"),
    Said("cp1", "[certs] Generating [x] keys"),
    StepEnded("cp1", "kubeadm init", Outcome.CHANGED, 14.0),
)


def test_on_a_terminal_the_running_step_shows_its_latest_line() -> None:
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, width=100)
    human = Human(console, console)
    for event in EVENTS[:2]:
        human(event)
    human.close()
    assert "kubeadm init — [certs] Generating [x] keys" in shown.getvalue()


def test_elsewhere_it_is_not_shown(tmp_path: Path) -> None:
    plain, lines = io.StringIO(), io.StringIO()
    listeners = (Human(Console(file=plain), Console(file=plain)), Machine(Console(file=lines)))
    with Log(tmp_path / "log", ignore) as log:
        for listen in (*listeners, log):
            for event in EVENTS:
                listen(event)
    for text in (plain.getvalue(), lines.getvalue(), (tmp_path / "log").read_text()):
        assert "kubeadm init" in text
        assert "Generating" not in text
