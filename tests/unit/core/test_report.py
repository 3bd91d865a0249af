from __future__ import annotations

import pytest

from provisioner.core.report import Event, Outcome, StepBegan, StepEnded, step


def test_a_step_is_announced_and_ended() -> None:
    events: list[Event] = []
    with step(events.append, "cp1", "boot", Outcome.OK):
        assert events == [StepBegan("cp1", "boot")]
    ended = events[-1]
    assert isinstance(ended, StepEnded)
    assert (ended.host, ended.title, ended.outcome) == ("cp1", "boot", Outcome.OK)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_step_that_raises_has_failed_and_raises_on(error: type[BaseException]) -> None:
    events: list[Event] = []
    with pytest.raises(error), step(events.append, "cp1", "boot"):
        raise error
    ended = events[-1]
    assert isinstance(ended, StepEnded)
    assert ended.outcome is Outcome.FAILED
