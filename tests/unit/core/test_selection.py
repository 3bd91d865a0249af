"""Which plays --only and --skip choose, and what is said of those that are unknown."""

from __future__ import annotations

import pytest

from provisioner.engine.selection import Selection, left_out
from provisioner.errors import UsageError
from provisioner.procedures.bring_up import BRING_UP

ALL = {play.title for play in BRING_UP.plays}


def kept(*, only: tuple[str, ...] = (), skip: tuple[str, ...] = ()) -> set[str]:
    return ALL - left_out(BRING_UP, Selection(only=only, skip=skip))


def test_without_a_want_all_plays_are_done() -> None:
    assert kept() == ALL


@pytest.mark.parametrize("word", ["container runtime", "container-runtime", "Container Runtime"])
def test_titles_may_be_written_with_dashes(word: str) -> None:
    assert kept(only=(word,)) == {"container runtime"}
    assert kept(skip=(word,)) == ALL - {"container runtime"}


def test_both_together() -> None:
    assert kept(only=("machine", "workers"), skip=("workers",)) == {"machine"}


def test_a_misspelt_play_is_named_with_what_was_meant() -> None:
    with pytest.raises(UsageError) as error:
        kept(skip=("container-runtme",))
    assert error.value.message == "--skip container-runtme: there is no such play"
    assert error.value.hint.startswith("Did you mean container-runtime? The plays are: machine, container-runtime, ")


def test_a_play_that_nobody_can_have_meant_lists_them() -> None:
    with pytest.raises(UsageError) as error:
        kept(only=("xyz",))
    assert error.value.hint.startswith("The plays are: machine, ")


def test_to_do_nothing_at_all_is_no_want() -> None:
    with pytest.raises(UsageError, match="leave no play to do"):
        kept(only=("machine",), skip=("machine",))


def test_every_need_is_a_play() -> None:
    assert {need for play in BRING_UP.plays for need in play.needs} <= ALL
