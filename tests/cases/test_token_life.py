"""How long a join token lives: as long as the last of those takes that join with it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from provisioner.plays.workers import token_life


@pytest.mark.parametrize(
    ("joining", "at_once", "minutes"),
    [(1, 10, 20), (10, 10, 20), (11, 10, 30), (100, 10, 110), (300, 10, 310), (5, 1, 60), (1000, 1, 24 * 60)],
)
def test_it_grows_with_those_who_wait_for_their_turn(joining: int, at_once: int, minutes: int) -> None:
    assert token_life(joining, at_once) == timedelta(minutes=minutes)
